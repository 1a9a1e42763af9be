"""Fetching the newest file of a source into its landing folder."""

from __future__ import annotations

import os
from hashlib import blake2b, sha256
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

import httpx

from mlinfra_assets.errors import InvalidInputError, UnavailableError

MAX_REDIRECTS = 5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)


def fetch(
    url: str, folder: Path, *, max_bytes: int, checksum: str | None = None, client: httpx.Client | None = None
) -> Path | None:
    """Fetch a file into a folder, under its name with the first digits of its content's hash.

    It appears there at once and whole, or not at all. Redirects are followed within the same origin only.

    Args:
        url: The file's address (http or https).
        folder: The landing folder; made if it does not exist.
        max_bytes: A larger file is not fetched.
        checksum: SHA-256 that the file has to have, in hexadecimal.
        client: What to fetch with; default: one of its own.

    Returns:
        The new file, or None if the folder holds these very bytes already.

    Raises:
        UnavailableError: The address cannot be reached, or answers with an error.
        InvalidInputError: The file is too large, empty or not the expected one, or the address redirects elsewhere.
    """
    if client is None:
        with httpx.Client(timeout=TIMEOUT, follow_redirects=False) as own:
            content = _download(own, url, max_bytes)
    else:
        content = _download(client, url, max_bytes)
    if not content:
        raise InvalidInputError(f"{url} answered with nothing: try again later")
    if checksum is not None and sha256(content).hexdigest() != checksum.lower():
        raise InvalidInputError(f"{url} is not the expected file: its SHA-256 is {sha256(content).hexdigest()}")
    return _land(content, PurePosixPath(urlsplit(url).path).name or "file", folder)


def _download(client: httpx.Client, url: str, max_bytes: int) -> bytes:
    address = url
    try:
        for _ in range(MAX_REDIRECTS + 1):
            with client.stream("GET", address, follow_redirects=False) as response:
                if not response.has_redirect_location:
                    response.raise_for_status()
                    return _body(response, url, max_bytes)
                address = _same_origin(url, urljoin(address, response.headers["location"]))
    except httpx.HTTPStatusError as error:
        raise UnavailableError(f"{url} answers {error.response.status_code}: try again later") from error
    except httpx.HTTPError as error:
        raise UnavailableError(
            f"{url} cannot be reached ({error}): check the network, or put the file in by hand"
        ) from error
    raise UnavailableError(f"{url} redirects more than {MAX_REDIRECTS} times: give its present address")


def _body(response: httpx.Response, url: str, max_bytes: int) -> bytes:
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise InvalidInputError(
                f"{url} is larger than {max_bytes:,} bytes: raise ingest.maxBytes, or split the file"
            )
    return bytes(content)


def _same_origin(url: str, target: str) -> str:
    first, then = urlsplit(url), urlsplit(target)
    if (first.scheme, first.hostname, first.port) != (then.scheme, then.hostname, then.port):
        raise InvalidInputError(
            f"{url} redirects to another origin, {then.scheme}://{then.netloc}: declare that address"
        )
    return target


def _land(content: bytes, name: str, folder: Path) -> Path | None:
    stem, dot, suffix = name.rpartition(".")
    digest = blake2b(content, digest_size=6).hexdigest()
    path = folder / (f"{stem}.{digest}.{suffix}" if dot and stem else f"{name}.{digest}")
    if path.exists():
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{path.name}.{os.getpid()}.part"
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {error.strerror}") from error
    return path

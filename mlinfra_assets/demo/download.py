"""Fetches the demo's two public files once, checks what came, and keeps it in the user's cache folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from mlinfra_assets.errors import InvalidInputError, UnavailableError

UCI = "https://archive.ics.uci.edu/static/public/352/online+retail.zip"
ECB = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"
MAX_REDIRECTS = 3
CHUNK = 1 << 18
TIMEOUT = 10.0


class DownloadError(UnavailableError):
    """A file cannot be had: no network, or what came is not what was asked for. Nothing of it is kept."""


@dataclass(frozen=True)
class Remote:
    """A file that somebody else publishes.

    Attributes:
        url: Where it is. A redirect is followed on the same host only.
        name: Its name in the cache.
        max_bytes: A longer answer is refused.
        verify: Raises an `MlinfraError` if a file is not the one that is meant.
    """

    url: str
    name: str
    max_bytes: int
    verify: Callable[[Path], object]


def cache_folder() -> Path:
    """The user's cache: `$XDG_CACHE_HOME/mlinfra`, else what the system uses."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "mlinfra"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "mlinfra"


def fetch(remote: Remote, cache: Path, *, advance: Callable[[int, int | None], None] | None = None) -> Path:
    """The file, from the cache or else from its publisher.

    The publishers state no checksum. The content of the first download is verified, and its SHA-256 is written beside
    it; from then on the cached file has to have that checksum, or it is fetched again.

    Args:
        remote: What to fetch.
        cache: Folder to keep it in; made if it is missing.
        advance: Called with the bytes that have come, and how many there will be if that is known.

    Raises:
        DownloadError: Not reachable, too long, torn, or not the file that is meant.
    """
    path, pin = cache / remote.name, cache / f"{remote.name}.sha256"
    if path.is_file() and pin.is_file() and _checksum(path) == pin.read_text().strip():
        return path
    draft = cache / f".{remote.name}.{os.getpid()}.part"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _download(remote, draft, advance or (lambda _done, _total: None))
        _verify(remote, draft)
        pin.unlink(missing_ok=True)
        draft.replace(path)
        pin.write_text(_checksum(path) + "\n")
    except OSError as error:
        raise DownloadError(f"{cache} cannot keep {remote.name}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return path


def _verify(remote: Remote, draft: Path) -> None:
    try:
        remote.verify(draft)
    except InvalidInputError as error:
        raise DownloadError(str(error).replace(str(draft), remote.url)) from error


def _download(remote: Remote, draft: Path, advance: Callable[[int, int | None], None]) -> None:
    import httpx

    url = remote.url
    try:
        with httpx.Client(timeout=TIMEOUT) as client:
            for _ in range(MAX_REDIRECTS + 1):
                with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                    if answer.has_redirect_location:
                        url = _same_host(url, answer.headers["location"])
                        continue
                    if answer.status_code != httpx.codes.OK:
                        raise DownloadError(f"{url} answered {answer.status_code} {answer.reason_phrase}")
                    _save(answer, remote, draft, advance)
                    return
    except httpx.RemoteProtocolError as error:
        raise DownloadError(f"{url} broke off: {error}") from error
    except httpx.HTTPError as error:
        raise DownloadError(f"{url} cannot be reached: {error or type(error).__name__}") from error
    raise DownloadError(f"{remote.url} redirects more than {MAX_REDIRECTS} times")


def _same_host(url: str, location: str) -> str:
    target = urljoin(url, location)
    here, there = urlsplit(url), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise DownloadError(f"{url} redirects to another host, {there.scheme}://{there.netloc}: not followed")
    return target


def _save(answer, remote: Remote, draft: Path, advance: Callable[[int, int | None], None]) -> None:  # noqa: ANN001 - an httpx response; httpx is imported late
    stated = answer.headers.get("content-length", "")
    total = int(stated) if stated.isdigit() else None
    if total is not None and total > remote.max_bytes:
        raise DownloadError(f"{remote.url} is {total:,} bytes long; at most {remote.max_bytes:,} are expected")
    done = 0
    with draft.open("wb") as file:
        for part in answer.iter_raw(CHUNK):
            done += len(part)
            if done > remote.max_bytes:
                raise DownloadError(f"{remote.url} is longer than the {remote.max_bytes:,} bytes that are expected")
            file.write(part)
            advance(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and done != total:
        raise DownloadError(f"{remote.url} broke off after {done:,} of {total:,} bytes")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, sha256).hexdigest()

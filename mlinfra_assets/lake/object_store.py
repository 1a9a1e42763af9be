"""What the lake needs of an S3-compatible store beside Delta's own access: its options, and its folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from mlinfra_assets.errors import UnavailableError


def options_from(environment: Mapping[str, str]) -> dict[str, str]:
    """The `AWS_*` variables of an environment, and permission for plain HTTP if the endpoint asks for it."""
    options = {name: value for name, value in environment.items() if name.startswith("AWS_") and value}
    endpoint = options.get("AWS_ENDPOINT_URL_S3") or options.get("AWS_ENDPOINT_URL")
    if endpoint:
        options["AWS_ENDPOINT_URL"] = endpoint
        if endpoint.startswith("http://"):
            options.setdefault("AWS_ALLOW_HTTP", "true")
    return options


def files_below(root: str, options: Mapping[str, str]) -> set[str]:
    """Paths of all objects below `root` (an `s3://` address)."""
    address = urlsplit(root)
    start = f"{address.path.strip('/')}/"
    with _listing(root):
        pages = _client(options).get_paginator("list_objects_v2").paginate(Bucket=address.netloc, Prefix=start)
        return {found["Key"].removeprefix(start) for page in pages for found in page.get("Contents", [])}


def folders_with(root: str, marker: str, options: Mapping[str, str]) -> Iterator[str]:
    """Paths below `root` (an `s3://` address) of the folders that hold a folder named `marker`."""
    address = urlsplit(root)
    base = address.path.strip("/")
    start = f"{base}/" if base else ""
    pages = _client(options).get_paginator("list_objects_v2")
    pending = [start]
    with _listing(root):
        while pending:
            prefix = pending.pop()
            found = [
                common["Prefix"]
                for page in pages.paginate(Bucket=address.netloc, Prefix=prefix, Delimiter="/")
                for common in page.get("CommonPrefixes", [])
            ]
            if f"{prefix}{marker}/" in found:
                yield prefix[len(start) :].rstrip("/")
            else:
                pending += found


def _client(options: Mapping[str, str]) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=options.get("AWS_ENDPOINT_URL"),
        region_name=options.get("AWS_REGION") or options.get("AWS_DEFAULT_REGION"),
        aws_access_key_id=options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=options.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=options.get("AWS_SESSION_TOKEN"),
    )


@contextmanager
def _listing(root: str) -> Iterator[None]:
    """Turn the store's errors into one that says what to do."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(
            f"the lake at {root} cannot be listed: check the address and the AWS_* variables ({error})"
        ) from error

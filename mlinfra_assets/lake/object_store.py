"""What the lake needs of an S3-compatible store beside Delta's own access: its options, and its folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def folders_with(root: str, marker: str, options: Mapping[str, str]) -> Iterator[str]:
    """Paths below `root` (an `s3://` address) of the folders that hold a folder named `marker`."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    address = urlsplit(root)
    client = boto3.client(
        "s3",
        endpoint_url=options.get("AWS_ENDPOINT_URL"),
        region_name=options.get("AWS_REGION") or options.get("AWS_DEFAULT_REGION"),
        aws_access_key_id=options.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=options.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=options.get("AWS_SESSION_TOKEN"),
    )
    base = address.path.strip("/")
    start = f"{base}/" if base else ""
    pages = client.get_paginator("list_objects_v2")
    pending = [start]
    try:
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
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(
            f"the lake at {root} cannot be listed: check the address and the AWS_* variables ({error})"
        ) from error

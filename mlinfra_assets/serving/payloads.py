"""The records of a request's body, each with the very bytes that were sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import orjson
from fastapi import HTTPException

from mlinfra_assets.errors import InvalidInputError

MAX_RECORDS = 10_000
JSON, LINES = "application/json", "application/x-ndjson"
BLANK = b" \t\r\n"
BROKEN = "the body is not JSON"
# Only where values end is asked: numbers stay text, however long they are.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)


def payloads(content_type: str | None, body: bytes) -> list[bytes]:
    """The records of a body.

    JSON is one record, or a list of them. Of NDJSON each line is one, without its end; blank lines are none. What a
    record holds is not looked at.

    Args:
        content_type: The header of that name.
        body: What was sent.

    Raises:
        HTTPException: 415: the content is of another type.
        InvalidInputError: It is not JSON as a whole, holds no record, or too many.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in _SPLIT:
        raise HTTPException(415, f"send {JSON} or {LINES}")
    found = _SPLIT[kind](body)
    if not found:
        raise InvalidInputError("the body holds no record")
    if len(found) > MAX_RECORDS:
        raise InvalidInputError(f"the body holds {len(found):,} records, more than {MAX_RECORDS:,}: send several")
    return found


def _lines(body: bytes) -> list[bytes]:
    lines = (line.removesuffix(b"\r") for line in body.split(b"\n"))
    return [line for line in lines if line.strip(BLANK)]


def _values(body: bytes) -> list[bytes]:
    try:
        orjson.loads(body)
        text = body.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{BROKEN}: {error}") from error
    if not body.strip(BLANK).startswith(b"["):
        return [body.strip(BLANK)]
    try:
        return _elements(text)
    except RecursionError as error:
        raise InvalidInputError(f"{BROKEN} that can be read: it is nested too deep") from error


def _elements(text: str) -> list[bytes]:
    """The elements of a list that is known to be JSON."""
    blank = BLANK.decode()
    found: list[bytes] = []
    at = text.index("[") + 1
    while True:
        while text[at] in blank or text[at] == ",":
            at += 1
        if text[at] == "]":
            return found
        _, end = _DECODER.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end


_SPLIT: Mapping[str, Callable[[bytes], list[bytes]]] = {
    JSON: _values,
    LINES: _lines,
    "application/ndjson": _lines,
    "application/jsonl": _lines,
}

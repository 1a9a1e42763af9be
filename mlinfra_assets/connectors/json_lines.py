"""One JSON object a message: bytes to a mapping, or the reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import NoReturn, cast

import orjson

from mlinfra_assets.connectors.nested import holder, value_of
from mlinfra_assets.contracts.violation import Violation, shown

MAX_DEPTH = 32
LONG_NUMBER = re.compile(rb"[0-9][0-9.]{15}")
LONGEST_WHOLE = 40
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode_message(payload: bytes, exact: tuple[str, ...] = ()) -> dict[str, object] | Violation:
    """The fields of a message.

    Args:
        payload: The message's bytes.
        exact: Fields whose numbers are needed to the last digit. A number of more digits than a double holds comes
            back as a Decimal or an int there.

    Returns:
        Field to value, or what is wrong with the message as a whole.
    """
    try:
        record = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return _why_not(payload, error)
    if not isinstance(record, dict):
        return Violation(None, "object", shown(record), f"the message is {_kind(record)}, not a JSON object")
    if payload.count(b"{") + payload.count(b"[") > MAX_DEPTH and _too_deep(record):
        return Violation(None, "depth", None, f"nested deeper than {MAX_DEPTH} levels")
    if exact and LONG_NUMBER.search(payload):
        _restore_digits(record, payload, exact)
    return record


def to_text(record: Mapping[str, object]) -> str:
    """A decoded record as JSON text again; what no JSON number holds comes out as text."""
    return json.dumps(record, default=str, ensure_ascii=False, separators=(",", ":"))


def _restore_digits(record: dict[str, object], payload: bytes, fields: tuple[str, ...]) -> None:
    wanted = [f for f in fields if isinstance(value_of(record, f), int | float)]
    if not wanted:
        return
    precise = json.loads(payload, parse_float=Decimal, parse_int=_whole, parse_constant=_refuse)
    for name in wanted:
        at, last = holder(record, name)
        cast("dict[str, object]", at)[last] = value_of(precise, name)


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= LONGEST_WHOLE else Decimal(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _too_deep(record: object) -> bool:
    level, depth = [record], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
            if isinstance(inner, dict | list)
        ]
    return False


def _why_not(payload: bytes, error: orjson.JSONDecodeError) -> Violation:
    if not payload:
        return Violation(None, "JSON", "", "the message is empty")
    try:
        text = payload.decode()
    except UnicodeDecodeError as wrong:
        found = payload[max(0, wrong.start - 20) : wrong.start + 20]
        return Violation(None, "UTF-8", shown(found), f"byte {wrong.start} is not UTF-8")
    if payload.startswith(BYTE_ORDER_MARK):
        return Violation(None, "JSON", shown(text), "not JSON: starts with a byte order mark")
    if "depth limit" in error.msg:
        return Violation(None, "depth", shown(text), f"nested deeper than {MAX_DEPTH} levels")
    return Violation(None, "JSON", shown(text), f"not JSON: {error.msg} at character {error.pos}")


def _kind(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")

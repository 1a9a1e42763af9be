"""Requests that mean no good, each decided by a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from tests.support.declared import LINE

ENTITY = {"customer_id": 17850}
BODIES = {
    "/v1/features": {"features": ["customer_features:orders", "customer_features"], "entities": [ENTITY]},
    "/v1/predict/{model}": {"entities": [ENTITY, {"customer_id": 5}]},
    "/get-online-features": {"features": ["customer_features:orders"], "entities": {"customer_id": [1, 2]}},
    "/v1/ingest/{source}": [LINE, LINE],
    "/v1/outcomes": [{"model": "churn", "prediction_id": "p", "observed_at": "2011-12-09T12:50:00Z", "label": 1}],
}
NAMED = {"model": ["churn", "fraud"], "source": ["order_lines", "outcomes", "predictions", "exchange_rates"]}
PATHS = ["..", "%00", "%ff", "%2e%2e%2f", "a" * 500, "\x01", "caf\xe9", "*", "", "?", "//", "%", "'; --", "{model}"]
LEAVES: list[bytes] = [
    b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"9" * 400, b"1" + b"0" * 5_000, b"1.5",
    b"-0", b"9223372036854775808", b"18446744073709551616", b"1e-400", b'"\\ud800"', b'"\\u0000"', b'""',
    b'"' + b"x" * 5_000 + b'"', b"[]", b"{}", b"[[[]]]", b'{"a":{"a":{}}}', b"[" * 60 + b"]" * 60,
    b"[" * 900 + b"]" * 900,    b'"\xff\xfe"', b'"\xed\xa0\x80"',
    b'"2011-13-45T99:99:99Z"', b'"0000-00-00"', b'"99999999999-01-01"', b"0x10", b"01", b"'x'", b"+1", b'"\t"', b"1e5",
]  # fmt: skip
HEADERS: list[bytes] = [
    b"content-type: text/plain", b"content-type: application/json; charset=utf-16",
    b"content-type: multipart/form-data",
    b"content-type: application/x-ndjson", b"content-type: \xff", b"content-encoding: gzip", b"transfer-encoding: gzip",
    b"transfer-encoding: chunked", b"content-length: 5", b"content-length: -1", b"content-length: 99999999999999999999",
    b"content-length: 0x10", b"content-length: 1, 1", b"host: evil.example", b"host:", b"expect: 100-continue",
    b"upgrade: h2c\r\nconnection: upgrade", b"upgrade: websocket\r\nconnection: upgrade", b"connection: close",
    b"idempotency-key:", b"idempotency-key: k", b"idempotency-key: " + b"k" * 300, b"idempotency-key: \xe9\xff",
    b"authorization: Bearer", b"authorization: Bearer \xff\xff", b"authorization: Basic eDp5", b"x: " + b"y" * 20_000,
    b"x-request-id: {\"a\"\x09}", b" folded: x", b"no colon", b"na me: x", b"x\x00y: z",
    b"range: bytes=0-", b"cookie: a=b",
    b"x-http-method-override: DELETE", b"x-forwarded-for: 127.0.0.1", b"accept: application/xml",
]  # fmt: skip
METHODS = [
    b"GET",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"post",
    b"BREW",
    b"",
    b"PRI",
]
QUERIES = [
    "",
    "",
    "",
    "?partial=true",
    "?partial=maybe",
    "?partial",
    "?x=" + "y" * 300,
    "?%ff=%00",
    "?partial=true&partial=no",
]


@dataclass(frozen=True)
class Hostile:
    """A request.

    Attributes:
        data: Its bytes.
        what: What was done to it.
        whole: Whether it is HTTP as it should be, so that it has to be answered.
    """

    data: bytes
    what: str
    whole: bool


def hostile(seed: int, count: int, addresses: list[tuple[str, str]]) -> Iterator[Hostile]:
    """So many requests to these addresses (method and path as declared)."""
    dice = random.Random(seed)
    for _ in range(count):
        method, template = dice.choice(addresses)
        path = re.sub(r"\{(\w+)\}", lambda name: _name(dice, name[1]), template) + dice.choice(QUERIES)
        what, body = _body(dice, template)
        game = dice.random()
        if game < 0.70:
            yield Hostile(_request(method.encode(), path, body, _type(dice, template)), f"{path}: {what}", True)
        elif game < 0.90:
            yield _headers(dice, method.encode(), path, body)
        elif game < 0.97:
            yield _lie(dice, method.encode(), path, body)
        else:
            yield Hostile(dice.randbytes(dice.randint(1, 400)), "noise", False)


def _name(dice: random.Random, name: str) -> str:
    return dice.choice(PATHS if dice.random() < 0.2 else NAMED.get(name, [name]))


def _type(dice: random.Random, template: str) -> bytes:
    records = template.startswith(("/v1/ingest", "/v1/outcomes"))
    return b"application/x-ndjson" if records and dice.random() < 0.3 else b"application/json"


def _body(dice: random.Random, template: str) -> tuple[str, bytes]:
    good = orjson.dumps(BODIES.get(template, {}))
    kind = dice.randrange(9)
    if kind == 0:
        return "as it should be", good
    if kind == 1:
        return "cut off", good[: dice.randrange(len(good) + 1)]
    if kind == 2:
        return "random bytes", dice.randbytes(dice.randint(0, 500))
    if kind == 3:
        at = dice.randrange(len(good) + 1)
        return "a byte changed", good[:at] + dice.randbytes(1) + good[at + 1 :]
    if kind == 4:
        depth = dice.choice([10, 100, 1_000, 20_000])
        opener = dice.choice([b"[", b'{"a":', b'[{"entities":'])
        return "deep", opener * depth
    if kind == 5:
        return "a bare value", dice.choice(LEAVES)
    if kind == 6:
        return "unknown fields", good.replace(
            b"{", b'{"%s":%s,' % (dice.choice([b"a", b"", b"$ref", b"__proto__"]), dice.choice(LEAVES)), 1
        )
    if kind == 7:
        return "large", good + b" " * dice.choice([1_000, 40_000, 1_100_000 if dice.random() < 0.05 else 10])
    return "other values", _other(dice, good)


def _other(dice: random.Random, good: bytes) -> bytes:
    """Some of the values replaced by others."""
    places = list(re.finditer(rb'(?<=[:\[,])("[^"]*"|-?[\d.]+|\{[^{}]*\})(?=[,\]}])', good))
    for place in sorted(dice.sample(places, min(len(places), dice.randint(1, 2))), key=lambda p: -p.start()):
        good = good[: place.start()] + dice.choice(LEAVES) + good[place.end() :]
    return good


def _request(
    method: bytes, path: str, body: bytes, kind: bytes, *headers: bytes, version: bytes = b"HTTP/1.1"
) -> bytes:
    target = path.encode("latin-1").replace(b" ", b"%20").replace(b"\x01", b"%01")
    lines = [method + b" " + target + b" " + version, b"host: 127.0.0.1", b"content-type: " + kind]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), *headers, b"", b""]) + body


def _headers(dice: random.Random, method: bytes, path: str, body: bytes) -> Hostile:
    games = dice.sample(HEADERS, dice.randint(1, 3))
    version = dice.choice([b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/9.9", b"HTTQ/1.1", b""])
    used = dice.choice(METHODS) if dice.random() < 0.3 else method
    if dice.random() < 0.05:
        games = [b"x-%d: y" % n for n in range(2_000)]
    data = _request(used, path, body, b"application/json", *games, version=version)
    return Hostile(data, f"{used!r} {path} {games[:3]!r} {version!r}", False)


def _lie(dice: random.Random, method: bytes, path: str, body: bytes) -> Hostile:
    plain = _request(method, path, body, b"application/json")
    said = b"content-length: %d" % len(body)
    kind = dice.randrange(5)
    if kind == 0:
        return Hostile(
            plain.replace(said, b"content-length: %d" % (len(body) + dice.randint(1, 900))), "too short", False
        )
    if kind == 1:
        return Hostile(plain.replace(said, b"content-length: %d" % (len(body) // 2)), "too long", False)
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    lies = [
        chunk,
        b"fffffffffffffffff\r\n",
        b"-5\r\nabc\r\n",
        b"zz\r\n",
        b"5;ext=\x00\r\nabcde\r\n0\r\n\r\n",
        chunk + b"0\r\nx: y",
    ]
    head = plain[: len(plain) - len(body)]
    if kind in {2, 3}:
        return Hostile(head.replace(said, b"transfer-encoding: chunked") + dice.choice(lies), "chunks that lie", False)
    return Hostile(
        head.replace(said, said + b"\r\ntransfer-encoding: chunked") + chunk + b"0\r\n\r\n", "both lengths", False
    )

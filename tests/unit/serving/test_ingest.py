"""Records by the API: the contract's verdict, all or none, the very bytes, and once under one key."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.ingest.raw import raw_table
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.serving.intake import Sent
from mlinfra_assets.serving.payloads import JSON, LINES, payloads
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.api_keys import bearer, key
from tests.support.declared import declared, line, processed, reasons
from tests.support.intake import TOPIC, held, make_intake, positions, taking

PATH = "/v1/ingest/order_lines"
ODD = b'{ "InvoiceNo":"536365" ,"StockCode":"85123A","Description":"caf\xc3\xa9 \\u00e9 \\"[{,}]\\"","Quantity":6,\
"InvoiceDate":"2010-12-01 08:26:00","UnitPrice":2.550,"CustomerID":"17850.0","Country":"United Kingdom"\t}'
BAD = [line(Quantity=20_000), line(InvoiceNo="x"), b"5", line(UnitPrice=None)]


@pytest.fixture
def api(client, log, clock, settings):
    with taking(client, log, clock, settings) as caller:
        yield caller


def send(api, records, kind=LINES, path=PATH, **headers):
    body = b"\n".join(records) if kind == LINES else b"[" + b" ,\n".join(records) + b"]"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post(path, content=body, headers={"content-type": kind, **named})


@pytest.mark.parametrize("kind", [JSON, LINES, "application/jsonl; charset=utf-8"])
def test_records_stand_where_the_answer_says_with_the_bytes_that_were_sent(api, log, kind):
    records = [line(), ODD, line(Quantity=2), ODD]
    answer = send(api, records, kind if kind == JSON else LINES)
    assert answer.json() | {"records": []} == {"source": TOPIC, "accepted": 4, "refused": 0, "records": []}
    assert held(log) == list(zip(positions(answer), records, strict=True))


def test_one_object_is_one_record(api, log):
    answer = api.post(PATH, content=b" " + ODD + b"\n", headers={"content-type": JSON})
    assert held(log) == [(positions(answer)[0], ODD)]


def test_what_is_taken_lands_in_raw_byte_for_byte(api, log, clock, tmp_path):
    records = [line(), ODD]
    places = positions(send(api, records, JSON))
    lake, source = Lake(str(tmp_path / "lake")), declared(TOPIC)
    land_stream(lake, log, source, Provenance(run_id="run", code_version="code"), clock)
    raw = raw_table(lake, source).read().sort("offset")
    assert raw["payload"].to_list() == records
    assert list(raw.select("partition", "offset").iter_rows()) == places


def test_one_bad_record_keeps_all_out_and_the_reasons_are_those_of_the_batch_path(api, log):
    answer = send(api, [line(), *BAD])
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["message"] == "4 of 5 records break the contract of order_lines: nothing was appended"
    said = [text.split(": ") for text in error["reasons"]]
    expected = reasons(processed(declared(TOPIC), line(), *BAD))
    assert [
        [f"{f}: {rule}" for number, f, rule, *_ in said if number == f"records.{n}"] for n in range(1, 5)
    ] == expected
    assert held(log) == []


def test_partial_takes_the_good_ones_and_says_what_is_wrong_with_the_others(api, log):
    answer = send(api, [BAD[0], line(), BAD[2]], path=f"{PATH}?partial=true")
    assert answer.status_code == 202
    first, second, third = answer.json()["records"]
    assert held(log) == [((second["partition"], second["offset"]), line())]
    assert first["reasons"][0].startswith("quantity: maximum")
    assert third["reasons"][0].startswith("record: object")
    assert send(api, BAD, path=f"{PATH}?partial=true").status_code == 422


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", JSON, 422),
        (b"[]", JSON, 422),
        (b"\n \n", LINES, 422),
        (b"[1,]", JSON, 422),
        (b"\xff\xfe", JSON, 422),
        (b"[" * 100_000, JSON, 422),
        (b"[" + b"[" * 1_000 + b"]" * 1_000 + b"]", JSON, 422),
        (b"[" + b"9" * 100_000 + b"]", JSON, 422),
        (b"[" + b"1," * 10_000 + b"1]", JSON, 422),
        (line(), "text/plain", 415),
        (line(), "application/x-www-form-urlencoded", 415),
        (line(), "", 415),
    ],
)
def test_what_is_no_records_is_refused(api, log, content, kind, status):
    answer = api.post(PATH, content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert held(log) == []


@pytest.mark.parametrize("source", ["order_line", "exchange_rates", "predictions", "outcomes", "..", "%00"])
def test_only_sources_of_plain_json_take_records(api, source):
    assert send(api, [line()], path=f"/v1/ingest/{source}").status_code == 404


def test_the_same_key_again_gives_the_same_answer_and_appends_nothing(api, log):
    first = send(api, [line(), ODD], idempotency_key="a-1")
    again = send(api, [line(), ODD], idempotency_key="a-1")
    assert (again.status_code, again.content) == (202, first.content)
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert len(held(log)) == 2
    other = send(api, [line(), line()], idempotency_key="a-1")
    assert other.status_code == 422
    assert "used with another request" in other.json()["error"]["message"]
    assert send(api, [line(), ODD], path=f"{PATH}?partial=true", idempotency_key="a-1").status_code == 422
    assert len(held(log)) == 2


def test_a_refused_request_uses_no_key_up(api, log):
    assert send(api, [BAD[0]], idempotency_key="a-2").status_code == 422
    assert send(api, [line()], idempotency_key="a-2").status_code == 202
    assert len(held(log)) == 1


def test_keys_are_each_callers_own(client, log, clock, settings):
    keys = ",".join(
        [key("a", "one", "ingest:order_lines"), key("b", "two", "ingest"), key("c", "three", "ingest:other")]
    )
    with taking(client, log, clock, replace(settings, api_keys=keys)) as api:
        for secret in ("one", "two", "one"):
            assert send(api, [line()], idempotency_key="k", **bearer(secret)).status_code == 202
        answer = send(api, [line()], **bearer("three"))
        assert answer.status_code == 403
        assert "ingest:order_lines" in answer.text
    assert len(held(log)) == 2


def test_the_same_request_at_once_is_taken_once(api, log):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(api, [line(), ODD], idempotency_key="at-once"), range(16)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert len(held(log)) == 2


def test_keys_are_bounded_and_expire(client, log, clock, settings, monkeypatch):
    monkeypatch.setattr("mlinfra_assets.serving.kept_answers.MOST", 3)
    intake = make_intake(client, log, clock, settings)
    for number in range(10):
        intake.take(TOPIC, Sent([line()], "shop", f"k{number}"))
    entries = [name for name in client.keys("mlinfra:idempotency:*") if client.type(name) == b"hash"]
    assert len(entries) == 3
    assert all(0 < client.ttl(name) <= 24 * 3600 for name in client.keys("mlinfra:idempotency:*"))


class Failing(RedisLog):
    """A log that appends so many records, and then is gone before it has answered."""

    def __init__(self, client, appended):
        super().__init__(client)
        self._appended = appended

    def append(self, topic, records, at=None):
        super().append(topic, records[: self._appended], at)
        raise UnavailableError("the stream is gone")


@pytest.mark.parametrize("appended", [0, 1, 3])
def test_a_request_whose_stream_broke_goes_on_where_it_was(client, log, clock, settings, appended):
    sent = Sent([line(Quantity=n) for n in (1, 2, 3)], "shop", "broken")
    with pytest.raises(UnavailableError):
        make_intake(client, Failing(client, appended), clock, settings).take(TOPIC, sent)
    assert len(held(log)) == appended
    answer = orjson.loads(make_intake(client, log, clock, settings).take(TOPIC, sent).body)
    assert [payload for _, payload in held(log)] == list(sent.records)
    assert [(r["partition"], r["offset"]) for r in answer["records"]] == [position for position, _ in held(log)]


KILLED = """
import os, signal, sys
import redis
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.serving.intake import Sent
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.intake import TOPIC, make_intake
from tests.support.declared import line

class Killed(RedisLog):
    def append(self, topic, records, at=None):
        super().append(topic, records[:2], at)
        os.kill(os.getpid(), signal.SIGKILL)

client = redis.Redis(unix_socket_path=sys.argv[1])
intake = make_intake(client, Killed(client), SystemClock(), Settings())
intake.take(TOPIC, Sent([line(Quantity=n) for n in (1, 2, 3)], "shop", "killed"))
"""


def test_a_process_killed_between_append_and_answer_leaves_nothing_twice(client, log, clock, settings):
    server = client.connection_pool.connection_kwargs["server"]
    child = subprocess.run([sys.executable, "-c", KILLED, str(server.socket)], check=False, env={**os.environ})
    assert child.returncode == -signal.SIGKILL
    (entry,) = [name for name in client.keys("mlinfra:idempotency:*") if client.type(name) == b"hash"]
    sent = Sent([line(Quantity=n) for n in (1, 2, 3)], "shop", "killed")
    client.hset(entry, "lease", 0)  # the lease of a process that is gone ends by itself
    answer = orjson.loads(make_intake(client, log, clock, settings).take(TOPIC, sent).body)
    assert [payload for _, payload in held(log)] == list(sent.records)
    assert answer["accepted"] == 3


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.lists(VALUES, min_size=1), st.sampled_from([b"", b" ", b"\n\t ", b"\r\n"]), st.booleans())
@examples(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_list_is_split_into_the_very_bytes_of_its_elements(values, blank, spaced):
    import json

    texts = [json.dumps(value, indent=1 if spaced else None).encode() for value in values]
    body = blank + b"[" + blank + (blank + b"," + blank).join(texts) + blank + b"]" + blank
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return  # integers and surrogates that only Python takes for JSON
    assert payloads(JSON, body) == texts

"""Records that come in by the API, into a topic of Kafka."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from mlinfra_assets.clock import SystemClock
from mlinfra_assets.contracts.source import StreamIngest
from mlinfra_assets.serving.intake import Intake, Sent
from mlinfra_assets.serving.kept_answers import KeptAnswers
from mlinfra_assets.settings import Settings
from tests.support.declared import LIMIT, declared, line
from tests.support.intake import held
from tests.support.kafka_topic import own_topic
from tests.support.online import client, redis_server

__all__ = ["client", "redis_server"]

pytestmark = pytest.mark.service("kafka")


@pytest.fixture
def topic(kafka_servers):
    with own_topic(kafka_servers, partitions=3) as made:
        yield made


@pytest.fixture
def intake(topic, client):
    source = replace(declared("order_lines"), ingest=StreamIngest(topic.name, system="kafka"))
    answers = KeptAnswers(client, Settings().api_idempotency_hours)
    return Intake({source.name: source}, lambda _: topic.log, SystemClock(), answers, LIMIT)


def positions(answer):
    return [(one["partition"], one["offset"]) for one in orjson.loads(answer.body)["records"]]


def test_records_stand_where_the_answer_says_with_the_bytes_that_were_sent(intake, topic):
    records = [line(Quantity=n) for n in range(1, 50)]
    places = positions(intake.take("order_lines", Sent(records, None)))
    assert dict(held(topic.log, topic.name)) == dict(zip(places, records, strict=True))


def test_the_same_key_again_appends_nothing(intake, topic):
    sent = Sent([line(), line()], "shop", "k")
    first, again = intake.take("order_lines", sent), intake.take("order_lines", sent)
    assert (again.body, again.repeated) == (first.body, True)
    assert len(held(topic.log, topic.name)) == 2


def test_a_request_that_died_in_the_middle_goes_on_where_it_was(intake, topic, monkeypatch):
    sent = Sent([line(Quantity=n) for n in range(1, 9)], "shop", "k")
    whole = topic.log.append

    def half(name, records, at=None):
        whole(name, records[:3], at)
        raise ConnectionError("gone")

    monkeypatch.setattr(topic.log, "append", half)
    with pytest.raises(ConnectionError):
        intake.take("order_lines", sent)
    monkeypatch.undo()
    places = positions(intake.take("order_lines", sent))
    assert dict(held(topic.log, topic.name)) == dict(zip(places, sent.records, strict=True))

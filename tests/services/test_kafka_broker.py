"""A broker of the test's own: TLS and a log-in, and a broker that goes away in mid-read and comes back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_log import KafkaLog
from mlinfra_assets.streams.record import NewRecord
from tests.support.closed_port import closed_port
from tests.support.kafka_broker import OwnBroker, own_broker
from tests.support.kafka_topic import own_topic

pytestmark = pytest.mark.service("kafka")
SECURE = closed_port()
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="open sesame";'
PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@,SASL_SSL://127.0.0.1:{secure}
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SASL_SSL://127.0.0.1:{secure}
ssl.keystore.type=PEM
ssl.keystore.location={store}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that the broker has signed itself; beside it `store.pem`, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *files], check=True, capture_output=True
    )
    (folder / "store.pem").write_text((folder / "key.pem").read_text() + (folder / "ca.pem").read_text())
    return folder / "ca.pem"


@pytest.fixture(scope="module")
def broker(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    properties = PROPERTIES.format(secure=SECURE, store=authority.with_name("store.pem"), login=LOGIN)
    with own_broker(tmp_path_factory.mktemp("broker"), properties) as made:
        yield made


@pytest.fixture
def secured(authority: Path) -> dict[str, str]:
    """The settings of the log-in."""
    return {
        "kafka_servers": f"127.0.0.1:{SECURE}",
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_ca_file": str(authority),
        "kafka_user": "reader",
        "kafka_password": "open sesame",
    }


def numbers(log: KafkaLog, topic: str, upto: dict[int, int]) -> list[int]:
    frames = log.read(topic, {}, upto, max_records=500, max_bytes=1 << 20)
    return [int(value) for frame in frames for value in frame["payload"]]


def test_records_go_and_come_over_tls_with_a_login(broker: OwnBroker, secured: dict[str, str]) -> None:
    with own_topic(broker.servers) as topic:
        log = KafkaLog(Settings(**secured))  # pyright: ignore[reportArgumentType]
        log.append(topic.name, [NewRecord(b"1"), NewRecord(b"2")])
        assert numbers(log, topic.name, log.end(topic.name)) == [1, 2]
        log.close()


@pytest.mark.parametrize("wrong", [{"kafka_password": "guess"}, {"kafka_ca_file": ""}])
def test_a_refused_login_is_said_without_the_password(
    broker: OwnBroker, secured: dict[str, str], wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.kafka_topics.REQUEST_SECONDS", 3.0)
    log = KafkaLog(Settings(**{**secured, **wrong}))  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnavailableError, match="refuses the connection") as error:
        log.end("lines")
    assert "guess" not in str(error.value)
    assert "sesame" not in str(error.value)


def test_a_broker_that_is_killed_in_mid_read_and_comes_back_loses_and_repeats_nothing(broker: OwnBroker) -> None:
    with own_topic(broker.servers) as topic:
        topic.log.append(topic.name, [NewRecord(b"%d" % n + b" " * 2000) for n in range(20_000)])
        frames = topic.log.read(topic.name, {}, {0: 19_999}, max_records=500, max_bytes=1 << 20)
        found = [int(value) for value in next(frames)["payload"]]
        broker.kill()
        again = threading.Thread(target=broker.start)
        again.start()
        found += [int(value) for frame in frames for value in frame["payload"]]
        again.join()
        assert found == list(range(20_000))

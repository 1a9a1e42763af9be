"""A broker of the test's own: certificates and log-ins, a broker that dies in mid-read."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_log import KafkaLog
from mlinfra_assets.streams.record import NewRecord
from tests.support.closed_port import closed_port
from tests.support.kafka_broker import OwnBroker, own_broker
from tests.support.kafka_topic import own_topic

pytestmark = pytest.mark.service("kafka")
SECURE, MUTUAL = closed_port(), closed_port()
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="open sesame";'
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER_PORT@,SASL_SSL://127.0.0.1:{secure},SSL://127.0.0.1:{mutual}
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SASL_SSL://127.0.0.1:{secure},SSL://127.0.0.1:{mutual}
ssl.keystore.type=PEM
ssl.keystore.location={store}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config={login}
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}
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
    properties = PROPERTIES.format(
        secure=SECURE,
        mutual=MUTUAL,
        login=LOGIN,
        scram=SCRAM_LOGIN,
        store=authority.with_name("store.pem"),
        authority=authority,
    )
    with own_broker(tmp_path_factory.mktemp("broker"), properties) as made:
        admin = AdminClient({"bootstrap.servers": made.servers})
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):  # one credential a request
            user = UserScramCredentialUpsertion("scram reader", ScramCredentialInfo(kind, 4096), b"close sesame")
            admin.alter_user_scram_credentials([user])["scram reader"].result()
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


def signed(folder: Path, name: str, authority: Path | None) -> dict[str, str]:
    """The settings of a client's certificate: signed by the authority, or by itself; its key needs a password."""
    key, asked, made = (folder / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    new = ["openssl", "req", "-newkey", "rsa:2048", "-passout", "pass:key word", "-subj", f"/CN={name}"]
    if authority is None:
        subprocess.run([*new, "-x509", "-keyout", key, "-out", made], check=True, capture_output=True)
    else:
        subprocess.run([*new, "-keyout", key, "-out", asked], check=True, capture_output=True)
        by = ["-CA", authority, "-CAkey", authority.with_name("key.pem"), "-CAcreateserial", "-days", "2"]
        subprocess.run(["openssl", "x509", "-req", "-in", asked, *by, "-out", made], check=True, capture_output=True)
    return {"kafka_cert_file": str(made), "kafka_key_file": str(key), "kafka_key_password": "key word"}


def numbers(log: KafkaLog, topic: str, upto: dict[int, int]) -> list[int]:
    frames = log.read(topic, {}, upto, max_records=500, max_bytes=1 << 20)
    return [int(value) for frame in frames for value in frame["payload"]]


def test_records_go_and_come_over_tls_with_a_login(broker: OwnBroker, secured: dict[str, str]) -> None:
    with own_topic(broker.servers) as topic:
        log = KafkaLog(Settings(**secured))  # pyright: ignore[reportArgumentType]
        log.append(topic.name, [NewRecord(b"1"), NewRecord(b"2")])
        assert numbers(log, topic.name, log.end(topic.name)) == [1, 2]
        log.close()


@pytest.mark.parametrize("mechanism", SCRAM)
def test_records_go_and_come_with_a_scram_login(broker: OwnBroker, secured: dict[str, str], mechanism: str) -> None:
    login = {"kafka_sasl_mechanism": mechanism, "kafka_user": "scram reader", "kafka_password": "close sesame"}
    with own_topic(broker.servers) as topic:
        log = KafkaLog(Settings(**{**secured, **login}))  # pyright: ignore[reportArgumentType]
        log.append(topic.name, [NewRecord(b"1"), NewRecord(b"2")])
        assert numbers(log, topic.name, log.end(topic.name)) == [1, 2]
        log.close()


def test_records_go_and_come_where_both_sides_show_a_certificate(
    broker: OwnBroker, authority: Path, tmp_path: Path
) -> None:
    mutual = {"kafka_servers": f"127.0.0.1:{MUTUAL}", "kafka_security_protocol": "SSL", "kafka_ca_file": str(authority)}
    with own_topic(broker.servers) as topic:
        log = KafkaLog(Settings(**mutual, **signed(tmp_path, "reader", authority)))  # pyright: ignore[reportArgumentType]
        log.append(topic.name, [NewRecord(b"1"), NewRecord(b"2")])
        assert numbers(log, topic.name, log.end(topic.name)) == [1, 2]
        log.close()


@pytest.mark.parametrize("stranger", [True, False])
def test_a_client_without_a_certificate_that_the_broker_trusts_is_refused(
    broker: OwnBroker, authority: Path, tmp_path: Path, stranger: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.kafka_topics.REQUEST_SECONDS", 3.0)
    shown = signed(tmp_path, "stranger", None) if stranger else {}
    mutual = {"kafka_servers": f"127.0.0.1:{MUTUAL}", "kafka_security_protocol": "SSL", "kafka_ca_file": str(authority)}
    log = KafkaLog(Settings(**mutual, **shown))  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnavailableError) as error:
        log.end("lines")
    assert "key word" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafka_password": "guess"},
        {"kafka_sasl_mechanism": "SCRAM-SHA-512", "kafka_password": "guess"},
        {"kafka_ca_file": ""},
    ],
)
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

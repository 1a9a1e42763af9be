"""Settings come from the environment, and what cannot be one is refused with its name."""

from __future__ import annotations

from dataclasses import fields

import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.settings import Settings


def test_everything_is_embedded_by_default() -> None:
    settings = Settings.load({})
    assert (settings.stream_system, settings.kafka_servers, settings.kafka_security_protocol) == (
        "redis",
        "",
        "PLAINTEXT",
    )


def test_kafka_is_set_by_the_environment() -> None:
    settings = Settings.load({"MLINFRA_STREAM_SYSTEM": "kafka", "MLINFRA_KAFKA_SERVERS": "a:9092,b:9092"})
    assert (settings.stream_system, settings.kafka_servers) == ("kafka", "a:9092,b:9092")


@pytest.mark.parametrize("name", ["STREAM_SYSTEM", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM"])
def test_a_word_that_is_no_choice_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"MLINFRA_{name}='pulsar' is none of "):
        Settings.load({f"MLINFRA_{name}": "pulsar"})


def test_a_child_process_reads_the_same_settings() -> None:
    settings = Settings.load({"MLINFRA_KAFKA_USER": "reader", "MLINFRA_KAFKA_PASSWORD": "open sesame"})
    assert Settings.load(settings.to_environment()) == settings


def test_what_is_a_password_is_marked_as_one() -> None:
    secret = {f.name for f in fields(Settings) if f.metadata.get("secret")}
    assert secret == {
        "redis_url",
        "api_keys",
        "kafka_key_password",
        "kafka_password",
        "schema_registry_user_info",
    }

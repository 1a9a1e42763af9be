"""Resources take what they know and nothing else, and an address with a password is shown to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster._core.remote_representation.external import RemoteResource
from dagster._core.remote_representation.external_data import RepositorySnap, ResourceSnap
from dagster._core.remote_representation.handle import RepositoryHandle
from dagster_graphql.schema.resources import GrapheneConfiguredValueType, GrapheneResourceDetails
from pydantic import ValidationError

from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.settings import Settings
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.redis import OnlineStoreResource
from resources.streams import StreamResource

WORD = "of-nobodys-business"
SECRETS = ("redis_url", "kafka_password", "kafka_key_password")
NEEDED = {
    ClockResource: {"home": "h"},
    LakeResource: {"root": "r"},
    StreamResource: {"home": "h"},
    OnlineStoreResource: {"home": "h"},
}


@pytest.mark.parametrize("resource", list(NEEDED))
def test_unknown_fields_are_refused(resource: type) -> None:
    assert resource(**NEEDED[resource])
    with pytest.raises(ValidationError, match="redis_uri"):
        resource(**NEEDED[resource], redis_uri="redis://127.0.0.1")


@pytest.fixture
def shown(tmp_path: Path) -> list[ResourceSnap]:
    url = f"redis://:{WORD}@127.0.0.1:6379/0"
    settings = Settings(
        home=tmp_path, lake=str(tmp_path / "lake"), redis_url=url, kafka_password=WORD, kafka_key_password=WORD
    )
    definitions = build_definitions(settings)
    return list(RepositorySnap.from_def(definitions.get_repository_def()).resources or [])


# Dagster's own snapshot of a schedule reads a property that it has deprecated.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_the_interface_masks_what_is_secret(shown: list[ResourceSnap]) -> None:
    handle = RepositoryHandle.for_test(location_name="here", repository_name="all")
    masked = {}
    for snap in shown:
        details = GrapheneResourceDetails("here", "all", RemoteResource(snap, handle))
        values = details.resolve_configuredValues(None)
        assert not any(WORD in str(value.value) for value in values)
        masked |= {f"{snap.name}.{v.key}": str(v.type) for v in values if v.key in SECRETS}

    assert masked == {
        "streams.redis_url": str(GrapheneConfiguredValueType.SECRET),
        "streams.kafka_password": str(GrapheneConfiguredValueType.SECRET),
        "streams.kafka_key_password": str(GrapheneConfiguredValueType.SECRET),
        "online_store.redis_url": str(GrapheneConfiguredValueType.SECRET),
    }

from __future__ import annotations

from dataclasses import replace

import pytest

from mlinfra_assets.commands.api import refuse_open_door
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_needs_no_key(host: str, settings: Settings) -> None:
    refuse_open_door(replace(settings, api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])  # noqa: S104 - refused, not bound
def test_other_machines_do(host: str, settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="MLINFRA_API_KEYS"):
        refuse_open_door(replace(settings, api_host=host))
    refuse_open_door(replace(settings, api_host=host, api_keys="app:00:read"))

"""Every setting, each with its embedded default.

With no environment variable at all, everything lives under one home folder and every service is embedded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError

PREFIX = "MLINFRA_"
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """What can be set. The environment variable of a field is `MLINFRA_` and its name in capitals.

    Attributes:
        home: Folder of everything that the embedded default keeps.
        lake: Root of the Delta tables: a folder or an `s3://` address. Default: `<home>/lake`. The credentials of an
            object store come from the usual `AWS_*` variables.
        redis_url: Address of a Redis server for the online store and the embedded streams. Default: a managed
            child process that keeps its data under the home folder.
        history_start: First day (UTC) that daily snapshots are kept for.
        api_host: Address the API binds to. Anything but loopback needs `api_keys`.
        api_port: Port of the API.
        ui_port: Port of Dagster's web server.
        api_keys: `name:sha256-of-key:scope+scope`, comma separated. Empty: no key is asked for, loopback only.
        max_payload_bytes: A larger message is kept in raw and quarantined.
        stream_retention_hours: How long the embedded stream keeps what raw already holds.
        redis_maxmemory: Memory limit of the embedded Redis, as Redis writes it. Past it writes fail; none is evicted.
        retrieval_memory_bytes: About how much memory the rows of one question for features may take. What would take
            more is answered in parts, over temporary files.
    """

    home: Path = Path(".mlinfra")
    lake: str = ""
    redis_url: str = field(default="", metadata={"secret": True})
    history_start: date = date(2010, 12, 1)
    api_host: str = "127.0.0.1"
    api_port: int = 8090
    ui_port: int = 3000
    api_keys: str = field(default="", metadata={"secret": True})
    max_payload_bytes: int = 1_048_576
    stream_retention_hours: int = 168
    redis_maxmemory: str = "2gb"
    retrieval_memory_bytes: int = 2_147_483_648

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from the environment (`os.environ` unless given).

        Raises:
            InvalidInputError: A variable does not hold a value of its kind.
        """
        environment = os.environ if environment is None else environment
        known = {PREFIX + f.name.upper(): f for f in fields(cls)}
        values: dict[str, object] = {}
        for variable, text in environment.items():
            if variable in known and text != "":
                values[known[variable].name] = _parse(variable, text, known[variable].default)
        settings = cls(**values)  # pyright: ignore[reportArgumentType]
        home = settings.home.expanduser().resolve()
        return cls(**{**settings.__dict__, "home": home, "lake": settings.lake or str(home / "lake")})

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own storage."""
        return self.home / "dagster"

    @property
    def landing(self) -> Path:
        """Folder with one sub-folder a file source, where new files are put."""
        return self.home / "landing"

    def to_environment(self) -> dict[str, str]:
        """The variables that make a child process read these very settings."""
        return {PREFIX + f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}


def _parse(variable: str, text: str, default: object) -> object:
    try:
        if isinstance(default, int):
            return int(text)
        if isinstance(default, date):
            return date.fromisoformat(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(default, int) else "a date such as 2010-12-01"
        raise InvalidInputError(f"{variable}={text!r} is not {kind}: correct or unset it") from error
    return Path(text) if isinstance(default, Path) else text

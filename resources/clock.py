"""The clock as a resource."""

from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import ConfigDict

from mlinfra_assets.clock import HomeClock


class ClockResource(dg.ConfigurableResource):
    """The home folder's clock: simulated if the home says so, else the machine's.

    Attributes:
        home: Home folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: str

    @property
    def simulated(self) -> bool:
        """Whether the home has a time of its own."""
        return HomeClock(Path(self.home)).simulated

    def stamp(self) -> datetime | None:
        """The time to give to messages that the platform sends: the simulated one; None: the stream's own."""
        clock = HomeClock(Path(self.home))
        return clock.now() if clock.simulated else None

    def now(self) -> datetime:
        """The present, UTC."""
        return HomeClock(Path(self.home)).now()

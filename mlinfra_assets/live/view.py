"""One view as an updater sees it: what is served, where its tail stands, and why it does not go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.online.errors import NotLoadedError
from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from mlinfra_assets.feature_store.online.tail import Appended, ViewTail
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.live.eligible import refusal
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.topic_state import TopicState

TRIES = 20


@dataclass
class LiveView:
    """A view that takes its source's events.

    Attributes:
        name: The view.
        tail: Its tail.
        source: The source as it is declared.
        found: What was served when it was last looked at; None: nothing.
        at: Last offset that its tail holds, by partition.
        waits: Why no events are applied; None: they are.
        applied: How many records its tail took since the last report.
        largest: Bytes of the largest entity's tail that it added to.
        stopped: The push whose version cannot take the events, and why; another push may.
        said: What was last told of it: why it waits, and which version is served.
    """

    name: str
    tail: ViewTail
    source: Source
    found: Fetched | None = None
    at: dict[int, int] = field(default_factory=dict)
    waits: str | None = "it was not looked at yet"
    applied: int = 0
    largest: int = 0
    stopped: tuple[int, str] | None = None
    said: tuple[str | None, str] = ("", "")

    @property
    def live(self) -> bool:
        """Whether events are applied as they come."""
        return self.waits is None

    @property
    def version(self) -> str:
        """The version that is served; empty if none is."""
        return "" if self.found is None else self.found.record.version

    @property
    def document(self) -> ViewDocument:
        """The version that is served."""
        assert self.found is not None  # noqa: S101 - asked of live views alone
        return self.found.document

    def look(self, topic: TopicState, opened: Mapping[str, OpenBreaker]) -> None:
        """See what is served, and have the tail go on from there; else say why it waits.

        Args:
            topic: How the stream stands.
            opened: The open breakers.

        Raises:
            UnavailableError: Redis cannot be reached, or is full.
        """
        try:
            self.waits = self.frozen(opened) or self._begin(topic)
        except NotLoadedError as error:
            self.found, self.waits = None, str(error)

    def frozen(self, opened: Mapping[str, OpenBreaker]) -> str | None:
        """The open breaker that it depends on, for people; None if there is none."""
        for subject in (f"source/{self.source.name}", f"view/{self.name}"):
            if subject in opened:
                return f"breaker {subject} is open: {opened[subject].why}; what is served stays as it is"
        return None

    def stop(self, why: str) -> None:
        """Take no more events for what is served."""
        assert self.found is not None  # noqa: S101 - asked of live views alone
        self.stopped = self.found.record.number, why
        self.waits = why

    def turned(self) -> bool:
        """Whether there is something to tell that was not told; once."""
        said, self.said = self.said, (self.waits, self.version)
        return said != self.said

    def took(self, done: Appended, records: int) -> bool:
        """Note what became of a chunk; returns whether the view has to be looked at anew."""
        if done.state is None:
            return True
        self.at = dict(done.state.at)
        if done.applied:
            self.applied += records
            self.largest = max(self.largest, done.largest)
        return done.applied and self.found is not None and done.number != self.found.record.number

    def _begin(self, topic: TopicState) -> str | None:
        for _ in range(TRIES):
            found = self.tail.standing()
            if self.stopped is not None and self.stopped[0] == found.record.number:
                return self.stopped[1]
            why = refusal(found.document.view, self.source)
            if why is not None:
                self.found = found
                return f"view {self.name} cannot be live: {why}"
            goes_on = found.tail is not None and found.tail.watermark(found.covered)
            held = dict((goes_on or found.covered).offsets)
            known = found.tail.incarnation if found.tail is not None else ""
            try:
                topic.refuse_misfit(held, known or None)
            except (RetentionGapError, StreamResetError) as error:
                self.found = found
                return (
                    f"view {self.name} has stopped: {error}. What is served stays as it is; push a newer base: "
                    f"materialize features/{self.name}, then online/{self.name}"
                )
            if self.tail.begin(found, topic.incarnation or ""):
                found = self.tail.standing()
                if found.tail is not None:
                    self.found, self.at = found, dict(found.tail.at)
                    return None
        raise MlinfraError(f"view {self.name}: its tail is begun again and again by others")

"""What can go wrong with a stream, said so that a person can act on it."""

from __future__ import annotations

from mlinfra_assets.errors import UnavailableError


class MissingTopicError(UnavailableError):
    """There is no such topic."""


class RetentionGapError(UnavailableError):
    """Records after a reader's position were removed before it read them: going on would lose them silently.

    Attributes:
        topic: The stream.
        partition: The partition.
        first: First offset that is lost.
        last: Last offset that is lost.
        count: How many offsets that is; None where offsets are times and a number of them says nothing.
    """

    def __init__(self, topic: str, partition: int, first: int, last: int, count: int | None) -> None:
        self.topic = topic
        self.partition = partition
        self.first = first
        self.last = last
        self.count = count
        many = f" ({count:,} of them, not all of which need have held a record)" if count is not None else ""
        super().__init__(
            f"stream {topic}, partition {partition}: offsets {first} to {last}{many} were removed before they were "
            "read: what lies there is lost here; restore the stream, or have it sent again and launch raw/<source> "
            "with accept_gap: true to go on past it"
        )


class StreamResetError(UnavailableError):
    """A stream ends before a reader's position, or is another of the same name: its new records would be skipped."""

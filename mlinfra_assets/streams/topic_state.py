"""How a topic stands, and whether a reader's positions still fit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError


@dataclass(frozen=True)
class TopicState:
    """How a topic stands at one moment.

    Attributes:
        topic: Its name.
        incarnation: What tells it from another topic that had the same name; None if the system does not say.
        oldest: By partition, the offset before which every record is gone; 0 if none is.
        end: Last offset by partition, of those partitions that ever held a record. What a transaction holds back until
            it commits does not count.
    """

    topic: str
    incarnation: str | None
    oldest: Mapping[int, int]
    end: Mapping[int, int]

    def behind(self, held: Mapping[int, int]) -> dict[int, int]:
        """The partitions whose end a reader at `held` has not reached, with that end."""
        return {p: last for p, last in self.end.items() if held.get(p, -1) < last}

    def refuse_misfit(self, held: Mapping[int, int], incarnation: str | None) -> None:
        """Stop a reader that holds everything up to `held`, of the topic that `incarnation` names.

        A reader that holds nothing at all starts where the topic does.

        Raises:
            StreamResetError: The topic is another one, or ends before a position: offsets are used again.
            RetentionGapError: Records past a position are gone.
        """
        if incarnation is not None and self.incarnation not in (None, incarnation):
            raise StreamResetError(
                f"the topic {self.topic} was deleted and made again: its id is {self.incarnation}, and what was read "
                f"came from {incarnation}. Its offsets start anew, so new records would be taken for old ones. Nothing "
                "was read. Declare the new topic as a source of its own, and send again what the old one lost"
            )
        for partition, offset in held.items():
            last = self.end.get(partition, -1)
            if last < offset:
                raise StreamResetError(
                    f"the reader of {self.topic} holds partition {partition} up to offset {offset}, but the stream "
                    f"ends at {last if last >= 0 else 'nothing'}: it was emptied or replaced, and new records could "
                    "be taken for old ones. Nothing was read. Restore the stream's data, or declare what is there "
                    "now as a source of its own"
                )
        for partition, oldest in self.oldest.items():
            position = held.get(partition, -1)
            if held and position + 1 < oldest:
                lost = None if self.incarnation is None else oldest - 1 - position
                raise RetentionGapError(self.topic, partition, position + 1, oldest - 1, lost)

"""Records that come in by the API: judged by their contract, then into their source's stream as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import Clock
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.serving.errors import RefusedRecordsError, UnknownSourceError
from mlinfra_assets.serving.kept_answers import Claim, KeptAnswers
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord

MARK = "mlinfra-request"
"""Header of a record that came with an idempotency key: which request, and its number in it."""
REASONS = 100
READ_RECORDS, READ_BYTES = 10_000, 64 * 1024 * 1024
TIMESTAMP = pl.Datetime("us", "UTC")
Position = tuple[int, int]


@dataclass(frozen=True)
class Sent:
    """A request that sends records.

    Attributes:
        records: Their payloads.
        caller: Name of the API key that it came with; None: there was none.
        idempotency_key: What it may be sent again with; None: again is anew.
        partial: Whether to take the valid records of a request that also holds others.
    """

    records: Sequence[bytes]
    caller: str | None
    idempotency_key: str | None = None
    partial: bool = False


@dataclass(frozen=True)
class Answer:
    """What became of it: the JSON of the answer, and whether it was given before."""

    body: bytes
    repeated: bool = False


class Intake:
    """Takes records for sources whose stream holds plain JSON.

    Args:
        sources: What is declared, by name.
        open_log: The log that a source's stream is in; asked once a source.
        clock: What "now" is.
        answers: What was answered before.
        max_payload_bytes: Largest record.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        open_log: Callable[[StreamIngest], StreamLog],
        clock: Clock,
        answers: KeptAnswers,
        max_payload_bytes: int,
    ) -> None:
        self._sources = sources
        self._open = open_log
        self._clock = clock
        self._answers = answers
        self._most = max_payload_bytes
        self._logs: dict[str, StreamLog] = {}

    def take(self, name: str, sent: Sent) -> Answer:
        """Judge the records of a request and append those that are taken, in the order that they came in.

        With an idempotency key a request that died in the middle goes on where it was when it is sent again: what it
        has appended is found in the stream.

        Raises:
            UnknownSourceError: There is no such source, or it takes no records here.
            RefusedRecordsError: Records break the contract, and nothing was appended.
            AnotherBodyError: The idempotency key was used with another request.
            BeingWorkedOnError: The same request is being worked on.
            UnavailableError: The stream cannot be reached; some records may be there.
        """
        source, ingest = self._source(name)
        reasons = self._judge(source, sent.records)
        if reasons and (not sent.partial or len(reasons) == len(sent.records)):
            raise _refused(source, len(sent.records), reasons)
        taken = [number for number in range(len(sent.records)) if number not in reasons]
        log = self._log(source.name, ingest)
        if sent.idempotency_key is None:
            positions = self._append(log, ingest.topic, [NewRecord(sent.records[n]) for n in taken])
            return Answer(_answer(source, len(sent.records), dict(zip(taken, positions, strict=True)), reasons))
        request = orjson.dumps([name, sent.partial, [len(r) for r in sent.records]]) + b"\n".join(sent.records)
        ends = log.state(ingest.topic).end
        claim = self._answers.claim(sent.caller, sent.idempotency_key, request, ends)
        if isinstance(claim, bytes):
            return Answer(claim, repeated=True)
        try:
            held = _appended(log, ingest.topic, claim) if claim.again else {}
            left = [number for number in taken if number not in held]
            marked = [NewRecord(sent.records[n], headers=((MARK, f"{claim.mark}:{n}".encode()),)) for n in left]
            held |= dict(zip(left, self._append(log, ingest.topic, marked), strict=True))
            answer = _answer(source, len(sent.records), held, reasons)
            self._answers.finish(claim, answer)
        except Exception:
            with suppress(UnavailableError):
                self._answers.let_go(claim)
            raise
        return Answer(answer)

    def _source(self, name: str) -> tuple[Source, StreamIngest]:
        source = self._sources.get(name)
        if source is None:
            known = [one.name for one in self._sources.values() if _takes(one)]
            raise UnknownSourceError(f"there is no source {name[:100]!r} that takes records{nearest(name, known)}")
        if not isinstance(source.ingest, StreamIngest) or source.ingest.format != "json":
            raise UnknownSourceError(f"{name} takes no records here: it does not come in as plain JSON by a stream")
        return source, source.ingest

    def _judge(self, source: Source, records: Sequence[bytes]) -> dict[int, list[str]]:
        """What is wrong with each record that breaks the contract, by its number; as the batch path says."""
        raw = pl.DataFrame(
            {
                "partition": pl.repeat(0, len(records), dtype=pl.Int32, eager=True),
                "offset": pl.int_range(len(records), dtype=pl.Int64, eager=True),
                "known_at": pl.Series([self._clock.now()] * len(records), dtype=TIMESTAMP),
                "payload": pl.Series(list(records), dtype=pl.Binary),
            }
        )
        found = process(source, raw, max_payload_bytes=self._most).quarantined
        columns = found.select(names.OFFSET, "reasons").iter_rows()
        return {int(number): [_reason(reason) for reason in reasons] for number, reasons in columns}

    def _append(self, log: StreamLog, topic: str, records: Sequence[NewRecord]) -> list[Position]:
        return log.append(topic, records, self._clock.now() if self._clock.simulated else None)

    def _log(self, name: str, ingest: StreamIngest) -> StreamLog:
        if name not in self._logs:
            self._logs[name] = self._open(ingest)
        return self._logs[name]


def _takes(source: Source) -> bool:
    plain = isinstance(source.ingest, StreamIngest) and source.ingest.format == "json"
    return plain and source.name not in names.OWN_STREAMS


def _appended(log: StreamLog, topic: str, claim: Claim) -> dict[int, Position]:
    """The records of a request that are in the stream, by their number in it."""
    found: dict[int, Position] = {}
    upto = log.state(topic).end
    for frame in log.read(topic, claim.ends, upto, READ_RECORDS, READ_BYTES):
        for partition, offset, headers in frame.select("partition", "offset", "headers").iter_rows():
            for header in headers or ():
                mark, _, number = bytes(header["value"] or b"").partition(b":")
                if header["name"] == MARK and mark == claim.mark.encode():
                    found.setdefault(int(number), (partition, offset))
    return found


def _reason(reason: Mapping[str, str | None]) -> str:
    shown = "" if reason["value"] is None else f" ({reason['value']})"
    return f"{reason['field'] or 'record'}: {reason['rule']}: {reason['message']}{shown}"


def _refused(source: Source, count: int, reasons: Mapping[int, Sequence[str]]) -> RefusedRecordsError:
    shown = [f"records.{number}: {text}" for number, texts in sorted(reasons.items()) for text in texts]
    return RefusedRecordsError(
        f"{len(reasons)} of {count} records break the contract of {source.name}: nothing was appended", shown[:REASONS]
    )


def _answer(
    source: Source, count: int, positions: Mapping[int, Position], reasons: Mapping[int, Sequence[str]]
) -> bytes:
    results: list[dict[str, object]] = [
        {"partition": positions[n][0], "offset": positions[n][1]} if n in positions else {"reasons": reasons[n]}
        for n in range(count)
    ]
    return orjson.dumps(
        {"source": source.name, "accepted": len(positions), "refused": len(reasons), "records": results}
    )

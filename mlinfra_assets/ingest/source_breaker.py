"""The breaker of a source at work: which batches are judged, let in, set aside or held.

Each event is recorded before what it allows is written, and names the batches that it is about by their positions. So
a run that is killed in between is finished by the next one: it finds the decision, and the batch that it is about.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.breaker import Breaker, Decided
from mlinfra_assets.breakers.event import Draft, Span, State
from mlinfra_assets.breakers.log import BreakerLog, Decide
from mlinfra_assets.contracts.report import BatchReport
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance

Verdict = Literal["publish", "start_again", "stop"]
PLATFORM = "the platform"


class SourceBreaker:
    """What the breaker of a source says of its batches.

    Args:
        lake: Where events are kept.
        source: The source, its contract, and what it declares of its breaker.
        provenance: The run that asks.
        now: The present, UTC.
    """

    def __init__(self, lake: Lake, source: Source, provenance: Provenance, now: datetime) -> None:
        self._log = BreakerLog(lake)
        self._subject = subjects.source(source.name)
        self._source = source
        self._provenance = provenance
        self._now = now

    def state(self) -> Breaker:
        """The breaker as it stands."""
        return self._log.breaker(self._subject)

    def cuts(self) -> list[Span]:
        """The batches that are known by their positions: they stay the batches that they were."""
        breaker = self.state()
        return sorted({*breaker.held, *breaker.decided})

    def decided(self, span: Span) -> Decided | None:
        """What was decided about a batch; None: nothing."""
        return self.state().decided.get(span)

    def waits(self, span: Span) -> bool:
        """Whether a batch is held, and was judged by the present contract: judging it again says nothing new."""
        breaker = self.state()
        return span in breaker.held and breaker.contract == self._source.contract.fingerprint

    def counted_from(self, span: Span) -> int:
        """The offset up to which records do not count with a batch: the end of the last one that is held or decided."""
        breaker = self.state()
        ends = [
            s.last for s in (*breaker.held, *breaker.decided) if s.partition == span.partition and s.last < span.first
        ]
        return max(ends, default=-1)

    def judge(self, span: Span, report: BatchReport) -> Verdict:
        """What becomes of a batch, given what its contract says; recorded.

        While the breaker is open the batch is a probe. One that is too small for a rule that failed says nothing. A
        good one makes the breaker half open: what was held before it goes to quarantine, unless it is itself what was
        held.

        Returns:
            `publish`; `start_again`: batches before it are to be set aside first; `stop`: nothing is written.
        """
        if not report.passed:
            self._record(lambda breaker: self._failed(breaker, span, report))
            return "stop"
        before = self.state()
        if not before.is_open:
            return "publish"
        if before.by_hand or not self._judged(before, report):
            return "stop"
        after = self._record(lambda breaker: self._probe_passed(breaker, span, report))
        if after.is_open:
            return "stop"  # a person opened it just now
        return "publish" if span in before.held else "start_again"

    def published(self, report: BatchReport) -> Breaker:
        """Count a good batch that was let in because it keeps the rules, not because somebody decided so."""
        return self._record(lambda breaker: self._passed(breaker, report))

    def _record(self, decide: Decide) -> Breaker:
        return self._log.record(self._subject, decide, self._provenance)

    def _failed(self, breaker: Breaker, span: Span, report: BatchReport) -> Draft | None:
        if span in breaker.decided:
            return None  # somebody let it in, or dropped it, while it was judged
        fingerprint = self._source.contract.fingerprint
        why = report.broken_rules
        by = "; ".join(check.name for check in report.checks if not check.passed and check.severity == "error")
        if breaker.is_open:
            if span in breaker.held and breaker.contract == fingerprint:
                return None  # another run judged it
            return Draft("probe_failed", "open", by, self._now, why, evidence_of(report), (span,), fingerprint)
        tolerated = breaker.state == "closed" and breaker.failed + 1 < self._source.breaker.failed_batches
        if tolerated:
            left = self._source.breaker.failed_batches - breaker.failed - 1
            said = f"{why}; {left} more such batch{'es' if left > 1 else ''} in a row would open the breaker"
            return Draft("failed", "closed", by, self._now, said, evidence_of(report), (span,), fingerprint)
        return Draft("tripped", "open", by, self._now, why, evidence_of(report), (span,), fingerprint)

    def _probe_passed(self, breaker: Breaker, span: Span, report: BatchReport) -> Draft | None:
        if not breaker.is_open or breaker.by_hand:
            return None
        again = span in breaker.held
        what = "what was held keeps the present contract" if again else "the next batch is good"
        why = f"{what}: {report.records:,} records, {report.quarantined:,} of them to quarantine"
        aside = [] if again else list(breaker.held)
        evidence = {**evidence_of(report), "set_aside": [str(held) for held in aside]}
        return Draft(
            "probe_passed", "half_open", PLATFORM, self._now, why, evidence, (span,), self._source.contract.fingerprint
        )

    def _passed(self, breaker: Breaker, report: BatchReport) -> Draft | None:
        if breaker.is_open or not report.records or (breaker.state == "closed" and not breaker.failed):
            return None
        good = breaker.good + 1
        enough = breaker.state == "closed" or good >= self._source.breaker.good_batches
        state: State = "closed" if enough else "half_open"
        kind = "closed" if enough and breaker.state == "half_open" else "passed"
        why = f"a good batch of {report.records:,} records" if good == 1 else f"{good} good batches"
        return Draft(kind, state, PLATFORM, self._now, why, evidence_of(report))

    @staticmethod
    def _judged(breaker: Breaker, report: BatchReport) -> bool:
        """Whether each rule that failed has judged this batch too: one that is too small proves nothing."""
        found = json.loads(breaker.evidence) or {}
        failed = {c["name"] for c in found.get("checks", ()) if not c["passed"] and c["severity"] == "error"}
        unjudged = {check.name for check in report.checks if check.value is None}
        return not failed & unjudged


def evidence_of(report: BatchReport) -> dict[str, object]:
    """A report as evidence: counts and rules, no values of records."""
    return {
        "records": report.records,
        "valid": report.valid,
        "quarantined": report.quarantined,
        "unchanged": report.unchanged,
        "reasons": dict(report.reasons),
        "checks": [asdict(check) for check in report.checks],
    }

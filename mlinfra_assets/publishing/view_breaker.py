"""The breaker of a feature view at work: snapshots that fail their check open it, good ones close it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import FrozenError
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.event import Draft
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.publishing.snapshot_check import SnapshotCheck
from mlinfra_assets.publishing.upstream import view_breakers

CHECK = "snapshot check"
PLATFORM = "the platform"
LAST_DAY = "last_day"


class ViewBreaker:
    """What the breakers say of a view's snapshots.

    Args:
        lake: Where events are kept.
        view: The view.
        run: The run that asks.
        now: The present, UTC.
    """

    def __init__(self, lake: Lake, view: FeatureView, run: Provenance, now: datetime) -> None:
        self._log = BreakerLog(lake)
        self._subject = subjects.view(view.name)
        self._others = [subject for subject in view_breakers(view) if subject != self._subject]
        self._run = run
        self._now = now

    def refuse(self) -> None:
        """Go on only if nothing is to be computed from what an open breaker guards.

        The view's own breaker, opened by a check, lets snapshots be computed: they are the probe.

        Raises:
            FrozenError: A source or a view that is used has an open breaker, or a person opened this view's.
        """
        found = self._log.open(self._others)
        own = self._log.breaker(self._subject)
        if own.is_open and own.by_hand:
            found = [*found, own]
        if found:
            raise FrozenError(found)

    def judge(self, check: SnapshotCheck, days: Sequence[date], *, computed: bool) -> None:
        """Record what a check means, before anything is written.

        Args:
            check: The check.
            days: The days that it is about, in order.
            computed: Whether any of them is to be computed: days that are left alone prove nothing.

        Raises:
            FrozenError: The breaker is open, and these snapshots do not change that: nothing is to be written.
        """
        if not check.passed:
            self._log.record(self._subject, lambda breaker: self._failed(breaker, check, days[-1]), self._run)
            return
        if not computed:
            if (breaker := self._log.breaker(self._subject)).is_open:
                raise FrozenError([breaker])
            return
        after = self._log.record(self._subject, lambda breaker: self._passed(breaker, check, days[-1]), self._run)
        if after.is_open:
            raise FrozenError([after])

    def _failed(self, breaker: Breaker, check: SnapshotCheck, last: date) -> Draft:
        kind = "probe_failed" if breaker.is_open else "tripped"
        evidence = {**asdict(check), LAST_DAY: last.isoformat()}
        return Draft(kind, "open", CHECK, self._now, "; ".join(check.problems), evidence)

    def _passed(self, breaker: Breaker, check: SnapshotCheck, last: date) -> Draft | None:
        evidence = {**asdict(check), LAST_DAY: last.isoformat()}
        if breaker.is_open:
            failed = (json.loads(breaker.evidence) or {}).get(LAST_DAY, "")
            if breaker.by_hand or last.isoformat() < failed:
                return None
            return Draft("probe_passed", "half_open", PLATFORM, self._now, f"good snapshots up to {last}", evidence)
        if breaker.state == "half_open":
            return Draft("closed", "closed", PLATFORM, self._now, f"good snapshots up to {last} again", evidence)
        return None

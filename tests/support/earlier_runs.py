"""Runs that a sensor has asked for before, as Dagster records them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from sensors import progress


def asked_before(instance: dg.DagsterInstance, sensor: str, status: dg.DagsterRunStatus) -> str:
    """Record a run that the sensor asked for and that stands at `status`; returns its id."""
    run = dg.DagsterRun(job_name="ingest", run_id=str(uuid4()), status=status, tags={progress.TAG: sensor})
    return instance.add_run(run).run_id


def let_pass(monkeypatch: pytest.MonkeyPatch, time: timedelta) -> None:
    """Make the sensors' clock run ahead of the machine's."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + time

    monkeypatch.setattr(progress, "datetime", Later)

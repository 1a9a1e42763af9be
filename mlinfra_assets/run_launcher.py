"""How runs are launched: as Dagster does by default, and with an answer to whether a run's process still lives.

Dagster's own launcher has none: after a power cut, or when all of `mlinfra up` was killed, a run that was under way
would count as such for ever, and its sensor would wait for it. With the answer, run monitoring marks it as failed.
"""

from __future__ import annotations

import json

import grpc
from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

ANSWER_SECONDS = 10


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs in the code server, and asks that server whether it still has them."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process of a run that has started lives; where that cannot be told, it counts as alive."""
        server = run.tags.get(GRPC_INFO_TAG)
        if server is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it was not launched in a code server")
        told = json.loads(server)
        client = DagsterGrpcClient(
            port=told.get("port"), socket=told.get("socket"), host=told["host"], use_ssl=bool(told.get("use_ssl"))
        )
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=ANSWER_SECONDS)
        except DagsterUserCodeUnreachableError as error:
            cause = error.__cause__
            if isinstance(cause, grpc.RpcError) and cause.code() == grpc.StatusCode.UNAVAILABLE:
                return CheckRunHealthResult(WorkerStatus.FAILED, "the code server that had launched it is gone")
            return CheckRunHealthResult(WorkerStatus.RUNNING, "the code server does not answer at the moment")
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the code server that had launched it has no such process")

"""`/v1/outcomes`: what became of predictions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from mlinfra_assets.names import OUTCOMES
from mlinfra_assets.serving import access
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.intake import Intake, Sent
from mlinfra_assets.serving.outcomes import models_of, with_id
from mlinfra_assets.serving.sent import IdempotencyKey, Partial, Records, TakenAnswer, answered, described

EXAMPLE = {"model": "churn", "prediction_id": "5f1c", "observed_at": "2011-12-09T12:50:00Z", "label": 1}


def outcomes_routes(intake: Intake) -> APIRouter:
    """The address that takes outcomes.

    Args:
        intake: Judges and appends.
    """
    router = APIRouter()

    @router.post(
        "/v1/outcomes",
        summary="What became of predictions, judged by the contract of outcomes first",
        status_code=202,
        response_model=TakenAnswer,
        openapi_extra=described(EXAMPLE),
    )
    def outcomes(
        caller: Annotated[Caller, Depends(access.requires(access.OUTCOMES))],
        records: Records,
        idempotency_key: IdempotencyKey = None,
        partial: Partial = False,
    ) -> Response:
        """Outcomes of predictions by id, or of entities at a moment. One of the same `outcome_id` replaces the earlier.

        Without an `outcome_id` it is named for its prediction, or for its model, entity and moment: sent twice, it
        counts once.
        """
        caller.needs(access.OUTCOMES, models_of(records))
        caller.takes(len(records))
        named = [with_id(record) for record in records]
        return answered(intake.take(OUTCOMES, Sent(named, caller.name, idempotency_key, partial)))

    return router

"""`/v1/predictions/{id}/replay`: a prediction beside what raw gives for it, down to the source rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path

from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.bodies import ReplayAnswer
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.lake_side import LakeSide, needed


def replay_routes(lake: LakeSide | None) -> APIRouter:
    """The address that computes a prediction again.

    Args:
        lake: Computes it; None: it says that there is no lake.
    """
    router = APIRouter()

    @router.get(
        "/v1/predictions/{prediction_id}/replay",
        summary="A prediction computed from raw again, value by value, and the source rows that made it",
        response_model=ReplayAnswer,
    )
    def replay(
        prediction_id: Annotated[str, Path(max_length=128, description="What the prediction was answered with.")],
        caller: Annotated[Caller, Depends(access.requires(access.REPLAY))],
    ) -> JsonResponse:
        """Vector and score from the bytes in raw, by the versions and watermarks that it was logged with."""
        found = needed(lake).replays.replay(prediction_id)
        if found is None:
            raise HTTPException(
                404,
                f"there is no prediction {prediction_id} among those that were brought in: one that was made just now "
                "is there when its stream has been read",
            )
        caller.needs(access.REPLAY, [str(found["model"])])
        return JsonResponse(found)

    return router

"""`/v1/ingest/{source}`: records into a source's stream, judged by its contract."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from mlinfra_assets.names import OWN_STREAMS
from mlinfra_assets.serving import access
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.errors import UnknownSourceError
from mlinfra_assets.serving.intake import Intake, Sent
from mlinfra_assets.serving.sent import IdempotencyKey, Partial, Records, TakenAnswer, answered, described

EXAMPLE = {
    "InvoiceNo": "536365",
    "StockCode": "85123A",
    "Description": "WHITE HANGING HEART T-LIGHT HOLDER",
    "Quantity": 6,
    "InvoiceDate": "2010-12-01 08:26:00",
    "UnitPrice": 2.55,
    "CustomerID": "17850.0",
    "Country": "United Kingdom",
}


def ingest_routes(intake: Intake) -> APIRouter:
    """The address that takes records.

    Args:
        intake: Judges and appends.
    """
    router = APIRouter()

    @router.post(
        "/v1/ingest/{source}",
        summary="Records into a source's stream, judged by its contract first",
        status_code=202,
        response_model=TakenAnswer,
        openapi_extra=described(EXAMPLE),
    )
    def ingest(
        source: Annotated[str, Path(max_length=128)],
        caller: Annotated[Caller, Depends(access.requires(access.INGEST, "source"))],
        records: Records,
        idempotency_key: IdempotencyKey = None,
        partial: Partial = False,
    ) -> Response:
        """All records or none, unless `partial`: the position of each, or what it breaks. Raw keeps the bytes."""
        if source in OWN_STREAMS:
            raise UnknownSourceError(f"{source} are the platform's own: see /v1/predict/MODEL and /v1/outcomes")
        caller.takes(len(records))
        return answered(intake.take(source, Sent(records, caller.name, idempotency_key, partial)))

    return router

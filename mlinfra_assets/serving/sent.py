"""What the addresses that take records have in common: how a request is read, described and answered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from mlinfra_assets.serving.intake import Answer
from mlinfra_assets.serving.payloads import JSON, LINES, payloads

KEY_LENGTH = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_LENGTH,
        description="Names the request: sent again with the same key, it gets the same answer and appends nothing.",
    ),
]
Partial = Annotated[bool, Query(description="Take the valid records, and say what is wrong with the others.")]


class Taken(BaseModel):
    """Where a record stands in its stream, or why it was not taken."""

    partition: int | None = None
    offset: int | None = None
    reasons: list[str] | None = None


class TakenAnswer(BaseModel):
    """What became of the records of a request, in their order."""

    source: str
    accepted: int
    refused: int
    records: list[Taken]


async def _records(request: Request) -> list[bytes]:
    types = request.headers.getlist("content-type")
    if len(types) > 1:
        raise HTTPException(415, "there are several content types")
    return payloads(types[0] if types else None, await request.body())


Records = Annotated[list[bytes], Depends(_records)]


def answered(answer: Answer) -> Response:
    """The answer to a request whose records were taken."""
    headers = {"Idempotency-Replayed": "true"} if answer.repeated else None
    return Response(answer.body, 202, headers, media_type=JSON)


def described(example: dict[str, Any]) -> dict[str, Any]:
    """How the API's own documentation shows a body of records like this one."""
    one = {"type": "object", "example": example}
    content = {
        JSON: {"schema": {"oneOf": [one, {"type": "array", "items": one}]}, "example": [example]},
        LINES: {"schema": {"type": "string", "description": "One record a line."}},
    }
    return {"requestBody": {"required": True, "content": content}}

"""`/v1/registry`, `/v1/catalog`, `/v1/lineage`: what there is, and where a value comes from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.catalogue import KINDS, Kind, Page
from mlinfra_assets.serving.lake_side import LakeSide, needed

MOST = 1_000
OPTIONS = ("at", "known_at", "limit")
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
Cursor = Annotated[str, Query(max_length=256, description="`next` of the page before; empty: the first page.")]
Name = Annotated[str, Path(max_length=256)]
Asking = Annotated[Caller, Depends(access.requires(access.REGISTRY))]


class Listing(BaseModel):
    """A page of things in order of name; `next` is the cursor of the next page, null on the last."""

    items: list[dict[str, Any]]
    next: str | None
    total: int


class Overview(BaseModel):
    """The first page of each kind."""

    entities: Listing
    views: Listing
    services: Listing
    models: Listing


class History(BaseModel):
    """The versions of a view, oldest first, each with what it changed."""

    view: str
    versions: list[dict[str, Any]]
    next: str | None
    total: int


class SourceRow(BaseModel):
    """A row that a value is made of: its position in the source, and its times."""

    model_config = {"populate_by_name": True}

    partition: Annotated[int, Field(alias="_partition")]
    offset: Annotated[int, Field(alias="_offset")]
    row: Annotated[int, Field(alias="_row")]
    release: Annotated[int | None, Field(alias="_release")] = None
    event_time: Annotated[datetime, Field(alias="_event_time")]
    known_at: Annotated[datetime, Field(alias="_known_at")]


class Lineage(BaseModel):
    """A value, the rows that it is made of, and the table versions and runs that they went through."""

    view: str
    version: str
    feature: str
    computed_as: str
    entity: dict[str, int | str]
    at: datetime
    known_at: datetime
    value: Any
    status: str
    event_time: datetime | None
    source: str
    rows: list[SourceRow]
    rows_in_all: int
    looks_up: list[str]
    tables: list[dict[str, Any]]


def registry_routes(lake: LakeSide | None) -> APIRouter:
    """The addresses that say what there is.

    Args:
        lake: Knows it; None: these addresses answer 503.
    """
    router = APIRouter(tags=["registry"])

    @router.get("/v1/registry", summary="Entities, views, services and models", response_model=Overview)
    def overview(_: Asking, limit: Limit = 100) -> JsonResponse:
        """The first page of each kind; `/v1/registry/{kind}` has the others."""
        catalogue = needed(lake).catalogue
        return JsonResponse({kind: _listing(catalogue.page(kind, "", limit)) for kind in KINDS})

    @router.get("/v1/registry/views/{view}", summary="Everything about a version of a view")
    def view(
        view: Name,
        _: Asking,
        version: Annotated[
            str | None, Query(max_length=64, description="Its first digits, `declared` or `newest`.")
        ] = None,
    ) -> JsonResponse:
        """Features with their expressions, entities, dataset, what it rests on, and who uses it."""
        return JsonResponse(needed(lake).catalogue.view(view, version))

    @router.get("/v1/registry/views/{view}/history", summary="The versions of a view", response_model=History)
    def history(view: Name, _: Asking, limit: Limit = 100, cursor: Cursor = "") -> JsonResponse:
        """When each was registered, by whom and by which run, and what it changed."""
        versions = needed(lake).catalogue.history(view)
        numbers = [one["version"] for one in versions]
        begin = numbers.index(cursor) + 1 if cursor in numbers else 0
        taken = versions[begin : begin + limit]
        more = begin + limit < len(versions)
        return JsonResponse(
            {
                "view": view,
                "versions": taken,
                "next": taken[-1]["version"] if more else None,
                "total": len(versions),
            }
        )

    @router.get(
        "/v1/registry/{kind}", summary="Entities, views, services or models, a page at a time", response_model=Listing
    )
    def listing(kind: Kind, _: Asking, limit: Limit = 100, cursor: Cursor = "") -> JsonResponse:
        """In order of name."""
        return JsonResponse(_listing(needed(lake).catalogue.page(kind, cursor, limit)))

    @router.get("/v1/catalog", summary="The tables of the lake, a page at a time", response_model=Listing)
    def tables(_: Asking, limit: Limit = 50, cursor: Cursor = "") -> JsonResponse:
        """Columns with types and classification, owner, rows, version, and how fresh each is."""
        return JsonResponse(_listing(needed(lake).catalogue.tables(cursor, limit)))

    @router.get("/v1/catalog/{table:path}", summary="One table of the lake")
    def table(table: Name, _: Asking) -> JsonResponse:
        """As `/v1/catalog` lists it."""
        return JsonResponse(needed(lake).catalogue.table(table))

    @router.get(
        "/v1/lineage/{view}/{feature}",
        summary="Where a value comes from",
        response_model=Lineage,
        openapi_extra={
            "parameters": [
                {
                    "in": "query",
                    "name": "entity",
                    "description": "The join keys by name, such as `customer_id=12347`.",
                    "required": True,
                    "style": "form",
                    "explode": True,
                    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                    "example": {"customer_id": "12347"},
                }
            ]
        },
    )
    def lineage(
        view: Name,
        feature: Name,
        request: Request,
        caller: Asking,
        at: Annotated[AwareDatetime | None, Query(description="The moment; default now.")] = None,
        known_at: Annotated[AwareDatetime | None, Query(description="As known when; default at that moment.")] = None,
        limit: Limit = 100,
    ) -> JsonResponse:
        """The value of a feature of an entity at a moment: computed now from the tables, with the rows that count.

        Join keys stand in the address by their names. Rows are named by their position in the source; tables by their
        version, and the run and code that wrote it.
        """
        caller.needs(access.FEATURES, [view.partition("@")[0]])
        entity = {name: value for name, value in request.query_params.items() if name not in OPTIONS}
        return JsonResponse(needed(lake).catalogue.origin(view, feature, entity, at, known_at, limit))

    return router


def _listing(page: Page) -> dict[str, Any]:
    return {"items": page.items, "next": page.next, "total": page.total}

"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx

from mlinfra_assets.client import calls
from mlinfra_assets.client.calls import Call, Entity
from mlinfra_assets.client.errors import ApiError, error_of
from mlinfra_assets.client.results import Features, Page, Predictions, Taken, TrainingSet
from mlinfra_assets.client.sending import arguments, sending, unreachable

T = TypeVar("T")
POLL_SECONDS = 0.2


class AsyncClient:
    """A client of the API for asyncio; also an async context manager that closes it.

    Features, reading and records are asked for again when the API cannot answer for a moment; predictions and training
    sets only if the request cannot have been worked on.

    Args:
        url: The API's address. Default: `MLINFRA_API_URL`, else this machine's.
        key: An API key. Default: `MLINFRA_API_KEY`; without any, none is sent.
        timeout: Seconds that connecting, sending or waiting for the next bytes may take.
        retries: How often a request is sent again at most.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, timeout: float = 10.0, retries: int = 2
    ) -> None:
        self._sending = sending(url, timeout, retries)
        self._client = httpx.AsyncClient(**self._sending.options(key))

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def features(
        self,
        names: Sequence[str] | str,
        entities: Sequence[Entity],
        request: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        details: bool = False,
    ) -> Features:
        """The features of entities, as of now.

        Args:
            names: `"view:feature"` or `"view"` in a list; or the name of a feature service.
            entities: The join keys of each.
            request: Values that features want with the question: one mapping for all entities, or one each.
            details: Say with each value what it rests on.

        Raises:
            ApiError: The API did not answer so; the message says why.
        """
        return await self._send(calls.features(names, entities, request, details=details))

    async def predict(
        self,
        model: str,
        entities: Sequence[Entity],
        request: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> Predictions:
        """One prediction for each entity, logged before it is answered. It is not asked for again by itself.

        Args:
            model: The model.
            entities: The join keys of each.
            request: Values that features want with the question: one mapping for all entities, or one each.

        Raises:
            ApiError: The API did not answer so; some predictions may have been logged.
        """
        return await self._send(calls.predict(model, entities, request))

    async def ingest(
        self, source: str, records: Sequence[Mapping[str, Any]], *, key: str | None = None, partial: bool = False
    ) -> Taken:
        """Append records to a source's stream, judged by its contract.

        Args:
            source: The source.
            records: Each as the source's producer writes it.
            key: Names the request, so that it is taken once however often it is sent; default a new one.
            partial: Take the valid ones, and say what is wrong with the others.

        Raises:
            RefusedError: A record breaks the contract, and none was taken; `reasons` says how.
            ApiError: The API did not answer so.
        """
        return await self._send(calls.ingest(source, records, key, partial=partial))

    async def outcomes(
        self, records: Sequence[Mapping[str, Any]], *, key: str | None = None, partial: bool = False
    ) -> Taken:
        """Say what became of predictions; as `ingest`."""
        return await self._send(calls.outcomes(records, key, partial=partial))

    async def replay(self, prediction_id: str) -> dict[str, Any]:
        """A prediction computed from raw again, value by value, down to the source rows that made it."""
        return await self._send(calls.replay(prediction_id))

    async def create_training_set(
        self,
        names: Sequence[str] | str,
        entities: Sequence[Mapping[str, Any]] | None = None,
        *,
        table: str | None = None,
        known: str = "as_of",
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
    ) -> TrainingSet:
        """Ask for a training set; it is made in the background.

        Args:
            names: `"view:feature"` or `"view"` in a list; or the name of a feature service.
            entities: The rows that ask: join keys, time, request values, anything else.
            table: A table of the lake with these rows, instead.
            known: `"as_of"`, `"hindsight"`, or the column of known-at times.
            event_timestamp: The time column.
            full_feature_names: Call a feature `view__feature`.

        Raises:
            ApiError: The API did not take it; the message says why.
        """
        options = {"known": known, "event_timestamp": event_timestamp, "full_feature_names": full_feature_names}
        return await self._send(calls.create_training_set(names, entities, table, options))

    async def training_set(self, number: str) -> TrainingSet:
        """How a training set stands, by its id."""
        return await self._send(calls.training_set(number))

    async def wait_for_training_set(self, number: str, *, seconds: float = 600.0) -> TrainingSet:
        """Wait until a training set is done.

        Args:
            number: Its id.
            seconds: How long to wait at most.

        Raises:
            ApiError: It has failed, or is not done in time.
        """
        end = monotonic() + seconds
        while (found := await self.training_set(number)).state in {"waiting", "running"}:
            if monotonic() > end:
                raise ApiError(f"training set {number} is still {found.state} after {seconds:g} seconds")
            await asyncio.sleep(POLL_SECONDS)
        if found.state == "failed":
            raise ApiError(f"training set {number} has failed: {found.message}")
        return found

    async def download_training_set(
        self,
        number: str,
        into: str | Path,
        *,
        format: Literal["parquet", "arrow", "ndjson"] = "parquet",  # noqa: A002
    ) -> Path:
        """Write the rows of a training set to a file, whole or not at all.

        Args:
            number: Its id.
            into: The file.
            format: `"parquet"`, `"arrow"` (an IPC stream) or `"ndjson"`.

        Raises:
            ApiError: It has no rows (yet).
        """
        file = Path(into)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        path = f"{calls.ROOM}/training-sets/{number}/rows"
        try:
            async with self._client.stream("GET", path, params={"format": format}) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise error_of(answer)
                with beside.open("wb") as out:
                    async for part in answer.aiter_bytes():
                        out.write(part)
            beside.rename(file)
        except httpx.TransportError as error:
            raise unreachable(error, self._sending.url) from error
        finally:
            beside.unlink(missing_ok=True)
        return file

    async def registry(self, kind: calls.Kind, *, limit: int = 100, cursor: str = "") -> Page:
        """Some of the entities, views, services or models, in order of name."""
        return await self._send(calls.registry(kind, limit, cursor))

    async def view(self, name: str, version: str | None = None) -> dict[str, Any]:
        """Everything about a version of a view; default the declared one."""
        return await self._send(calls.view(name, version))

    async def history(self, name: str) -> list[dict[str, Any]]:
        """The versions of a view with what each changed, oldest first; at most the first 1,000."""
        return await self._send(calls.history(name))

    async def catalog(self, *, limit: int = 50, cursor: str = "") -> Page:
        """Some of the tables of the lake: columns, owner, classification, freshness."""
        return await self._send(calls.catalog(limit, cursor))

    async def lineage(
        self,
        view: str,
        feature: str,
        entity: Entity,
        *,
        at: datetime | None = None,
        known_at: datetime | None = None,
        limit: int = 100,
    ) -> dict[str, Any]:
        """A value of an entity at a moment (default now) with the rows, table versions and runs behind it."""
        return await self._send(calls.lineage(view, feature, entity, at, known_at, limit))

    async def _send(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            try:
                return call.read(await self._once(call))
            except ApiError as error:
                wait = self._sending.wait(call, error, attempt)
                if wait is None:
                    raise
            attempt += 1
            await asyncio.sleep(wait)

    async def _once(self, call: Call[Any]) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = await self._client.request(**arguments(call))
        except httpx.TransportError as error:
            raise unreachable(error, self._sending.url) from error
        if not answer.is_success:
            raise error_of(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise ApiError(f"{answer.request.url} answered what is no JSON: is this the API?") from error

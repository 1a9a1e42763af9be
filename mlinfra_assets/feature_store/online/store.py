"""The online store: what is pushed to Redis, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
import redis

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.answer import ViewAnswer
from mlinfra_assets.feature_store.online.cut import Asked, Cut, KeysChangedError
from mlinfra_assets.feature_store.online.errors import NotLoadedError, UnknownViewError, redis_errors
from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.frozen import OnlineBreakers
from mlinfra_assets.feature_store.online.lag import LiveLag
from mlinfra_assets.feature_store.online.models import OnlineModel, OnlineModels
from mlinfra_assets.feature_store.online.pinning import Pinning
from mlinfra_assets.feature_store.online.push import Progress, Push, PushReport
from mlinfra_assets.feature_store.online.read import ViewReader
from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.services import OnlineServices
from mlinfra_assets.feature_store.online.tail import ViewTail
from mlinfra_assets.feature_store.online.vector import OnlineVector
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions

__all__ = ["OnlineModel", "OnlineStore", "OnlineVector", "PushRecord", "PushReport"]

INDEX = "mlinfra:online:views"
AT_ONCE = 1_000
"""Entities that one step in Redis reads."""


class OnlineStore:
    """Feature views and models in one Redis; usable from many threads.

    Args:
        client: Redis, answering in bytes.

    Attributes:
        client: As given.
        breakers: Which breakers are open, as far as Redis was told.
        services: The feature services, as they were declared when a view was last pushed.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._models = OnlineModels(client)
        self.breakers = OnlineBreakers(client)
        self.services = OnlineServices(client)
        self.lag = LiveLag(client)
        self._readers: dict[str, ViewReader] = {}
        self._read = client.register_script(scripts.READ)

    def push(
        self,
        document: ViewDocument,
        version: str,
        prepared: PreparedRows,
        watermark: Mapping[str, Positions],
        epoch: int,
        progress: Progress | None = None,
        run: str = "",
    ) -> PushReport:
        """Serve a view from these rows. Until the whole push is there, what was served before is.

        Args:
            document: The view.
            version: Its version.
            prepared: Its rows, with keys.
            watermark: What the rows cover of each source.
            epoch: Known-at time of the newest row, microseconds since 1970 UTC.
            progress: Told how many of how many entities are written.
            run: The run that pushes.

        Raises:
            StalePushError: A push of newer rows is being served; nothing was changed.
            PushLostError: Redis lost a part of this push; what was served before is not changed.
            UnavailableError: Redis cannot be reached, or is full.
        """
        if document.version != version:
            raise InvalidInputError(f"view {document.name}: its document is version {document.version}, not {version}")
        push = Push(self.client, _state(document.name), document, prepared, watermark, epoch, run)
        with redis_errors(f"pushing view {document.name}"):
            self.client.sadd(INDEX, document.name)
        return push.run(progress)

    def read(
        self,
        view: str,
        keys: Sequence[tuple],
        t: int,
        features: Sequence[str] | None = None,
        request: pl.DataFrame | None = None,
    ) -> list[OnlineVector]:
        """Features of some entities at a moment, as known then, by the push that is served.

        Args:
            view: The view.
            keys: Join key values of each entity, in the view's order.
            t: The moment, microseconds since 1970 UTC.
            features: Names of the features wanted, in order. None: all.
            request: The values that features want with the question (`view.request_schema`), one row for each key.

        Returns:
            One vector for each key, in order.

        Raises:
            NotLoadedError: Redis holds no view at all, or has lost this one.
            UnknownViewError: It holds other views, and this one was never pushed; or the view has no such feature.
            RetrievalError: A key is not one of this view, or a value that a feature wants with the question is missing.
            FeatureOverflowError: An exact result does not fit in 64 bits.
            UnavailableError: Redis cannot be reached, or no longer holds what mattered at `t`.
            DamagedBaseError: Redis holds bytes that are not what was pushed.
        """
        vectors: list[OnlineVector] = []
        wanted = None if features is None else tuple(dict.fromkeys(features))
        for begin in range(0, len(keys), AT_ONCE):
            given = None if request is None else request[begin : begin + AT_ONCE]
            asked = Asked(keys[begin : begin + AT_ONCE], wanted)
            vectors += self._read_one(view, asked, t, given).vectors()
        return vectors

    def _read_one(self, view: str, asked: Asked, t: int, request: pl.DataFrame | None) -> ViewAnswer:
        while True:
            schema = self.known(view).key_schema
            try:
                return self.read_views({view: asked}, t, request)[view]
            except KeysChangedError:
                continue
            except RetrievalError:
                # It may have been pushed with another key since it was last read.
                if self.view(view).key_schema == schema:
                    raise

    def read_views(
        self, asked: Mapping[str, Asked], t: int, request: pl.DataFrame | None = None
    ) -> dict[str, ViewAnswer]:
        """Features from several views at a moment, all by what Redis holds in one and the same moment.

        Args:
            asked: What is asked of each view.
            t: The moment, microseconds since 1970 UTC.
            request: As in `read`; the entities of all views are the same.

        Raises:
            KeysChangedError: A view has been pushed with another key since it was last read: see `known`, ask again.
            MlinfraError: As `read`.
        """
        cut = self.cut(asked)
        with redis_errors(f"reading {', '.join(asked)}"):
            reply: list = self._read(keys=cut.keys, args=cut.args)  # pyright: ignore[reportAssignmentType]
        answers = self.answers(asked, cut.take(reply)[1], t, request)
        return {name: answer for name, answer in answers.items() if answer is not None}

    def cut(self, asked: Mapping[str, Asked]) -> Cut:
        """The one step that reads several views.

        Raises:
            MlinfraError: As `read`.
        """
        return Cut([(self._reader(name), self._known(name), one) for name, one in asked.items()])

    def answers(
        self,
        asked: Mapping[str, Asked],
        found: Sequence[Fetched],
        t: int,
        request: pl.DataFrame | None = None,
        *,
        engine: bool = True,
    ) -> dict[str, ViewAnswer | None]:
        """What was asked, from what the step found; as `read_views`. None for a view that takes the engine, without."""
        return {
            name: self._readers[name].answer(
                one, asked[name].keys, t, asked[name].features, self._models, request, engine=engine
            )
            for name, one in zip(asked, found, strict=True)
        }

    def ready(self, name: str) -> FeatureView | None:
        """As `known`, if the view has been answered by a program: then a next time takes microseconds. Else None."""
        reader = self._readers.get(name)
        return None if reader is None or reader.document is None or not reader.compiled else reader.document.view

    def known(self, name: str) -> FeatureView:
        """The definition as it was when the view was last read, which is now if it never was.

        Raises:
            NotLoadedError: As `read`.
            UnknownViewError: As `read`.
        """
        return self._known(name).view

    def _known(self, name: str) -> ViewDocument:
        reader = self._reader(name)
        return reader.document or reader.served()[1]

    def view(self, name: str) -> FeatureView:
        """The definition that is served.

        Raises:
            NotLoadedError: As `read`.
            UnknownViewError: As `read`.
        """
        return self._reader(name).served()[1].view

    def views(self) -> list[PushRecord]:
        """The push that is served of each view, by name; views without one are left out."""
        found = []
        for name in self._names():
            try:
                found.append(self._reader(name).served()[0])
            except NotLoadedError:
                continue
        return found

    def pinning(self, name: str) -> Pinning:
        """Whether a view was rolled back, and the way to do it.

        Raises:
            NotLoadedError: As `read`.
            UnknownViewError: As `read`.
        """
        self._reader(name)
        return Pinning(self.client, name, _state(name))

    def tail(self, name: str) -> ViewTail:
        """The tail of a view, to append to."""
        return ViewTail(self.client, name, _state(name))

    def push_model(self, name: str, version: str, onnx: bytes, inputs: Sequence[str], promoted_at: int) -> None:
        """Serve a version of a model, unless one that was promoted later is being served.

        Args:
            name: The model.
            version: Its version.
            onnx: Its file.
            inputs: `"view:feature"` of each input, in order.
            promoted_at: Since when it is in production, microseconds since 1970 UTC.

        Raises:
            InvalidInputError: The file is no model of these inputs.
            StalePushError: A later promotion is being served.
            UnavailableError: Redis cannot be reached, or is full.
        """
        self._models.push(name, version, onnx, inputs, promoted_at)

    def model(self, name: str) -> OnlineModel:
        """The version of a model that is served.

        Raises:
            NotLoadedError: Redis holds no model at all, or has lost this one.
            UnknownModelError: It holds others, and this one was never pushed.
            DamagedBaseError: The file is not the one that was pushed.
        """
        return self._models.get(name)

    def model_version(self, name: str) -> str | None:
        """The version of a model that is served; None if there is none."""
        return self._models.version(name)

    def models(self) -> list[str]:
        """Names of the models that were pushed."""
        return self._models.names()

    def _reader(self, name: str) -> ViewReader:
        reader = self._readers.get(name)
        if reader is not None:
            return reader
        known = self._names()
        if not known:
            raise NotLoadedError("Redis holds no feature views: materialize online/<view> for each to push them")
        if name not in known:
            raise UnknownViewError(f"there is no feature view {name!r} online{nearest(name, known)}")
        return self._readers.setdefault(name, ViewReader(self.client, name, _state(name)))

    def _names(self) -> list[str]:
        with redis_errors("listing feature views"):
            names: set[bytes] = self.client.smembers(INDEX)  # pyright: ignore[reportAssignmentType]
        return sorted(name.decode() for name in names)


def _state(view: str) -> str:
    # The braces keep a view's keys together in a cluster.
    return f"mlinfra:online:{{{view}}}"

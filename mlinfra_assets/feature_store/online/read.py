"""Reading a view: the bases of some entities and, at the moment of the question, their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import redis

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.engine.evaluate import NOT_FOUND, evaluate_at
from mlinfra_assets.feature_store.engine.rows import EntityRows, PreparedRows, dtypes
from mlinfra_assets.feature_store.errors import DefinitionError, RetrievalError
from mlinfra_assets.feature_store.nodes import Key, walk
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.codec import decode
from mlinfra_assets.feature_store.online.errors import (
    DamagedBaseError,
    NotLoadedError,
    UnknownViewError,
    redis_errors,
)
from mlinfra_assets.feature_store.online.keys import encode_key
from mlinfra_assets.feature_store.online.models import OnlineModels
from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.scores import OnlineScores
from mlinfra_assets.feature_store.online.vector import STATUSES, OnlineVector
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView

AT_ONCE = 1_000
"""Entities that one step in Redis reads."""


@dataclass(frozen=True)
class _Question:
    """A view cut down to the features that are asked for.

    Attributes:
        view: That view.
        inputs: Which of the whole view's inputs its features need.
        named: Whether a feature is made of the entity's own key.
    """

    view: FeatureView
    inputs: tuple[int, ...]
    named: bool


class ViewReader:
    """Reads one view.

    Args:
        client: Redis, answering in bytes.
        name: The view.
        state: Key of its state.
    """

    def __init__(self, client: redis.Redis, name: str, state: str) -> None:
        self._client = client
        self._name = name
        self._state = state
        self._script = client.register_script(scripts.READ)
        self._document: ViewDocument | None = None
        self._questions: dict[tuple[str, tuple[str, ...] | None], _Question] = {}

    def served(self) -> tuple[PushRecord, ViewDocument]:
        """The push that is served, and its view.

        Raises:
            NotLoadedError: There is none.
        """
        return self._fetch([])[:2]

    def read(
        self,
        keys: Sequence[tuple],
        t: int,
        features: tuple[str, ...] | None,
        models: OnlineModels,
        request: pl.DataFrame | None = None,
    ) -> list[OnlineVector]:
        """As `OnlineStore.read`."""
        answers: list[OnlineVector] = []
        for begin in range(0, len(keys), AT_ONCE):
            given = None if request is None else request[begin : begin + AT_ONCE]
            answers += self._read_some(keys[begin : begin + AT_ONCE], t, features, models, given)
        return answers

    def _read_some(
        self,
        keys: Sequence[tuple],
        t: int,
        features: tuple[str, ...] | None,
        models: OnlineModels,
        request: pl.DataFrame | None,
    ) -> list[OnlineVector]:
        schema = (self._document or self.served()[1]).view.key_schema
        try:
            encoded = [encode_key(schema, key) for key in keys]
        except RetrievalError:
            if self.served()[1].view.key_schema == schema:
                raise
            return self._read_some(keys, t, features, models, request)
        record, document, bases = self._fetch(encoded)
        if document.view.key_schema != schema:
            # The view has been pushed with another key since it was last read.
            return self._read_some(keys, t, features, models, request)
        if t < record.complete_from:
            raise UnavailableError(
                f"view {self._name}: what Redis holds is whole for moments from "
                f"{from_micros(record.complete_from).isoformat()} on, and {from_micros(t).isoformat()} is asked for: "
                "see that the clock is right"
            )
        question = self._question(document, features)
        entities = [
            None if base is None else self._decode(document.view, question, key, base)
            for key, base in zip(keys, bases, strict=True)
        ]
        named = pl.DataFrame(keys, schema=dtypes(schema), orient="row") if question.named else None
        rows = PreparedRows.from_entities(question.view, entities, named)
        return _answer(record, question.view, rows, t, models, request)

    def _decode(self, view: FeatureView, question: _Question, key: tuple, base: bytes) -> EntityRows:
        try:
            return decode(view, base, question.inputs)
        except DamagedBaseError as error:
            raise DamagedBaseError(
                f"view {self._name}, entity {key}: {error}; materialize online/{self._name} to push it again"
            ) from error

    def _question(self, document: ViewDocument, features: tuple[str, ...] | None) -> _Question:
        known = self._questions.get((document.version, features))
        if known is not None:
            return known
        whole = document.view
        try:
            chosen = whole.features if features is None else tuple(whole.feature(name) for name in features)
        except DefinitionError as error:
            raise UnknownViewError(str(error)) from error
        view = replace(whole, features=chosen)
        place = {node: j for j, node in enumerate(whole.inputs)}
        named = any(isinstance(node, Key) for feature in chosen for node in walk(feature.node))
        question = _Question(view, tuple(place[node] for node in view.inputs), named)
        if len(self._questions) >= AT_ONCE:
            self._questions.clear()
        self._questions[document.version, features] = question
        return question

    def _fetch(self, keys: list[bytes]) -> tuple[PushRecord, ViewDocument, list[bytes | None]]:
        known = self._document
        with redis_errors(f"reading view {self._name}"):
            version = "" if known is None else known.version
            found: list = self._script(keys=[self._state], args=[version, *keys])  # pyright: ignore[reportAssignmentType]
        if not found:
            raise NotLoadedError(
                f"Redis holds no whole push of view {self._name}: materialize online/{self._name} to push it"
            )
        record = PushRecord.from_json(found[0])
        if known is None or known.version != record.version:
            known = self._document = self._parse(record, found[1])
        return record, known, found[2]

    def _parse(self, record: PushRecord, text: bytes | None) -> ViewDocument:
        try:
            document = ViewDocument.from_json(text or b"")
        except DefinitionError as error:
            raise DamagedBaseError(f"view {self._name}: {error}; materialize online/{self._name} again") from error
        if (document.name, document.version) != (self._name, record.version):
            raise DamagedBaseError(
                f"view {self._name}: Redis holds {document.name} {document.version} where {record.version} was "
                f"pushed: materialize online/{self._name} again"
            )
        return document


def _answer(
    record: PushRecord,
    view: FeatureView,
    rows: PreparedRows,
    t: int,
    models: OnlineModels,
    request: pl.DataFrame | None,
) -> list[OnlineVector]:
    scores = OnlineScores(models, view, t)
    index = np.arange(rows.entities, dtype=np.int64)
    evaluated = evaluate_at(view, rows, index, np.full(rows.entities, t, np.int64), None, scores, request=request)
    versions = scores.versions
    return [
        OnlineVector(
            values=values,
            status=STATUSES[status],
            event_time=None if status == NOT_FOUND else latest,
            version=record.version,
            watermark=record.watermark,
            epoch=record.epoch,
            scores=versions,
            run=record.run,
        )
        for values, status, latest in zip(
            evaluated.features.iter_rows(named=True),
            evaluated.status.tolist(),
            evaluated.latest.tolist(),
            strict=True,
        )
    ]

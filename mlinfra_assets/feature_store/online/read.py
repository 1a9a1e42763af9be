"""Reading a view: the bases and tails of some entities and, at the moment of the question, their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from mlinfra_assets.feature_store.online.merging import merged
from mlinfra_assets.feature_store.online.models import OnlineModels
from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.scores import OnlineScores
from mlinfra_assets.feature_store.online.tail_codec import decode_tail
from mlinfra_assets.feature_store.online.tail_state import TailState
from mlinfra_assets.feature_store.online.vector import STATUSES, OnlineVector
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions

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


@dataclass(frozen=True)
class Fetched:
    """What one step in Redis says of a view.

    Attributes:
        record: The push that is served.
        document: Its view.
        bases: The base of each entity asked for; None: it has none.
        tail: How the version's tail stands; None: there is no whole one.
        tail_text: The same as Redis holds it; empty: there is none.
        tails: The records of each entity asked for; None: it has none.
    """

    record: PushRecord
    document: ViewDocument
    bases: list[bytes | None]
    tail: TailState | None
    tail_text: bytes
    tails: list[bytes | None]

    @property
    def covered(self) -> Positions:
        """What the bases cover of the dataset's source."""
        return self.record.watermark.get(self.document.source, Positions())

    @property
    def watermark(self) -> Mapping[str, Positions]:
        """What bases and tails together cover of each source."""
        if self.tail is None:
            return self.record.watermark
        return {**self.record.watermark, self.document.source: self.tail.watermark(self.covered)}

    @property
    def epoch(self) -> int:
        """Known-at time of the newest row, microseconds since 1970 UTC."""
        return max(self.record.epoch, 0 if self.tail is None else self.tail.epoch)

    @property
    def complete_from(self) -> int:
        """All that matters from this moment on is there, microseconds since 1970 UTC."""
        return max(self.record.complete_from, 0 if self.tail is None else self.tail.complete_from)


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
        found = self.fetch([])
        return found.record, found.document

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
        found = self.fetch(encoded)
        if found.document.view.key_schema != schema:
            # The view has been pushed with another key since it was last read.
            return self._read_some(keys, t, features, models, request)
        if t < found.complete_from:
            raise UnavailableError(
                f"view {self._name}: what Redis holds is whole for moments from "
                f"{from_micros(found.complete_from).isoformat()} on, and {from_micros(t).isoformat()} is asked for: "
                "see that the clock is right"
            )
        question = self._question(found.document, features)
        past = {} if found.tail is None else found.tail.past(found.covered)
        tails = found.tails if past else [None] * len(keys)
        entities = [
            self._decode(found.document.view, question, key, base, tail, past)
            for key, base, tail in zip(keys, found.bases, tails, strict=True)
        ]
        named = pl.DataFrame(keys, schema=dtypes(schema), orient="row") if question.named else None
        rows = PreparedRows.from_entities(question.view, entities, named)
        return _answer(found, question.view, rows, t, models, request)

    def _decode(
        self,
        view: FeatureView,
        question: _Question,
        key: tuple,
        base: bytes | None,
        tail: bytes | None,
        past: Mapping[int, tuple[int, int]],
    ) -> EntityRows | None:
        try:
            rows = None if base is None else decode(view, base, question.inputs)
            return rows if tail is None else merged(rows, decode_tail(view, tail, question.inputs), past)
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

    def fetch(self, keys: list[bytes]) -> Fetched:
        """What Redis holds of some entities, by encoded key, and how the view stands, all of one moment.

        Raises:
            NotLoadedError: There is no whole push.
        """
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
        text = found[3] or b""
        return Fetched(record, known, found[2], TailState.from_json(text) if text else None, text, found[4])

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
    found: Fetched,
    view: FeatureView,
    rows: PreparedRows,
    t: int,
    models: OnlineModels,
    request: pl.DataFrame | None,
) -> list[OnlineVector]:
    scores = OnlineScores(models, view, t)
    index = np.arange(rows.entities, dtype=np.int64)
    evaluated = evaluate_at(view, rows, index, np.full(rows.entities, t, np.int64), None, scores, request=request)
    versions, watermark = scores.versions, found.watermark
    return [
        OnlineVector(
            values=values,
            status=STATUSES[status],
            event_time=None if status == NOT_FOUND else latest,
            version=found.record.version,
            watermark=watermark,
            epoch=found.epoch,
            scores=versions,
            run=found.record.run,
        )
        for values, status, latest in zip(
            evaluated.features.iter_rows(named=True),
            evaluated.status.tolist(),
            evaluated.latest.tolist(),
            strict=True,
        )
    ]

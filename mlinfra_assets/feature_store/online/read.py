"""Reading a view: the bases and tails of some entities and, at the moment of the question, their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import redis

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.rows import EntityRows, PreparedRows, dtypes
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Key, walk
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.answer import ViewAnswer
from mlinfra_assets.feature_store.online.codec import decode
from mlinfra_assets.feature_store.online.errors import (
    DamagedBaseError,
    NotLoadedError,
    UnknownViewError,
    redis_errors,
)
from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.frozen import KEY as BREAKERS
from mlinfra_assets.feature_store.online.kernel.compile import compile_question
from mlinfra_assets.feature_store.online.kernel.evaluate import Answer, DamagedError, as_past, evaluate_bases
from mlinfra_assets.feature_store.online.kernel.program import Program
from mlinfra_assets.feature_store.online.merging import merged
from mlinfra_assets.feature_store.online.models import OnlineModels
from mlinfra_assets.feature_store.online.record import PushRecord
from mlinfra_assets.feature_store.online.scores import OnlineScores
from mlinfra_assets.feature_store.online.tail_codec import decode_tail
from mlinfra_assets.feature_store.online.tail_state import TailState
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView

MOST_QUESTIONS = 1_000
"""Different lists of features of a view that are kept ready."""


@dataclass(frozen=True)
class _Question:
    """A view cut down to the features that are asked for.

    Attributes:
        view: That view.
        inputs: Which of the whole view's inputs its features need.
        named: Whether a feature is made of the entity's own key.
        program: What answers it from bytes; None: the engine does.
    """

    view: FeatureView
    inputs: tuple[int, ...]
    named: bool
    program: Program | None


def asked_of(known: ViewDocument | None, keys: Sequence[bytes]) -> list[bytes | str | int]:
    """What the script is told of one view: what of it is known, and the encoded keys of the entities."""
    return ["" if known is None else known.version, len(keys), *keys]


class ViewReader:
    """Reads one view.

    Args:
        client: Redis, answering in bytes.
        name: The view.
        state: Key of its state.

    Attributes:
        state: As given.
        compiled: Whether a question was answered by a program: what that takes is loaded.
    """

    def __init__(self, client: redis.Redis, name: str, state: str) -> None:
        self.state = state
        self._name = name
        self._script = client.register_script(scripts.READ)
        self._document: ViewDocument | None = None
        self._record: tuple[bytes, PushRecord | None] = (b"", None)
        self._questions: dict[tuple[str, tuple[str, ...] | None], _Question] = {}
        self.compiled = False

    @property
    def document(self) -> ViewDocument | None:
        """The view as it was when it was last read; None if it never was."""
        return self._document

    def served(self) -> tuple[PushRecord, ViewDocument]:
        """The push that is served, and its view.

        Raises:
            NotLoadedError: There is none.
        """
        found = self.fetch([])
        return found.record, found.document

    def fetch(self, keys: Sequence[bytes]) -> Fetched:
        """What Redis holds of some entities, by encoded key, and how the view stands, all of one moment.

        Raises:
            NotLoadedError: There is no whole push.
        """
        known = self._document
        with redis_errors(f"reading view {self._name}"):
            args = asked_of(known, keys)
            found: list = self._script(keys=[BREAKERS, self.state], args=args)  # pyright: ignore[reportAssignmentType]
        return self.take(found[1], known)

    def take(self, found: list, known: ViewDocument | None) -> Fetched:
        """What the script says of this view, when it was told that a document is known.

        Raises:
            NotLoadedError: There is no whole push.
        """
        if not found:
            raise NotLoadedError(
                f"Redis holds no whole push of view {self._name}: materialize online/{self._name} to push it"
            )
        text, record = self._record
        if record is None or text != found[0]:
            record = PushRecord.from_json(found[0])
            self._record = (found[0], record)
        if known is None or known.version != record.version:
            known = self._document = self._parse(record, found[1])
        state = found[3] or b""
        return Fetched(record, known, found[2], TailState.from_json(state) if state else None, state, found[4])

    def answer(
        self,
        found: Fetched,
        keys: Sequence[tuple],
        t: int,
        features: tuple[str, ...] | None,
        models: OnlineModels,
        request: pl.DataFrame | None,
        *,
        engine: bool,
    ) -> ViewAnswer | None:
        """The features at t (microseconds since 1970 UTC) of the entities that were fetched; as `OnlineStore.read`.

        Without the `engine`: None, if it takes that.
        """
        if t < found.complete_from:
            raise UnavailableError(
                f"view {self._name}: what Redis holds is whole for moments from "
                f"{from_micros(found.complete_from).isoformat()} on, and {from_micros(t).isoformat()} is asked for: "
                "see that the clock is right"
            )
        question = self._question(found.document, features)
        past = {} if found.tail is None else found.tail.past(found.covered)
        tails = found.tails if past else None
        values, scores = self._compiled(question, found, keys, tails, past, t), {}
        if values is None:
            if not engine:
                return None
            by_model = OnlineScores(models, question.view, t)
            values = self._evaluated(question, found, keys, tails, past, t, by_model, request)
            scores = by_model.versions
        names = tuple(feature.name for feature in question.view.features)
        return ViewAnswer(names, values, found, scores)

    def _compiled(
        self,
        question: _Question,
        found: Fetched,
        keys: Sequence[tuple],
        tails: list[bytes | None] | None,
        past: Mapping[int, tuple[int, int]],
        t: int,
    ) -> Answer | None:
        if question.program is None:
            return None
        try:
            answer = evaluate_bases(question.program, found.bases, t, tails, as_past(past))
        except DamagedError as error:
            i = error.entity
            # The one that reads row by row knows what is wrong.
            self._decode(found, question, keys[i], found.bases[i], None if tails is None else tails[i], past)
            raise self._damaged(keys[i], "its base is not as it was written") from error
        self.compiled = True
        return answer

    def _evaluated(
        self,
        question: _Question,
        found: Fetched,
        keys: Sequence[tuple],
        tails: list[bytes | None] | None,
        past: Mapping[int, tuple[int, int]],
        t: int,
        scores: OnlineScores,
        request: pl.DataFrame | None,
    ) -> Answer:
        """As the engine says it."""
        entities = [
            self._decode(found, question, key, base, tail, past)
            for key, base, tail in zip(keys, found.bases, tails or [None] * len(keys), strict=True)
        ]
        schema = dtypes(question.view.key_schema)
        named = pl.DataFrame(keys, schema=schema, orient="row") if question.named else None
        rows = PreparedRows.from_entities(question.view, entities, named)
        index = np.arange(rows.entities, dtype=np.int64)
        moments = np.full(rows.entities, t, np.int64)
        evaluated = evaluate_at(question.view, rows, index, moments, None, scores, request=request)
        columns = [column.to_list() for column in evaluated.features.get_columns()]
        return Answer(columns, evaluated.status.tolist(), evaluated.latest.tolist())

    def _decode(
        self,
        found: Fetched,
        question: _Question,
        key: tuple,
        base: bytes | None,
        tail: bytes | None,
        past: Mapping[int, tuple[int, int]],
    ) -> EntityRows | None:
        view = found.document.view
        try:
            rows = None if base is None else decode(view, base, question.inputs)
            return rows if tail is None else merged(rows, decode_tail(view, tail, question.inputs), past)
        except DamagedBaseError as error:
            raise self._damaged(key, str(error)) from error

    def _damaged(self, key: tuple, why: str) -> DamagedBaseError:
        return DamagedBaseError(
            f"view {self._name}, entity {key}: {why}; materialize online/{self._name} to push it again"
        )

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
        inputs = tuple(place[node] for node in view.inputs)
        question = _Question(view, inputs, named, compile_question(view, whole))
        if len(self._questions) >= MOST_QUESTIONS:
            self._questions.clear()
        self._questions[document.version, features] = question
        return question

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

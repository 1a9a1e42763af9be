"""A question that is larger than memory, answered in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.offline.asked import Asked
from mlinfra_assets.feature_store.offline.divided import Sought, divide
from mlinfra_assets.feature_store.offline.entity_table import EntityTable
from mlinfra_assets.feature_store.offline.estimate import WORKING
from mlinfra_assets.feature_store.offline.progress import Progress
from mlinfra_assets.feature_store.offline.question_rows import ROW, K, T, keys_of, question_rows, request_of
from mlinfra_assets.feature_store.offline.questions import Questions
from mlinfra_assets.feature_store.offline.spill import Spill
from mlinfra_assets.feature_store.offline.split import Branch, hashes, split_of
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.view import FeatureView

FEWEST_ROWS, MOST_ROWS = 256, 1 << 20
FEWEST_BUCKETS, MOST_BUCKETS = 16, 4_096


@dataclass(frozen=True)
class Plan:
    """What a question is answered with.

    Attributes:
        questions: How to read questions off the entity table.
        read: Where the rows of the datasets come from.
        versions: Version of each dataset's table, by dataset.
        models: Whoever scores.
        progress: Whom to tell how far it has come.
        folder: For temporary files.
        memory: About how many bytes may be held.
        needed: About how many bytes the whole question would take.
        row_bytes: About how many bytes a row of the result takes.
    """

    questions: Questions
    read: SourceReader
    versions: Mapping[str, int]
    models: ScoreModels | None
    progress: Progress
    folder: Path
    memory: int
    needed: int
    row_bytes: int

    @property
    def rows(self) -> int:
        """How many rows of the result are put together at a time."""
        return max(FEWEST_ROWS, min(MOST_ROWS, self.memory // 8 // self.row_bytes))

    @property
    def buckets(self) -> int:
        """How many buckets rows are divided into: some more than parts, as keys are not spread evenly."""
        wanted = 4 * self.needed // max(1, self.memory)
        return max(FEWEST_BUCKETS, min(MOST_BUCKETS, 1 << wanted.bit_length()))


@dataclass(frozen=True)
class Member:
    """What is asked of one view, and how its rows are divided."""

    asked: Asked
    branch: Branch


def answer_in_parts(table: EntityTable, asked: Sequence[Asked], plan: Plan) -> Iterator[pl.DataFrame]:
    """The rows of an entity table with their features, in order, some rows at a time.

    Views whose rows can be divided by the same keys go through the entity table and through their datasets together.
    """
    groups: dict[tuple, list[Member]] = {}
    for one in asked:
        keys, branch = split_of(one.view)
        kinds = tuple((key, str(one.view.key_schema[key])) for key in keys)
        groups.setdefault(kinds, []).append(Member(one, branch))
    answers = []
    for number, (kinds, members) in enumerate(groups.items()):
        folder = plan.folder / f"group-{number}"
        folder.mkdir()
        answers.append(_Group([key for key, _ in kinds], members, replace(plan, folder=folder)).answer(table))
    done = 0
    for number, frame in enumerate(table.frames(plan.rows)):
        found = [answer.rows([number]).sort(ROW).drop(ROW) for answer in answers]
        yield pl.concat([frame, *found], how="horizontal")
        done += frame.height
        plan.progress(done, table.rows, "putting together")


class _Group:
    """Views whose rows are divided by the same keys."""

    def __init__(self, keys: Sequence[str], members: Sequence[Member], plan: Plan) -> None:
        self._keys, self._members, self._plan = keys, members, plan
        self._sought = Sought(plan.buckets)
        self._whole: dict[int, PreparedRows] = {}
        self._sources: dict[tuple, Spill] = {}

    def answer(self, table: EntityTable) -> Spill:
        """The number of each row with its features, by `plan.rows` rows of the entity table."""
        plan = self._plan
        questions = self._put_down_questions(table)
        self._put_down_datasets()
        answers = Spill(plan.folder / "answers.arrow", plan.memory // 8)
        parts = self._parts(questions)
        for number, buckets in enumerate(parts):
            plan.progress(number, len(parts), "answering")
            found = self._answer_part(questions.rows(buckets), buckets)
            answers.add(found, found.get_column(ROW) // plan.rows)
        plan.progress(len(parts), len(parts), "answering")
        answers.close()
        for spill in (questions, *self._sources.values()):
            spill.remove()
        return answers

    def _put_down_questions(self, table: EntityTable) -> Spill:
        plan, views = self._plan, [member.asked.view for member in self._members]
        spill = Spill(plan.folder / "questions.arrow", plan.memory // 8)
        first = 0
        for frame in table.frames(plan.rows):
            rows = question_rows(frame, first, plan.questions, views)
            numbers = hashes(keys_of(rows, views[0]), self._keys, views[0])
            self._sought.add(numbers)
            spill.add(rows, self._sought.bucket(numbers))
            first += frame.height
        spill.close()
        return spill

    def _put_down_datasets(self) -> None:
        plan = self._plan
        branches = [branch for member in self._members for branch in member.branch.walk()]
        for branch in branches:
            if branch.whole:
                self._whole[id(branch)] = prepare_view(branch.view, plan.read, versions=plan.versions)
        divided = [branch.view for branch in branches if not branch.whole]
        for source in dict.fromkeys(map(_source, divided)):
            views = [view for view in divided if _source(view) == source]
            columns = list(dict.fromkeys(column for view in views for column in view.columns))
            name = views[0].dataset.name
            frames = plan.read.batches(name, columns, plan.versions.get(name))
            file = plan.folder / f"dataset-{len(self._sources)}.arrow"
            self._sources[source] = divide(frames, views, self._keys, self._sought, file, plan.memory // 4)

    def _parts(self, questions: Spill) -> list[list[int]]:
        """Buckets that are answered together, as many as fit in memory at a time."""
        parts: list[list[int]] = []
        room = 0
        for bucket in sorted(questions.bytes):
            size = self._size(questions, bucket)
            if not parts or size > room:
                parts.append([])
                room = self._plan.memory // 3
            parts[-1].append(bucket)
            room -= size
        return parts

    def _size(self, questions: Spill, bucket: int) -> int:
        """About how many bytes it takes to answer a bucket."""
        return WORKING * sum(spill.bytes.get(bucket, 0) for spill in (questions, *self._sources.values()))

    def _answer_part(self, rows: pl.DataFrame, buckets: Sequence[int]) -> pl.DataFrame:
        found = [rows.select(ROW)]
        t, k = (rows.get_column(name).to_numpy() for name in (T, K))
        for member in self._members:
            view = member.asked.view
            keys = keys_of(rows, view)
            prepared = self._prepared(member.branch, keys, buckets)
            features = evaluate(view, prepared, keys, t, k, self._plan.models, request_of(rows, view))
            features.columns = list(member.asked.names)
            found.append(features)
        return pl.concat(found, how="horizontal")

    def _prepared(self, branch: Branch, keys: pl.DataFrame, buckets: Sequence[int]) -> PreparedRows:
        if branch.whole:
            return self._whole[id(branch)]
        view = branch.view
        only = keys.select(view.join_keys).unique()
        prepared = prepare(view, self._sources[_source(view)].read(buckets), None, only)
        uses = {name: self._prepared(other, keys, buckets) for name, other in branch.uses.items()}
        return replace(prepared, uses=uses) if uses else prepared


def _source(view: FeatureView) -> tuple[str, tuple[str, ...]]:
    """Views of one source share what is put down."""
    return view.dataset.name, view.dataset.primary_key

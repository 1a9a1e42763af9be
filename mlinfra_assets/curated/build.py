"""dbt in a workspace: pinned snapshots in, models built and tested, nothing of the lake touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.manifest import PARTIAL_PARSE, load_manifest, prepared_manifest
from mlinfra_assets.curated.models import Model, data_tests, models, sources
from mlinfra_assets.curated.project import DBT_PROJECT, copy_project, run_dbt
from mlinfra_assets.curated.results import Results, TestResult, read_results
from mlinfra_assets.curated.workspace import Snapshot, Workspace, open_workspace
from mlinfra_assets.lake.lake import Lake


@dataclass(frozen=True)
class Built:
    """Models that stand built and tested in a workspace.

    Attributes:
        workspace: Where they stand.
        known: Every model of the project by unique id, parents first.
        selected: Unique ids of the models that were built here, parents first.
        results: What the tests said.
        log: What dbt printed.
    """

    workspace: Workspace
    known: Mapping[str, Model]
    selected: tuple[str, ...]
    results: Results
    log: str

    @property
    def tests(self) -> tuple[TestResult, ...]:
        """Every test that was to run."""
        return self.results.tests

    def tables_under(self, uid: str) -> set[str]:
        """Tables of the lake that a model was computed from, through models that were built with it."""
        found: set[str] = set()
        for parent in self.known[uid].parents:
            if parent in self.selected:
                found |= self.tables_under(parent)
            else:
                found.add(_table(parent, self.known))
        return found


@contextmanager
def built(
    lake: Lake,
    *,
    select: Collection[str] | None = None,
    only_tests: Collection[str] = (),
    pins: Mapping[str, int] | None = None,
    threads: int = 4,
    newest_first: bool = False,
    unit_tests: bool = False,
    project: Path = DBT_PROJECT,
) -> Iterator[Built]:
    """Build and test models in a workspace that is gone afterwards.

    Args:
        lake: Where the sources are, and the models that are not built here.
        select: Names of the models; default all. Every test whose parents are among them or above them runs too.
        only_tests: Names of tests to run on what the lake holds, without building anything; then `select` is empty.
        pins: Versions of the lake's tables by name, others empty; default: all at their newest.
        threads: How many nodes dbt works on at once.
        newest_first: Read the tables' files in the opposite order.
        unit_tests: Run the models' unit tests too.
        project: Folder of the dbt project.

    Raises:
        DbtError: dbt stopped before it could build anything, or there is no such model or test.
        SourceMismatchError: A table does not have the columns that the project declares.
    """
    manifest = load_manifest(project)
    known, declared = models(manifest), data_tests(manifest)
    selected = _selected(known, select)
    _refuse_unknown("test", only_tests, [t.name for t in declared.values()])
    shown = [Snapshot(s.table, s.relation, s.columns) for s in sources(manifest).values()]
    shown += [Snapshot(m.table, m.relation, m.columns) for uid, m in known.items() if uid not in selected]
    with tempfile.TemporaryDirectory(prefix="mlinfra-dbt-") as name:
        folder = Path(name)
        workspace = open_workspace(folder, lake, shown, pins, newest_first)
        copy = copy_project(project, folder)
        (copy / "target").mkdir()
        shutil.copyfile(prepared_manifest(project).with_name(PARTIAL_PARSE), copy / "target" / PARTIAL_PARSE)
        arguments = _arguments([known[uid].name for uid in selected], only_tests, unit_tests)
        outcome = run_dbt(arguments, project=copy, threads=threads)
        yield Built(workspace, known, selected, read_results(outcome, known, declared, selected), outcome.output)


def _arguments(names: Collection[str], only_tests: Collection[str], unit_tests: bool) -> list[str]:
    if not names:
        return ["test", "--select", *sorted(only_tests)]
    excluded = [] if unit_tests else ["--exclude-resource-type", "unit_test"]
    return ["build", "--select", *names, "--indirect-selection", "buildable", *excluded]


def _selected(known: Mapping[str, Model], select: Collection[str] | None) -> tuple[str, ...]:
    if select is None:
        return tuple(known)
    _refuse_unknown("model", select, [m.name for m in known.values()])
    return tuple(uid for uid, model in known.items() if model.name in select)


def _refuse_unknown(kind: str, names: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise DbtError(f"there is no {kind} {', '.join(unknown)} in the dbt project; there are {', '.join(known)}")


def _table(uid: str, known: Mapping[str, Model]) -> str:
    if uid in known:
        return known[uid].table
    *_, zone, name = uid.split(".")
    return f"{zone}/{name}"

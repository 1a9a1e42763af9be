"""The manifest on demand, and what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.curated import manifest as manifests
from mlinfra_assets.curated.column_lineage import column_lineage
from mlinfra_assets.curated.errors import DbtError
from mlinfra_assets.curated.manifest import load_manifest, prepared_manifest, project_digest
from mlinfra_assets.curated.models import data_tests, descendants, models, sources
from mlinfra_assets.curated.project import DBT_PROJECT, DbtOutcome, dbt_executable
from mlinfra_assets.curated.schemas import column_types
from mlinfra_assets.settings import PROJECT


def _project(folder: Path) -> Path:
    copy = folder / "dbt_project"
    shutil.copytree(DBT_PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


def test_dbt_is_found_beside_the_interpreter_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(dbt_executable()).parent == Path(sys.executable).parent


def test_the_digest_follows_every_file_of_the_project_but_nothing_that_is_built(tmp_path: Path) -> None:
    project = _project(tmp_path)
    before = project_digest(project)
    (project / "target").mkdir()
    (project / "target" / "x.sql").write_text("select 1")
    assert project_digest(project) == before
    model = project / "models" / "marts" / "orders.sql"
    model.write_text(model.read_text() + "\n")
    assert project_digest(project) != before


def test_processes_that_prepare_at_the_same_time_run_dbt_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, calls = _project(tmp_path), []

    def compiled(arguments: list[str], *, project: Path) -> DbtOutcome:
        calls.append(arguments)
        target = project / "target"
        target.mkdir()
        (target / "manifest.json").write_text("{}")
        (target / "partial_parse.msgpack").write_bytes(b"")
        return DbtOutcome(0, "", target)

    monkeypatch.setattr(manifests, "run_dbt", compiled)
    paths = {prepared_manifest(project) for _ in range(3)}
    assert len(calls) == 1
    assert all(path.exists() for path in paths)
    assert len(paths) == 1


def test_a_project_that_does_not_compile_says_why_and_leaves_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = _project(tmp_path)

    def broken(_: list[str], *, project: Path) -> DbtOutcome:
        return DbtOutcome(2, "model orders depends on a node named 'nothing'", project / "target")

    monkeypatch.setattr(manifests, "run_dbt", broken)
    with pytest.raises(DbtError, match=r"(?s)does not compile.*nothing"):
        prepared_manifest(project)
    assert [p.name for p in (project / "target" / "prepared").iterdir()] == ["lock"]


def test_two_processes_get_one_manifest() -> None:
    prepared_manifest()
    code = "from mlinfra_assets.curated.manifest import prepared_manifest; print(prepared_manifest())"
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ, "PATH": "/usr/bin"}
        )
        for _ in range(2)
    ]
    assert {p.communicate()[0].strip() for p in running} == {str(prepared_manifest())}


def test_sources_declare_what_the_contracts_give() -> None:
    declared = load_sources(PROJECT / "mlinfra_assets" / "sources")
    duck = {
        "String": "varchar",
        "Int64": "bigint",
        "Int32": "integer",
        "Boolean": "boolean",
        "Date": "date",
        "Datetime('us', 'UTC')": "timestamptz",
    }
    for source in sources(load_manifest()).values():
        schema = declared[source.table.split("/")[1]].contract.polars_schema()
        given = {
            name: duck.get(str(kind), str(kind).lower().replace(" ", "")) for name, kind in _spelled(schema).items()
        }
        assert dict(source.columns) == given


def _spelled(schema: object) -> dict[str, str]:
    import polars as pl

    assert isinstance(schema, pl.Schema)
    spelled = {}
    for name, kind in schema.items():
        if isinstance(kind, pl.Datetime):
            spelled[name] = f"Datetime('{kind.time_unit}', '{kind.time_zone}')"
        elif isinstance(kind, pl.Decimal):
            spelled[name] = f"decimal({kind.precision},{kind.scale})"
        else:
            spelled[name] = str(kind)
    return spelled


def test_every_model_and_column_has_words_and_every_model_an_owner() -> None:
    manifest = load_manifest()
    for uid, model in models(manifest).items():
        node = manifest["nodes"][uid]
        assert node["description"], model.name
        assert node["meta"]["dagster"]["owners"], model.name
        assert node["config"]["contract"]["enforced"], model.name
        assert [c for c, words in model.descriptions.items() if not words] == []


def test_every_mart_has_a_unit_test() -> None:
    manifest = load_manifest()
    tested = {node["model"] for node in manifest["unit_tests"].values()}
    assert tested == {model.name for model in models(manifest).values()}


def test_models_come_after_what_they_read() -> None:
    order = list(models(load_manifest()))
    for uid, model in models(load_manifest()).items():
        assert all(order.index(p) < order.index(uid) for p in model.parents if p in order)


def test_no_model_asks_the_clock_or_chance() -> None:
    for model in models(load_manifest()).values():
        found = [w for w in ("now(", "current_", "today(", "random", "uuid", "nextval") if w in model.sql.lower()]
        assert not found, model.name


def test_lineage_names_the_columns_that_a_column_comes_from() -> None:
    manifest = load_manifest()
    known = models(manifest)
    named = {m.name: m for m in known.values()}
    revenue = column_lineage(named["daily_revenue"], known, sources(manifest))
    assert revenue["rate_date"] == [("curated/stg_exchange_rates", "rate_date")]
    assert ("curated/stg_order_lines", "line_amount") in revenue["revenue_eur"]
    lines = column_lineage(named["stg_order_lines"], known, sources(manifest))
    assert lines["line_amount"] == [("processed/order_lines", "quantity"), ("processed/order_lines", "unit_price")]
    assert lines["is_sale"] == [
        ("processed/order_lines", c) for c in ("invoice_no", "quantity", "stock_code", "unit_price")
    ]


def test_what_reads_a_model_is_found_through_others() -> None:
    known = models(load_manifest())
    names = {known[uid].name for uid in descendants(known, ["model.curated.orders"])}
    assert names == {"orders", "customers"}


def test_column_types_are_those_that_features_are_computed_on() -> None:
    named = {m.name: m for m in models(load_manifest()).values()}
    types = {name: str(kind) for name, kind in column_types(named["stg_order_lines"]).items()}
    assert types["line_amount"] == "decimal(3)"
    assert types["quantity"] == "int64"
    assert types["trade_date"] == "date"
    assert not [name for name in types if name.startswith("_")]
    assert all(column_types(model) for model in named.values())


def test_errors_and_warnings_are_told_apart() -> None:
    warnings = {t.name for t in data_tests(load_manifest()).values() if not t.error}
    assert warnings == {"order_lines_are_understood", "rates_are_at_most_a_week_old"}

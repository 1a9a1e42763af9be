"""What the manifest says of models, tests and sources, in the terms of the lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from mlinfra_assets.curated.manifest import Manifest


@dataclass(frozen=True)
class Model:
    """A dbt model.

    Attributes:
        unique_id: dbt's name of it.
        name: Its name, which is the last part of its asset key.
        table: The lake's table that it is published as, such as `curated/orders`.
        relation: Its name in SQL within a workspace.
        sql: Compiled SQL.
        parents: Unique ids of the models and sources that it reads.
        columns: Declared columns: name to SQL type.
        descriptions: Declared columns: name to description.
        row_wise: Whether it claims to map the rows of one source one by one.
    """

    unique_id: str
    name: str
    table: str
    relation: str
    sql: str
    parents: tuple[str, ...]
    columns: Mapping[str, str]
    descriptions: Mapping[str, str]
    row_wise: bool

    @property
    def code(self) -> str:
        """16 hexadecimal digits over the compiled SQL and the declared columns."""
        declared = ",".join(f"{name} {kind}" for name, kind in self.columns.items())
        return sha256(f"{self.sql}\0{declared}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Test:
    """A dbt data test.

    Attributes:
        unique_id: dbt's name of it.
        name: Its name.
        parents: Unique ids of the models that it reads.
        error: Whether its failure keeps models from being published.
        description: What it demands.
    """

    unique_id: str
    name: str
    parents: tuple[str, ...]
    error: bool
    description: str

    __test__ = False


@dataclass(frozen=True)
class SourceTable:
    """A table of the lake that models read.

    Attributes:
        unique_id: dbt's name of it.
        table: The lake's name of it, such as `processed/order_lines`.
        relation: Its name in SQL within a workspace.
        columns: Declared columns: name to SQL type.
    """

    unique_id: str
    table: str
    relation: str
    columns: Mapping[str, str]


def models(manifest: Manifest) -> dict[str, Model]:
    """Every model by unique id, parents before children."""
    found = {uid: _model(node) for uid, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    return {uid: found[uid] for uid in _parents_first(found)}


def data_tests(manifest: Manifest) -> dict[str, Test]:
    """Every data test by unique id."""
    return {
        uid: Test(
            unique_id=uid,
            name=node["name"],
            parents=tuple(node["depends_on"]["nodes"]),
            error=node["config"]["severity"].lower() == "error",
            description=node.get("description", ""),
        )
        for uid, node in manifest["nodes"].items()
        if node["resource_type"] == "test"
    }


def sources(manifest: Manifest) -> dict[str, SourceTable]:
    """Every source table by unique id."""
    return {
        uid: SourceTable(
            unique_id=uid,
            table=f"{node['source_name']}/{node['name']}",
            relation=node["relation_name"],
            columns={name: column["data_type"] for name, column in node["columns"].items()},
        )
        for uid, node in manifest["sources"].items()
    }


def descendants(known: Mapping[str, Model], of: Iterable[str]) -> set[str]:
    """These models and every model that reads them, directly or not."""
    reached = set(of)
    for uid, model in known.items():
        if reached & set(model.parents):
            reached.add(uid)
    return reached


def tables_read(known: Mapping[str, Model], declared: Mapping[str, SourceTable]) -> dict[str, set[str]]:
    """The source tables that each model reads, directly or through other models, by unique id."""
    found: dict[str, set[str]] = {}
    for uid, model in known.items():  # parents before children
        found[uid] = {
            table
            for parent in model.parents
            for table in ({declared[parent].table} if parent in declared else found.get(parent, set()))
        }
    return found


def _model(node: Mapping) -> Model:
    columns = node["columns"]
    return Model(
        unique_id=node["unique_id"],
        name=node["name"],
        table=f"{node['schema']}/{node['alias']}",
        relation=node["relation_name"],
        sql=node["compiled_code"],
        parents=tuple(dict.fromkeys(node["depends_on"]["nodes"])),
        columns={name: column["data_type"] for name, column in columns.items()},
        descriptions={name: column["description"] for name, column in columns.items()},
        row_wise=bool(node["config"]["meta"].get("row_wise", False)),
    )


def _parents_first(found: Mapping[str, Model]) -> list[str]:
    ordered: list[str] = []

    def visit(uid: str) -> None:
        if uid in found and uid not in ordered:
            for parent in sorted(found[uid].parents):
                visit(parent)
            ordered.append(uid)

    for uid in sorted(found):
        visit(uid)
    return ordered

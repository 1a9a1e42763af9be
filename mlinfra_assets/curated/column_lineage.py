"""Which columns a model's column is computed from, read off its compiled SQL."""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope

from mlinfra_assets.curated.models import Model, SourceTable

DIALECT = "duckdb"

Lineage = dict[str, list[tuple[str, str]]]


def column_lineage(model: Model, known: Mapping[str, Model], sources: Mapping[str, SourceTable]) -> Lineage:
    """For each column of a model, the (table, column) pairs of its parents that its value comes from, sorted.

    Args:
        model: The model.
        known: Every model by unique id.
        sources: Every source table by unique id.
    """
    parents = {uid: known[uid] if uid in known else sources[uid] for uid in model.parents}
    schema, tables = _schema(parents), {_plain(p.relation): p.table for p in parents.values()}
    tree = qualify(sqlglot.parse_one(model.sql, read=DIALECT), schema=schema, dialect=DIALECT)
    scope = build_scope(tree)
    found: Lineage = {}
    for column in model.columns:
        pairs = set()
        for node in lineage(column, tree, schema=schema, dialect=DIALECT, scope=scope, copy=False).walk():
            if not node.downstream and isinstance(node.expression, exp.Table):
                table = tables.get(_plain(node.expression.sql(DIALECT).split(" AS ")[0]))
                if table is not None:
                    pairs.add((table, node.name.rsplit(".", 1)[-1].strip('"')))
        found[column] = sorted(pairs)
    return found


def _schema(parents: Mapping[str, Model | SourceTable]) -> dict:
    schema: dict = {}
    for parent in parents.values():
        catalog, database, table = (part.strip('"') for part in parent.relation.split("."))
        schema.setdefault(catalog, {}).setdefault(database, {})[table] = dict(parent.columns)
    return schema


def _plain(relation: str) -> str:
    return relation.replace('"', "")

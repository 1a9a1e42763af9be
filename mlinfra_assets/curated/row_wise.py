"""Models that map the rows of one source one by one: proven so by their SQL, and run on any batch of those rows.

The proof allows, and never denies: every node of the parsed SQL has to be of a kind that is known to look at one row
alone, every name has to be a declared column or an alias, every function one of the list. What is not known is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

import duckdb
import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from mlinfra_assets.curated.errors import NotRowWiseError
from mlinfra_assets.curated.manifest import Manifest, load_manifest
from mlinfra_assets.curated.models import SourceTable, models, sources

BATCH = "batch"
DIALECT = "duckdb"

STRUCTURE = {exp.Select, exp.From, exp.Table, exp.TableAlias, exp.Where, exp.Identifier, exp.Column, exp.Alias}
VALUES = {exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.Tuple, exp.Cast, exp.TryCast, exp.DataType}
VALUES |= {exp.DataTypeParam, exp.Interval, exp.Var}
LOGIC = {exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between}
LOGIC |= {exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.Greatest, exp.Least}
NUMBERS = {exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil}
TEXT = {exp.DPipe, exp.Concat, exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length, exp.Left, exp.Right}
TEXT |= {exp.Replace, exp.SplitPart, exp.StartsWith, exp.EndsWith, exp.MD5}
TEXT |= {exp.RegexpLike, exp.RegexpFullMatch, exp.RegexpExtract, exp.RegexpReplace}
TIMES = {exp.AtTimeZone, exp.Extract, exp.TimestampTrunc, exp.DateTrunc}
ALLOWED = STRUCTURE | VALUES | LOGIC | NUMBERS | TEXT | TIMES

TAKES_A_WORD = (exp.Extract, exp.TimestampTrunc, exp.DateTrunc, exp.Interval)
SELECT_CLAUSES = {"expressions", "from_", "where"}
TABLE_PARTS = {"this", "db", "catalog", "alias"}
TYPES = {exp.DType[n] for n in ("BOOLEAN", "INT", "BIGINT", "DECIMAL", "DOUBLE", "VARCHAR", "TEXT", "DATE")}
TYPES |= {exp.DType[n] for n in ("TIMESTAMP", "TIMESTAMPTZ")}


@dataclass(frozen=True)
class RowWiseModel:
    """A model whose rows each come from one row of one source.

    Attributes:
        name: The model's name.
        sql: Its SQL as dbt ran it, reading from a relation named `batch`.
        source: Name of the source, such as `order_lines`.
        input_columns: Columns of the source that the SQL may read: name to SQL type.
    """

    name: str
    sql: str
    source: str
    input_columns: Mapping[str, str]

    @property
    def code(self) -> str:
        """16 hexadecimal digits that comments, blanks and line breaks in the SQL do not change."""
        canonical = sqlglot.parse_one(self.sql, read=DIALECT).sql(DIALECT, comments=False)
        return sha256(canonical.encode()).hexdigest()[:16]

    def run(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The model's rows for these rows of the source, in their order."""
        return run(self.sql, rows)


def row_wise_models() -> dict[str, RowWiseModel]:
    """The project's row-wise models by name, each proven.

    Raises:
        NotRowWiseError: A model claims to be row-wise and is not proven to be.
    """
    return dict(compiled_row_wise_models(load_manifest()))


def compiled_row_wise_models(manifest: Manifest) -> dict[str, RowWiseModel]:
    """The models of a manifest that say `row_wise: true` in their `meta`, by name, each proven.

    Raises:
        NotRowWiseError: Such a model is not proven to be row-wise.
    """
    known = sources(manifest)
    found: dict[str, RowWiseModel] = {}
    for model in models(manifest).values():
        if model.row_wise:
            if len(model.parents) != 1 or model.parents[0] not in known:
                raise NotRowWiseError(f"model {model.name} is not row-wise: it has to read one source and nothing else")
            source = known[model.parents[0]]
            sql = _frozen(model.name, model.sql, source)
            found[model.name] = RowWiseModel(model.name, sql, source.table.rsplit("/", 1)[1], source.columns)
    return found


def run(sql: str, rows: pl.DataFrame, relation: str = BATCH) -> pl.DataFrame:
    """Run frozen SQL on a batch, in a DuckDB of its own that reaches no file, no network and no setting.

    Args:
        sql: SQL that reads from `relation` alone.
        rows: The source's rows, with its columns in their own types.
        relation: What the SQL calls them.

    Returns:
        The result in the order of `rows`; times are in UTC.
    """
    with connect() as connection:
        connection.register(relation, rows.to_arrow())
        return pl.DataFrame(connection.sql(sql).to_arrow_table())


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own in memory, in UTC, that reaches no file, no network and no setting."""
    connection = duckdb.connect(config={"enable_external_access": "false", "threads": "1"})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set lock_configuration = true")
    return connection


def prove(name: str, sql: str, columns: Mapping[str, str]) -> None:
    """Accept SQL that is proven to map rows one by one.

    Args:
        name: The model's name, for the message.
        sql: One statement.
        columns: The source's columns, the only names that may be read.

    Raises:
        NotRowWiseError: Says which part is not known to look at one row alone.
    """
    tree = _one_select(name, sql)
    aliases = {alias.alias for alias in tree.expressions if isinstance(alias, exp.Alias)}
    _refuse_keywords(name, aliases - set(columns))
    table = next(iter(tree.find_all(exp.Table)), None)
    if table is None:
        raise NotRowWiseError(f"model {name} is not row-wise: it reads no table")
    for node in tree.walk():
        problem = _problem(node, tree, table, set(columns) | aliases, set(columns))
        if problem:
            raise NotRowWiseError(
                f"model {name} is not proven to be row-wise: {problem} in `{node.sql(DIALECT)[:80]}`; write it "
                "without, or take `row_wise` out of the model's meta (it is then not available to live features)"
            )


def _frozen(name: str, sql: str, source: SourceTable) -> str:
    prove(name, sql, source.columns)
    if sql.count(source.relation) != 1:
        raise NotRowWiseError(f"model {name} is not row-wise: it has to name its source exactly once")
    return sql.replace(source.relation, BATCH).strip()


def _one_select(name: str, sql: str) -> exp.Select:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read=DIALECT) if tree is not None]
    except SqlglotError as error:
        raise NotRowWiseError(f"model {name} is not proven to be row-wise: it cannot be parsed: {error}") from error
    if len(trees) != 1 or type(trees[0]) is not exp.Select:
        kinds = ", ".join(type(tree).__name__ for tree in trees) or "nothing"
        raise NotRowWiseError(f"model {name} is not row-wise: it has to be one plain select, not {kinds}")
    return trees[0]


def _problem(node: exp.Expr, tree: exp.Select, table: exp.Table, names: set[str], columns: set[str]) -> str | None:
    if type(node) not in ALLOWED:
        return f"{type(node).__name__} is not on the list of what looks at one row"
    if isinstance(node, exp.Select):
        extra = sorted(k for k, v in node.args.items() if v and k not in SELECT_CLAUSES)
        return "a query within the query" if node is not tree else f"the clause {extra[0]}" if extra else None
    if isinstance(node, exp.Table):
        plain = isinstance(node.this, exp.Identifier) and not {k for k, v in node.args.items() if v} - TABLE_PARTS
        return None if node is table and plain else "more than one plain table"
    if isinstance(node, exp.TableAlias):
        return "an alias that renames columns" if node.args.get("columns") else None
    if isinstance(node, exp.Column):
        return _column_problem(node, table, names, columns)
    if isinstance(node, exp.DataType):
        return None if node.this in TYPES and not node.args.get("nested") else f"the type {node.sql(DIALECT)}"
    if isinstance(node, exp.Var) and not isinstance(node.parent, TAKES_A_WORD):
        return "a bare word"
    if isinstance(node, exp.Tuple) and not isinstance(node.parent, exp.In):
        return "a tuple"
    return None


def _column_problem(node: exp.Column, table: exp.Table, names: set[str], columns: set[str]) -> str | None:
    if isinstance(node.this, exp.Star) or not isinstance(node.this, exp.Identifier):
        return "a star: name the columns"
    if node.args.get("db") or node.args.get("catalog"):
        return "a column of a named schema"
    if node.table and node.table != table.alias_or_name:
        return f"a column of {node.table}, which is not the source"
    if node.name not in (columns if node.table else names):
        return f"the name {node.name}, which is no declared column of the source"
    return None


def _refuse_keywords(name: str, aliases: set[str]) -> None:
    """An alias that DuckDB reads as something else (`user`, `rowid`) would not be what it seems when it is read."""
    for alias in sorted(aliases):
        if alias in _keywords() or not alias.isidentifier():
            raise NotRowWiseError(
                f"model {name} is not proven to be row-wise: the alias {alias} is a word of SQL's own"
            )


@cache
def _keywords() -> frozenset[str]:
    with duckdb.connect() as connection:
        found = connection.execute(
            "select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'"
        ).fetchall()
    return frozenset(word for (word,) in found) | {"rowid", "user", "current_user", "session_user", "localtime"}

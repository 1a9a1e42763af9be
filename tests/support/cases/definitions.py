"""Feature views in their stored form, drawn from everything that a view may be made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.support.cases import functions
from tests.support.cases.grammar import DAY, LITERALS, NUMBERS, PLAIN, Grammar, Pick
from tests.support.cases.tables import COLUMNS
from tests.support.judge.kinds import feature_kinds, key_kinds, row_kind, value_kind
from tests.support.stored import Node, aggregate, column, literal, operator, view

SMALL = {
    "int64": ("q", "q", "a", "p", "_offset", "_row"),
    "decimal": ("d", "z"),
    "float64": ("f",),
    "string": ("s", "s", "c"),
    "boolean": ("b", "x"),
    "timestamp": ("w", "_event_time", "_known_at"),
    "date": ("e",),
}
LARGE = {"int64": ("i",), "decimal": ("u",)}
HOUR = DAY // 24
WINDOWS = (None, None, 1, 12 * HOUR, DAY, 36 * HOUR, 3 * DAY, 3 * DAY)
HOPS = (None, None, DAY, 7 * HOUR)
SHARES = (0, 1, 250_000, 333_333, 333_334, 500_000, 900_000, 950_000, 999_999, 1_000_000)
PARAMETERS = {"quantile": SHARES, "last_n": (1, 2, 3, 1_000)}
QUANTILES = (*NUMBERS, "timestamp", "date")
NUMERIC = ("sum", "mean", "variance", "std")
OF_ROWS = ("count", "since_last", "mean_interval")
VALUES = ("min", "max", "first", "last", "latest", "most_frequent")
FUNCTIONS = (*NUMERIC, *OF_ROWS, *VALUES, "count_distinct", "quantile", "last_n")


def row_grammar(pick: Pick, columns: Mapping[str, str], *, large: bool) -> Grammar:
    """Expressions over one row."""

    def leaf(kind: str) -> Node:
        return column(pick(SMALL[kind] + (LARGE.get(kind, ()) if large else ())))

    return Grammar(pick, leaf, lambda node: row_kind(node, dict(columns)), large=large)


class Definer:
    """Draws one view.

    Args:
        pick: Who chooses.
        name: The view's name.
        dataset: Its dataset's name.
        uses: Stored views that it may look up.
        large: Whether integers may be so large that exact results do not fit.
        requests: Whether features may need values that come with the question.
        scores: Whether there may be a score.
    """

    def __init__(
        self,
        pick: Pick,
        name: str = "v",
        dataset: str = "o",
        uses: Sequence[dict] = (),
        *,
        large: bool = False,
        requests: bool = True,
        scores: bool = True,
    ) -> None:
        self._pick, self._name, self._dataset, self._uses = pick, name, dataset, list(uses)
        self._requests, self._scores = requests, scores
        self._keys = pick((("a",), ("a",), ("a", "c"), ("c",)))
        self._primary_key = pick(((), (), ("p",), ("p",), ("p", "c")))
        self._deletes = pick((None, "x")) if self._primary_key else None
        self._ttl = pick((None, None, 12 * HOUR, DAY, 2 * DAY))
        self._rows = row_grammar(pick, COLUMNS, large=large)
        self._features = Grammar(pick, self._leaf, self._kind_of, large=large)

    def view(self, count: int, functions: Sequence[str] = (), operators: Sequence[str] = ()) -> dict:
        """A view of these aggregates as they are, of features made with these operators, and of `count` others."""
        features = {f"a_{n}": self._aggregate(function) for n, function in enumerate(functions)}
        features |= {f"o_{n}": self._made_with(name) for n, name in enumerate(operators)}
        features |= {f"f_{n}": self._feature() for n in range(count)}
        if self._scores and self._pick((True, False, False)):
            features["score"] = {"score": "m", "inputs": [["money", self._leaf("float64")], ["n", self._leaf("int64")]]}
        whole = self._stored(features, self._uses)
        return only(whole, whole["features"])

    def _stored(self, features: Mapping[str, Node], uses: Sequence[dict]) -> dict:
        return view(
            features, COLUMNS, name=self._name, dataset=self._dataset, keys=self._keys, ttl=self._ttl,
            primary_key=self._primary_key, deletes=self._deletes, uses=uses,
        )  # fmt: skip

    def _kind_of(self, node: Node) -> str:
        return value_kind(node, self._stored({}, self._uses))

    def _feature(self) -> Node:
        kind = self._pick((*PLAIN, "list", "lookup"))
        if kind == "list":
            values = self._aggregate("last_n")
            return operator("is_null", values) if self._pick((False, False, False, True)) else values
        if kind == "lookup":
            found = self._lookups(lambda _: True)
            return self._pick(found)() if found else self._aggregate(self._pick(FUNCTIONS))
        if self._pick((True, *[False] * 5)):
            return self._default(kind)
        return self._features.expression(kind, self._pick((0, 1, 1, 2, 3)))

    def _default(self, kind: str) -> Node:
        return operator("default", self._features.expression(kind, 1), self._pick(LITERALS[kind]))

    def _made_with(self, name: str) -> Node:
        """A feature whose last step is that operator."""
        if name == "default":
            return self._default(self._pick(PLAIN))
        while True:
            drawn = self._features.expression(self._pick(PLAIN), self._pick((1, 2)))
            if drawn.get("call") == name:
                return drawn

    def _leaf(self, kind: str) -> Node:
        options: list[Callable[[], Node]] = [lambda: self._aggregate_of(kind)] * 6 if kind != "decimal" else []
        options += [lambda key=key: {"key": key} for key, found in self._key_kinds().items() if found == kind]
        if kind == "timestamp":
            options.append(lambda: {"moment": True})
        if self._requests and kind != "decimal":
            options.append(lambda: {"request": f"r_{kind}", "type": kind})
        options += self._lookups(lambda found: found == kind)[:3]
        options += [lambda f=f: self._python(*f) for f in functions.FUNCTIONS if f[3] == kind]
        return self._pick(options)() if options else self._features.expression(kind, 0)

    def _key_kinds(self) -> dict[str, str]:
        return key_kinds(self._stored({}, ()))

    def _python(self, name: str, source: str, kinds: Sequence[str], returns: str) -> Node:
        args = [self._argument(kind) for kind in kinds]
        return {"python": name, "source": source, "type": returns, "args": args}

    def _argument(self, kind: str) -> Node:
        return self._features.expression(kind, 0) if kind == "decimal" else self._aggregate_of(kind)

    def _lookups(self, fits: Callable[[str], bool]) -> list[Callable[[], Node]]:
        return [
            lambda other=other, name=name: self._lookup(other, name)
            for other in self._uses
            for name, kind in feature_kinds(other).items()
            if fits(kind)
        ]

    def _lookup(self, other: dict, feature: str) -> Node:
        keys = [[key, self._key(key, kind)] for key, kind in key_kinds(other).items()]
        return {"lookup": feature, "view": other["name"], "keys": keys}

    def _key(self, key: str, kind: str) -> Node:
        """Whose feature it is: one that is likely to exist."""
        options: list[Callable[[], Node]] = [
            lambda: aggregate(self._pick(("last", "latest", "most_frequent")), column(key)),
            lambda: operator("coalesce", aggregate("latest", column(key)), self._someone(kind)),
            lambda: self._features.expression(kind, 1),
        ]
        if key in self._keys:
            options += [lambda: {"key": key}] * 3
        return self._pick(options)()

    def _someone(self, kind: str) -> Node:
        return literal(1, kind) if kind == "int64" else literal("3", kind)

    def _aggregate_of(self, kind: str) -> Node:
        """An aggregate of a type, which is no decimal."""
        if kind == "int64":
            return self._aggregate(self._pick(("count", "count_distinct", "sum", "quantile", *VALUES)), "int64")
        if kind == "float64":
            function = self._pick((*NUMERIC, "since_last", "mean_interval", "quantile", *VALUES))
            return self._aggregate(function, self._pick(("float64", "decimal")))
        return self._aggregate(self._pick((*VALUES, *(["quantile"] if kind in {"timestamp", "date"} else []))), kind)

    def _aggregate(self, function: str, kind: str | None = None) -> Node:
        """An aggregate of an expression of that type; None: of any that fits."""
        filtered = self._pick((True, False, False))
        where = self._rows.expression("boolean", self._pick((0, 1, 2))) if filtered else None
        window = None if function == "since_last" else self._pick(WINDOWS)
        hop = None if window is None else self._pick(HOPS)
        parameter = self._pick(PARAMETERS[function]) if function in PARAMETERS else None
        of = self._of(function, kind)
        return aggregate(function, of, where=where, window_us=window, hop_us=hop, parameter=parameter)

    def _of(self, function: str, kind: str | None) -> Node | None:
        if function in OF_ROWS and (function != "count" or self._pick((True, False))):
            return None
        if function.startswith("count"):
            kind = None
        elif function in {"mean", "variance", "std"}:
            kind = self._pick(NUMBERS)
        kinds = NUMBERS if function in NUMERIC else QUANTILES if function == "quantile" else PLAIN
        kind = kind or self._pick(kinds)
        if kind in LARGE and self._pick((True, False, False)):
            return column(LARGE[kind][0])
        return self._rows.expression(kind, self._pick((0, 0, 1, 2)))


def walk(node: Node) -> list[Node]:
    """A node and all below it."""
    below = [*node.get("args", ()), *(node[name] for name in ("of", "where") if name in node)]
    below += [child for _, child in (*node.get("keys", ()), *node.get("inputs", ()))]
    return [node, *(found for child in below for found in walk(child))]


def only(definition: dict, features: Sequence[dict]) -> dict:
    """A view with some of its features, and the views that these look up."""
    named = {node["view"] for feature in features for node in walk(feature["expression"]) if "lookup" in node}
    uses = {name: other for name, other in definition.get("uses", {}).items() if name in named}
    kept = {key: value for key, value in definition.items() if key != "uses"} | {"features": list(features)}
    return kept | ({"uses": uses} if uses else {})


def related(pick: Pick, *, large: bool = False, requests: bool = True) -> list[dict]:
    """Up to three views for another to look up, over the same dataset and another, one of which looks up another."""
    first = Definer(pick, "w1", pick(("o", "m")), large=large, requests=False, scores=False).view(3)
    if pick((True, False)):
        return [first]
    second = Definer(pick, "w2", "m", [first], large=large, requests=requests, scores=False).view(3)
    return [first, second]

"""Seeded tables with many rows an entity, and hundreds of questions about each: volume, where Hypothesis has edges."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import Any

from mlinfra_assets.feature_store.nodes import OPERATORS
from tests.support.cases.definitions import FUNCTIONS, HOUR, WINDOWS, Definer, related
from tests.support.cases.grammar import DAY, START
from tests.support.cases.questions import FOREVER, Case, Question, datasets_of
from tests.support.cases.tables import TEXTS
from tests.support.judge.kinds import key_kinds

SPAN = 10 * DAY
OPERATORS_A_VIEW = 6


def volume_case(seed: int, entities: int, probes: int) -> Case:
    """A view with every function and some operators, 40 to 80 rows an entity, `probes` questions about each entity.

    The operators of the views of following seeds are different ones, until all have had their turn.
    """
    rng = random.Random(seed)
    turn = [OPERATORS[(seed * OPERATORS_A_VIEW + n) % len(OPERATORS)] for n in range(OPERATORS_A_VIEW)]
    definition = Definer(rng.choice, uses=related(rng.choice)).view(2, FUNCTIONS, turn)
    # Infinities make nulls of whatever they touch: only some tables have them.
    strange = 0.002 if seed % 5 == 0 else 0.0
    # Every third entity is never late, or every one.
    punctual = 1 if seed % 3 == 1 else 3
    tables = {name: table(rng, entities, punctual, strange) for name in sorted(datasets_of(definition))}
    known = ("as_of", "as_of", "hindsight", "mixed")[seed % 4]
    keys = list(key_kinds(definition))
    whose = [tuple(n if key == "a" else str(n) for key in keys) for n in range(1, entities + 1)]
    rows = tables[definition["dataset"]["name"]]
    asked = [question(rng, known, entity, rows) for entity in whose for _ in range(probes)]
    rng.shuffle(asked)
    return Case(definition, tables, asked)


def table(rng: random.Random, entities: int, punctual: int, strange: float) -> list[dict[str, Any]]:
    """Rows in any order. A primary key is mostly one entity's, and moves at times; some rows come twice."""
    rows = []
    for entity in range(1, entities + 1):
        for _ in range(rng.randint(40, 80)):
            rows.append(row(rng, entity, len(rows), entities, punctual, strange))
    again = [one | {"_known_at": one["_known_at"] + HOUR} for one in rows if rng.random() < 0.03]
    rows += again
    rng.shuffle(rows)
    return rows


def row(rng: random.Random, entity: int, offset: int, entities: int, punctual: int, strange: float) -> dict[str, Any]:
    """The row at one position."""
    event_time = START + (rng.randrange(SPAN) if rng.random() < 0.7 else rng.randrange(SPAN // HOUR) * HOUR)
    late = (0, 0, 0, 0, 1, -1, rng.randrange(DAY), rng.randrange(3 * DAY), -HOUR)
    delay = 0 if entity % punctual == 0 else rng.choice(late)
    owner = entity if rng.random() < 0.9 else rng.randint(1, entities)
    values = {
        "a": entity,
        "b": rng.random() < 0.6,
        "c": str(entity) if rng.random() < 0.95 else str(rng.randint(1, entities)),
        "d": Decimal(rng.randrange(-(10**7), 10**7)).scaleb(-3),
        "e": 15_059 + rng.randrange(-2, 12),
        "f": real(rng, strange),
        "i": rng.randrange(-(2**56), 2**56) if rng.random() < 0.5 else rng.randrange(-5, 6),
        "p": owner * 1_000 + rng.randrange(60),
        "q": rng.randrange(-3, 4),
        "s": rng.choice(TEXTS),
        "u": Decimal(rng.randrange(-(9 * 10**17), 9 * 10**17)).scaleb(-18),
        "w": START + rng.randrange(-SPAN, 2 * SPAN),
        "x": rng.random() < 0.1,
        "z": Decimal(rng.randrange(-100, 10**5)),
    }
    values = {name: None if rng.random() < 0.04 else value for name, value in values.items()}
    return values | {
        "_event_time": event_time,
        "_known_at": event_time + delay,
        "_known_at_assumed": False,
        "_partition": offset % 3,
        "_offset": offset * 2,
        "_row": 0,
        "_release": None,
        "_contract_version": "v1",
    }


def real(rng: random.Random, strange: float) -> float:
    """A double: money, a measurement, or one of those that a careless sum gets wrong."""
    if rng.random() < strange:
        return rng.choice((math.inf, -math.inf, math.nan))
    kind = rng.random()
    if kind < 0.5:
        return round(rng.uniform(-100, 100), 2)
    if kind < 0.8:
        return rng.gauss(0, 1) * 10.0 ** rng.randrange(-20, 20)
    if kind < 0.9:
        return rng.choice((0.0, -0.0, 5e-324, -5e-324, 2.0**53, 1.0, 0.1))
    return rng.choice((1e16, -1e16, 1e300, -1e300, 1e307, 4.9e-320))


def question(rng: random.Random, known: str, entity: tuple, rows: list[dict[str, Any]]) -> Question:
    """A question at, beside or a window away from a row's time, or anywhere."""
    t = START + rng.randrange(-DAY, SPAN + 3 * DAY)
    if rng.random() < 0.5:
        t = rng.choice(rows)["_event_time"] + rng.choice((0, 0, 1, -1)) + (rng.choice(WINDOWS) or 0)
    k = rng.choice((t, FOREVER, t + DAY, t - HOUR, START + rng.randrange(SPAN)))
    k = {"as_of": t, "hindsight": FOREVER}.get(known, k)
    request = {
        "r_int64": rng.choice((None, -2, 0, 3)),
        "r_float64": rng.choice((None, 0.5, -1e16, math.inf)),
        "r_string": rng.choice(TEXTS),
        "r_boolean": rng.choice((None, True, False)),
        "r_timestamp": rng.choice((None, t - 7)),
        "r_date": rng.choice((None, 15_060)),
    }
    return Question(entity, t, k, request)

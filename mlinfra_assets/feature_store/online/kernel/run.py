"""The loop: a program on the bases of some entities."""

from __future__ import annotations

import math

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.engine.evaluate import EXPIRED, NOT_FOUND, PRESENT
from mlinfra_assets.feature_store.online.kernel import reductions as kinds
from mlinfra_assets.feature_store.online.kernel.base import read_base, rows_of
from mlinfra_assets.feature_store.online.kernel.form import FLOAT
from mlinfra_assets.feature_store.online.kernel.instructions import finish
from mlinfra_assets.feature_store.online.kernel.memory import Number, as_bits
from mlinfra_assets.feature_store.online.kernel.reductions import reduce_rows
from mlinfra_assets.feature_store.online.kernel.tail import read_tail, tail_room

DONE, TOO_HARD = -1, -2
DEVIATIONS = kinds.DEVIATIONS


@compiled_part
def run(
    data: np.ndarray,
    bounds: np.ndarray,
    t: Number,
    past: np.ndarray,
    seed: Number,
    tail_seed: Number,
    ttl: Number,
    orders_texts: Number,
    forms: np.ndarray,
    places: np.ndarray,
    kinds_of: np.ndarray,
    windows: np.ndarray,
    masks: np.ndarray,
    wanted: np.ndarray,
    code: np.ndarray,
    slots: Number,
    outputs: np.ndarray,
    results: np.ndarray,
    valid: np.ndarray,
    status: np.ndarray,
    latest: np.ndarray,
) -> int:
    """Evaluate the features of some entities.

    Args:
        data: uint8[bytes], their bases and tails one after the other.
        bounds: int64[2 * entities + 1], where each begins: of each entity its base, then its tail; both may be empty.
        t: The moment, microseconds since 1970 UTC.
        past: As in `read_tail`.
        seed: As in `Program`, like those that follow; `wanted` are its reductions, `kinds_of` its kinds.
        tail_seed: As in `Program`.
        ttl: As in `Program`.
        orders_texts: As in `Program`.
        forms: As in `Program`.
        places: As in `Program`.
        kinds_of: As in `Program`.
        windows: As in `Program`.
        masks: As in `Program`.
        wanted: As in `Program`.
        code: As in `Program`.
        slots: As in `Program`.
        outputs: As in `Program`.
        results: int64[features, entities], filled; doubles as their bits.
        valid: uint8[features, entities], filled: whether there is a value.
        status: int64[entities], filled: as in `Evaluated`.
        latest: int64[entities], filled: as in `Evaluated`.

    Returns:
        `DONE`; `TOO_HARD` if the engine has to do it; else the number of an entity whose base is damaged.
    """
    origin = data.ctypes.data
    room = 1
    most = 0
    for e in range(len(status)):
        size = bounds[2 * e + 1] - bounds[2 * e]
        rows = tail_room(bounds[2 * e + 2] - bounds[2 * e + 1], len(forms))
        if rows > 0 and orders_texts:
            return TOO_HARD
        if size > 0:
            found_rows = rows_of(origin + bounds[2 * e], size, len(forms))
            if found_rows < 0:
                return e
            rows += found_rows
        room = max(room, rows)
        most = max(most, size // 4 + rows * len(forms))
    order = np.empty((5, room), np.int64)
    event_time = order[0]
    seen = np.empty((len(masks), room), np.uint8)
    all_seen = np.zeros(len(masks), np.uint8)
    values = np.empty((len(kinds_of) + 1, room), np.int64)
    validity = np.ones((len(kinds_of) + 1, room), np.uint8)
    flat = np.ones((len(kinds_of) + 1, 3), np.int64)
    words = np.empty(most + 1, np.int64)
    texts = np.zeros(1, np.int64)
    scratch = np.empty(room, np.float64)
    size = 4
    while size < 2 * room:
        size <<= 1
    table = np.empty(size, np.int64)
    lows = np.zeros(len(windows), np.int64)
    counts = np.zeros(len(wanted), np.int64)
    strange = np.zeros(len(wanted), np.int64)
    found = np.zeros(len(wanted), np.int64)
    totals = np.zeros(len(wanted), np.float64)
    whole = np.zeros(slots, np.int64)
    double = np.zeros(slots, np.float64)
    there = np.zeros(slots, np.uint8)
    for e in range(len(status)):
        rows = 0
        texts[0] = 0
        begin, middle, end = bounds[2 * e], bounds[2 * e + 1], bounds[2 * e + 2]
        if middle > begin:
            rows = read_base(
                origin,
                origin + begin,
                middle - begin,
                seed,
                t,
                forms,
                places,
                order,
                seen[0],
                values,
                validity,
                flat,
                words,
                texts,
            )
        elif end > middle:
            for j in range(len(kinds_of)):
                flat[j, 0], flat[j, 1], flat[j, 2] = 1, 1, 0
        if end > middle and rows >= 0:
            rows = read_tail(
                origin,
                origin + middle,
                end - middle,
                tail_seed,
                t,
                past,
                forms,
                places,
                rows,
                order,
                seen[0],
                values,
                validity,
                flat,
                words,
                texts,
            )
        if rows < 0:
            return e
        high = rows
        while high > 0 and event_time[high - 1] > t:
            high -= 1
        newest = high - 1
        while newest >= 0 and not seen[0, newest]:
            newest -= 1
        status[e] = PRESENT if newest >= 0 else NOT_FOUND
        latest[e] = event_time[newest] if newest >= 0 else 0
        if ttl >= 0 and newest >= 0 and latest[e] < t - ttl:
            status[e] = EXPIRED
        if ttl >= 0 and status[e] != PRESENT:
            for f in range(len(outputs)):
                valid[f, e] = 0
                results[f, e] = 0
            continue
        for m in range(len(masks)):
            every = 1
            column = masks[m]
            for i in range(high):
                if column >= 0:
                    seen[m, i] = seen[0, i] and validity[column, i] == 1 and values[column, i] != 0
                every &= seen[m, i]
            all_seen[m] = every
        for w in range(len(windows)):
            low = 0
            if windows[w, 0] >= 0:
                edge = (t - windows[w, 0]) // windows[w, 1] * windows[w, 1]
                low = high
                while low > 0 and event_time[low - 1] > edge:
                    low -= 1
            lows[w] = low
        for r in range(len(wanted)):
            kind, column, mask, window, of = wanted[r, 0], wanted[r, 1], wanted[r, 2], wanted[r, 3], wanted[r, 4]
            if column < 0:
                column = len(kinds_of)
            mean = 0.0
            if kind == DEVIATIONS:
                # A mean beyond the doubles leaves no variance.
                mean = totals[of] / counts[of] if counts[of] > 1 else 0.0
                if not math.isfinite(mean):
                    counts[r], strange[r], found[r], totals[r] = 0, 0, -1, 0.0
                    continue
            sure, counts[r], strange[r], found[r], totals[r] = reduce_rows(
                kind,
                lows[window],
                high,
                seen[mask],
                all_seen[mask] == 1,
                values[column],
                validity[column],
                flat[column, 0] == 1,
                flat[column, 1],
                column < len(kinds_of) and kinds_of[column] == FLOAT,
                mean,
                scratch,
                table,
            )
            if not sure:
                return TOO_HARD
        if not finish(
            code, t, counts, strange, found, totals, event_time, values, validity, flat, words, whole, double, there
        ):
            return TOO_HARD
        for f in range(len(outputs)):
            slot = outputs[f, 0]
            valid[f, e] = there[slot]
            results[f, e] = as_bits(double[slot]) if outputs[f, 1] else whole[slot]
    return DONE

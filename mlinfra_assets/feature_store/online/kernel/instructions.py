"""The instructions of a program, run on the slots of one entity."""

from __future__ import annotations

import math

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel.exactly import EXACT_DOUBLE, add, divide, multiply, subtract
from mlinfra_assets.feature_store.online.kernel.memory import Number, as_float
from mlinfra_assets.feature_store.online.kernel.opcodes import Op

SECOND = 1_000_000
SECONDS_A_DAY = 86_400
MICROS_A_DAY = SECONDS_A_DAY * SECOND
# Loops know plain integers.
CONSTANT, CONSTANT_FLOAT, MOMENT = int(Op.CONSTANT), int(Op.CONSTANT_FLOAT), int(Op.MOMENT)
COUNTED, DIFFERENT, SUM, SUM_DECIMAL = int(Op.COUNTED), int(Op.DIFFERENT), int(Op.SUM), int(Op.SUM_DECIMAL)
MEAN, SUM_FLOAT, MEAN_FLOAT = int(Op.MEAN), int(Op.SUM_FLOAT), int(Op.MEAN_FLOAT)
VARIANCE, VARIANCE_FLOAT, AGE, INTERVAL = int(Op.VARIANCE), int(Op.VARIANCE_FLOAT), int(Op.AGE), int(Op.INTERVAL)
CHOSEN, CHOSEN_FLOAT, CHOSEN_DECIMAL = int(Op.CHOSEN), int(Op.CHOSEN_FLOAT), int(Op.CHOSEN_DECIMAL)
CHOSEN_CONDITION, CHOSEN_TEXT, ROOT = int(Op.CHOSEN_CONDITION), int(Op.CHOSEN_TEXT), int(Op.ROOT)
TO_DOUBLE, RESCALE = int(Op.TO_DOUBLE), int(Op.RESCALE)
ADD, ADD_FLOAT, SUBTRACT, SUBTRACT_FLOAT = int(Op.ADD), int(Op.ADD_FLOAT), int(Op.SUBTRACT), int(Op.SUBTRACT_FLOAT)
MULTIPLY, MULTIPLY_FLOAT = int(Op.MULTIPLY), int(Op.MULTIPLY_FLOAT)
DIVIDE, DIVIDE_FLOAT, NEGATE, NEGATE_FLOAT = int(Op.DIVIDE), int(Op.DIVIDE_FLOAT), int(Op.NEGATE), int(Op.NEGATE_FLOAT)
ABSOLUTE, ABSOLUTE_FLOAT = int(Op.ABSOLUTE), int(Op.ABSOLUTE_FLOAT)
FLOOR, FLOOR_FLOAT, CEILING, CEILING_FLOAT = int(Op.FLOOR), int(Op.FLOOR_FLOAT), int(Op.CEILING), int(Op.CEILING_FLOAT)
TRUNCATE, TRUNCATE_FLOAT = int(Op.TRUNCATE), int(Op.TRUNCATE_FLOAT)
EQUAL, EQUAL_FLOAT, LESS, LESS_FLOAT = int(Op.EQUAL), int(Op.EQUAL_FLOAT), int(Op.LESS), int(Op.LESS_FLOAT)
AT_MOST, AT_MOST_FLOAT, NOT, OR = int(Op.AT_MOST), int(Op.AT_MOST_FLOAT), int(Op.NOT), int(Op.OR)
IS_NULL, FIRST_THERE, IF_ELSE = int(Op.IS_NULL), int(Op.FIRST_THERE), int(Op.IF_ELSE)
ZERO_LIKE, COUNT_TRUE = int(Op.ZERO_LIKE), int(Op.COUNT_TRUE)
DAYS, YEAR, MONTH, DAY, WEEKDAY, UNIT = (int(o) for o in (Op.DAYS, Op.YEAR, Op.MONTH, Op.DAY, Op.WEEKDAY, Op.UNIT))
SECONDS, DAY_SECONDS = int(Op.SECONDS), int(Op.DAY_SECONDS)


@compiled_part
def finish(
    code: np.ndarray,
    t: Number,
    counts: np.ndarray,
    strange: np.ndarray,
    found: np.ndarray,
    totals: np.ndarray,
    event_time: np.ndarray,
    values: np.ndarray,
    validity: np.ndarray,
    flat: np.ndarray,
    words: np.ndarray,
    whole: np.ndarray,
    double: np.ndarray,
    there: np.ndarray,
) -> bool:
    """Fill the slots (`whole` or `double`, and `there`) of one entity; False if the engine has to do it.

    What reductions found is in `counts`, `strange`, `found` and `totals`; the rest is what `read_base` has filled.
    """
    for k in range(len(code)):
        op, a, b, c, out, imm = code[k, 0], code[k, 1], code[k, 2], code[k, 3], code[k, 4], code[k, 5]
        sure = True
        there[out] = 1
        if op <= MOMENT:
            whole[out] = t if op == MOMENT else imm
            if op == CONSTANT_FLOAT:
                double[out] = as_float(imm)
            continue
        if op <= CHOSEN_TEXT:
            there[out] = strange[a] == 0
            if op == COUNTED:
                whole[out] = counts[a]
            elif op == DIFFERENT:
                whole[out] = found[a]
            elif op == SUM:
                whole[out] = found[a]
                there[out] = counts[a] > 0
            elif op == SUM_DECIMAL or op == MEAN:
                there[out] = counts[a] > 0
                if there[out] and op == MEAN:
                    sure, double[out] = divide(found[a], counts[a], 1, imm)
                elif there[out]:
                    sure, double[out] = _to_double(found[a], imm)
            elif op == SUM_FLOAT or op == MEAN_FLOAT:
                there[out] = strange[a] == 0 and counts[a] > 0
                if there[out]:
                    double[out] = totals[a] / counts[a] if op == MEAN_FLOAT else totals[a]
            elif op == VARIANCE:
                there[out] = counts[a] > 1
                if there[out]:
                    sure, double[out] = _variance(counts[a], found[a], found[b], as_float(imm))
            elif op == VARIANCE_FLOAT:
                there[out] = strange[a] == 0 and counts[a] > 1
                if there[out]:
                    double[out] = totals[a] / (counts[a] - 1)
                    there[out] = math.isfinite(double[out])
            elif op == INTERVAL:
                there[out] = counts[a] > 1
                if there[out]:
                    sure, double[out] = divide(event_time[found[c]] - event_time[found[b]], counts[a] - 1, 1, SECOND)
            else:
                row = found[a]
                there[out] = strange[a] == 0 and row >= 0
                if op == AGE:
                    if there[out]:
                        sure, double[out] = divide(t - event_time[row], 1, 1, SECOND)
                else:
                    there[out] = there[out] and validity[b, row] == 1
                    if there[out]:
                        value = values[b, row]
                        whole[out] = value
                        if op == CHOSEN_FLOAT:
                            double[out] = as_float(value)
                        elif op == CHOSEN_DECIMAL:
                            sure, double[out] = _to_double(value, imm)
                        elif op == CHOSEN_CONDITION:
                            whole[out] = value != 0
                        elif op == CHOSEN_TEXT:
                            whole[out] = words[flat[b, 2] + value]
            if not sure:
                return False
            continue
        if op == IS_NULL:
            whole[out] = not there[a]
            continue
        if op == OR:
            # The slot that is written may be read: it is another.
            true = (there[a] and whole[a] != 0) or (there[b] and whole[b] != 0)
            whole[out] = true
            there[out] = true or (there[a] and there[b])
            continue
        if op == FIRST_THERE or op == IF_ELSE:
            chosen = a if there[a] else b
            if op == IF_ELSE:
                chosen = b if whole[a] != 0 else c
                there[out] = there[a] and there[chosen]
            else:
                there[out] = there[chosen]
            whole[out] = whole[chosen]
            double[out] = double[chosen]
            continue
        if op == COUNT_TRUE:
            there[out] = there[a]
            whole[out] = whole[a] + (there[b] and whole[b] != 0)
            continue
        two = ADD <= op <= DAY_SECONDS
        there[out] = there[a] and (not two or there[b])
        if not there[out]:
            continue
        x, y = whole[a], whole[b]
        u, v = double[a], double[b]
        if op == ADD_FLOAT or op == SUBTRACT_FLOAT or op == MULTIPLY_FLOAT or op == DIVIDE_FLOAT:
            if op == ADD_FLOAT:
                result = u + v
            elif op == SUBTRACT_FLOAT:
                result = u - v
            elif op == MULTIPLY_FLOAT:
                result = u * v
            else:
                result = u / v if v != 0.0 else math.inf
            double[out] = result
            there[out] = math.isfinite(result)
        elif op == ADD:
            sure, whole[out] = add(x, y)
        elif op == SUBTRACT:
            sure, whole[out] = subtract(x, y)
        elif op == MULTIPLY:
            sure, whole[out] = multiply(x, y)
        elif op == DIVIDE:
            there[out] = y != 0
            if y != 0:
                sure, double[out] = divide(x, y, imm, c)
        elif op == EQUAL:
            whole[out] = x == y
        elif op == LESS:
            whole[out] = x < y
        elif op == AT_MOST:
            whole[out] = x <= y
        elif op == EQUAL_FLOAT:
            whole[out] = u == v
        elif op == LESS_FLOAT:
            whole[out] = u < v
        elif op == AT_MOST_FLOAT:
            whole[out] = u <= v
        elif op == NOT:
            whole[out] = x == 0
        elif op == TO_DOUBLE:
            sure, double[out] = _to_double(x, imm)
        elif op == RESCALE:
            sure, whole[out] = multiply(x, imm)
        elif op == ROOT:
            double[out] = math.sqrt(u)
        elif op == NEGATE_FLOAT:
            double[out] = -u
        elif op == ABSOLUTE_FLOAT:
            double[out] = abs(u)
        elif op == FLOOR_FLOAT:
            double[out] = np.floor(u)
        elif op == CEILING_FLOAT:
            double[out] = np.ceil(u)
        elif op == NEGATE or op == ABSOLUTE:
            whole[out] = x
            if op == NEGATE or x < 0:
                sure, whole[out] = subtract(0, x)
        elif op == FLOOR:
            whole[out] = x // imm
        elif op == CEILING:
            whole[out] = x // imm + (x % imm != 0)
        elif op == TRUNCATE:
            whole[out] = x // imm + (x < 0 and x % imm != 0)
        elif op == TRUNCATE_FLOAT:
            there[out] = -(2.0**63) <= u < 2.0**63
            if there[out]:
                whole[out] = np.int64(u)
        elif op == ZERO_LIKE:
            whole[out] = 0
        elif op == SECONDS:
            sure, difference = subtract(x, y)
            if sure:
                sure, double[out] = divide(difference, 1, 1, SECOND)
        elif op == DAY_SECONDS:
            sure, difference = subtract(x, y)
            if sure:
                sure, difference = multiply(difference, SECONDS_A_DAY)
                double[out] = float(difference)
        elif op == DAYS:
            whole[out] = x // MICROS_A_DAY
        elif op == WEEKDAY:
            whole[out] = (x + 3) % 7 + 1
        elif op == UNIT:
            whole[out] = x // imm % c
        else:
            year, month, day = _civil(x)
            whole[out] = year if op == YEAR else month if op == MONTH else day
        if not sure:
            return False
    return True


@compiled_part
def _to_double(value: Number, power: Number) -> tuple[bool, Number]:
    if power == 1:
        return True, float(value)
    return divide(value, 1, 1, power)


@compiled_part
def _variance(count: Number, total: Number, squares: Number, power: Number) -> tuple[bool, Number]:
    number = float(count)
    left = number * squares
    right = float(total) * float(total)
    below = number * (number - 1) * power
    sure = left < EXACT_DOUBLE and right < EXACT_DOUBLE and below < EXACT_DOUBLE
    return sure, (left - right) / below


@compiled_part
def _civil(days: Number) -> tuple[Number, Number, Number]:
    """Year, month and day of days since 1970, after Hinnant, "chrono-compatible low-level date algorithms", 2013."""
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return year_of_era + era * 400 + (month <= 2), month, day

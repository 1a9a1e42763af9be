"""The instructions of a program. Slots hold an integer or a double, and whether there is a value."""

from __future__ import annotations

from enum import IntEnum, auto


class Op(IntEnum):
    """What an instruction does: `a`, `b` and `c` are slots, unless something else is said; `imm` is a constant."""

    CONSTANT = 0  # imm
    CONSTANT_FLOAT = auto()  # the bits in imm
    MOMENT = auto()

    # Of reduction a.
    COUNTED = auto()
    DIFFERENT = auto()
    SUM = auto()
    SUM_DECIMAL = auto()  # imm: 10 ** scale
    MEAN = auto()  # imm: 10 ** scale
    SUM_FLOAT = auto()
    MEAN_FLOAT = auto()
    VARIANCE = auto()  # b: reduction of the squares; the bits of 100.0 ** scale in imm
    VARIANCE_FLOAT = auto()
    AGE = auto()
    INTERVAL = auto()  # b, c: reductions of the first and the last row
    CHOSEN = auto()  # b: column
    CHOSEN_FLOAT = auto()  # b: column
    CHOSEN_DECIMAL = auto()  # b: column; imm: 10 ** scale
    CHOSEN_CONDITION = auto()  # b: column
    CHOSEN_TEXT = auto()  # b: column

    NOT = auto()
    OR = auto()
    IS_NULL = auto()
    FIRST_THERE = auto()
    IF_ELSE = auto()
    COUNT_TRUE = auto()

    # Of two values: null if one is.
    ADD = auto()
    ADD_FLOAT = auto()
    SUBTRACT = auto()
    SUBTRACT_FLOAT = auto()
    MULTIPLY = auto()
    MULTIPLY_FLOAT = auto()
    DIVIDE = auto()  # imm: up; c: down
    DIVIDE_FLOAT = auto()
    EQUAL = auto()
    EQUAL_FLOAT = auto()
    LESS = auto()
    LESS_FLOAT = auto()
    AT_MOST = auto()
    AT_MOST_FLOAT = auto()
    SECONDS = auto()
    DAY_SECONDS = auto()

    # Of one value.
    ROOT = auto()
    TO_DOUBLE = auto()  # imm: 10 ** scale
    RESCALE = auto()  # imm: 10 ** digits
    NEGATE = auto()
    NEGATE_FLOAT = auto()
    ABSOLUTE = auto()
    ABSOLUTE_FLOAT = auto()
    FLOOR = auto()  # imm: 10 ** scale
    FLOOR_FLOAT = auto()
    CEILING = auto()  # imm: 10 ** scale
    CEILING_FLOAT = auto()
    TRUNCATE = auto()  # imm: 10 ** scale
    TRUNCATE_FLOAT = auto()
    ZERO_LIKE = auto()
    DAYS = auto()
    YEAR = auto()
    MONTH = auto()
    DAY = auto()
    WEEKDAY = auto()
    UNIT = auto()  # imm: length of the unit; c: how many until it starts again

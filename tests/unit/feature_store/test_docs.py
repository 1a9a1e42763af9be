"""The pages on features name everything that there is."""

from __future__ import annotations

import re

import pytest

from mlinfra_assets.feature_store.nodes import FUNCTIONS, OPERATORS
from mlinfra_assets.feature_store.python_source import BUILTINS, MATH, METHODS
from mlinfra_assets.settings import PROJECT

DECLARING = (PROJECT / "docs" / "declaring.md").read_text(encoding="utf-8")
SEMANTICS = (PROJECT / "docs" / "semantics.md").read_text(encoding="utf-8")
SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "neg": "-x", "eq": "==", "ne": "!=", "lt": "<", "le": "<=",
    "gt": ">", "ge": ">=", "and": "&", "or": "|", "not": "~", "to_int": '"int64"', "to_string": '"string"',
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_aggregation_is_on_both_pages(function: str):
    for page in (DECLARING, SEMANTICS):
        assert re.search(rf"\b{function}\b", page)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_is_on_the_page(operator: str):
    assert SIGNS.get(operator, f"{operator}(") in DECLARING


@pytest.mark.parametrize("name", sorted(BUILTINS | MATH | METHODS))
def test_every_function_that_plain_python_may_call_is_on_the_page(name: str):
    assert re.search(rf"[` ]{name}[` ]", DECLARING)

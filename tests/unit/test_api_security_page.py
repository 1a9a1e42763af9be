"""The page of OWASP's list: every point stands on it, and each with a test that exists."""

from __future__ import annotations

import ast
import re

import pytest

from mlinfra_assets.settings import PROJECT

PAGE = (PROJECT / "docs" / "api-security.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in PAGE.splitlines() if row.startswith("| API")
]
POINTS = {
    "API1": "Broken object level authorization",
    "API2": "Broken authentication",
    "API3": "Broken object property level authorization",
    "API4": "Unrestricted resource consumption",
    "API5": "Broken function level authorization",
    "API6": "Unrestricted access to sensitive business flows",
    "API7": "Server side request forgery",
    "API8": "Security misconfiguration",
    "API9": "Improper inventory management",
    "API10": "Unsafe consumption of APIs",
}


def test_every_point_of_the_list_stands_on_the_page() -> None:
    assert {row[0] for row in ROWS} == {f"{number} {name}" for number, name in POINTS.items()}


@pytest.mark.parametrize(("point", "against", "test"), ROWS)
def test_every_point_has_its_test(point: str, against: str, test: str) -> None:
    named = re.fullmatch(r"`(\S+)::(\w+)`", test)
    assert named is not None, (point, test)
    tree = ast.parse((PROJECT / named[1]).read_text())
    assert named[2] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert against

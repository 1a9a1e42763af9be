"""The commands of a documentation page."""

from __future__ import annotations

import re

from mlinfra_assets.settings import PROJECT

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
STATUS = re.compile(r"\s# (\d{3})$")


def commands(page: str) -> list[str]:
    """The lines of the page's shell blocks, in order; a backslash goes on with the next line."""
    text = (PROJECT / "docs" / page).read_text()
    joined = "\n".join(BLOCK.findall(text)).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip()]


def status_of(command: str) -> int:
    """The status that a `curl` command says it gets, in a comment at its end; 200 if it says none."""
    said = STATUS.search(command)
    return int(said[1]) if said else 200

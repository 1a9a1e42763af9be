"""SQL as text that comments, blanks and line breaks do not change: what a version names it by.

The rule is written out here, not left to a parser, so that no later release of one changes what an old version names.
"""

from __future__ import annotations

import re
from hashlib import sha256

# Quoted text is kept as it is; a comment and any run of blanks outside of quotes counts as one blank.
_PARTS = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|((?:--[^\n]*|/\*.*?\*/|\s)+)""", re.DOTALL)


def plain(sql: str) -> str:
    """SQL without comments, with single blanks."""
    return _PARTS.sub(lambda match: match.group(1) or " ", sql).strip()


def fingerprint(sql: str) -> str:
    """12 hexadecimal digits over the plain text."""
    return sha256(plain(sql).encode()).hexdigest()[:12]

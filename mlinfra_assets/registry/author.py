"""Who is at work: the user of the machine, or of the automation that runs here."""

from __future__ import annotations

import getpass
import os

AUTOMATION = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILDKITE_BUILD_CREATOR", "CIRCLE_USERNAME", "BUILD_USER_ID")
"""The variables in which common CI systems name the person who started them."""

UNKNOWN = "unknown"


def author() -> str:
    """The name of whoever a CI system acts for, else of the user of this process, else `unknown`."""
    for variable in AUTOMATION:
        if os.environ.get(variable):
            return os.environ[variable]
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user need not have a name
        return UNKNOWN

"""What the command line does with an exception that is nobody's message."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from mlinfra_assets.clock import SystemClock
from mlinfra_assets.settings import PREFIX


def is_interruption(error: BaseException) -> bool:
    """Whether this is a person's Ctrl-C, as Python or as Dagster raises it."""
    if isinstance(error, KeyboardInterrupt):
        return True
    dagster = sys.modules.get("dagster")
    return dagster is not None and isinstance(error, dagster.DagsterExecutionInterruptedError)


def full_disk(error: BaseException, arguments: Sequence[str]) -> str | None:
    """What to say if the disk is full, whoever was the one to notice; None if it is something else."""
    if not any(_is_full_disk(link) for link in _chain(error)):
        return None
    return (
        f"no space left on the disk of {_home(arguments)} or on that of temporary files ({tempfile.gettempdir()}): "
        "what was committed is kept; free some space and run again, and it goes on from there"
    )


def _is_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(sign in str(error).lower() for sign in ("no space left on device", "database or disk is full"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what led to it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def keep_traceback(error: BaseException, arguments: Sequence[str]) -> str:
    """Write the whole traceback to a file among the home's logs, and say shortly what happened and where to look."""
    now = SystemClock().now()
    text = f"{now.isoformat()} mlinfra {' '.join(arguments)}\n" + "".join(traceback.format_exception(error))
    name = f"error-{now:%Y%m%dT%H%M%S%f}.log"
    file = _write(_logs(arguments), name, text)
    first = (str(error).strip().splitlines() or [""])[0][:200]
    return f"unexpected {type(error).__name__}: {first}\nThe full traceback is in {file}"


def _logs(arguments: Sequence[str]) -> Path:
    """The logs folder of the home that was worked on, found without reading anything that could fail again."""
    return _home(arguments) / "logs"


def _home(arguments: Sequence[str]) -> Path:
    home = _named(arguments) or Path(os.environ.get(f"{PREFIX}HOME") or ".mlinfra")
    return home.expanduser().absolute()


def _named(arguments: Sequence[str]) -> Path | None:
    for place, argument in enumerate(arguments):
        if argument == "--home" and place + 1 < len(arguments):
            return Path(arguments[place + 1])
        if argument.startswith("--home="):
            return Path(argument.removeprefix("--home="))
    return None


def _write(folder: Path, name: str, text: str) -> Path:
    """Write the file, in the system's temporary folder if the home takes none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="mlinfra-"))
        (folder / name).write_text(text)
    return folder / name

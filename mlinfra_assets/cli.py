"""The command line: `mlinfra ...`.

Exit status: 0 done; 1 an error, with what to do about it; 2 wrong usage; 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from mlinfra_assets.commands import (
    api,
    breaker,
    consume,
    contract,
    demo,
    doctor,
    features,
    late,
    live,
    maintain,
    models,
    online,
    quarantine,
    replay,
    sources_list,
    sql,
    up,
)
from mlinfra_assets.commands.failure import full_disk, is_interruption, keep_traceback
from mlinfra_assets.errors import MlinfraError

INTERRUPTED = 130

app = typer.Typer(
    name="mlinfra",
    help="An ML data platform as one Dagster project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time to the first letter
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", short_help="Play a shop's year, and reproduce each prediction.")(demo.demo)
app.command("up", short_help="Start the UI, the schedules and the API.")(up.up)
app.command("consume", short_help="Follow streams into raw and processed.")(consume.consume)
app.command("live", short_help="Feed streams into online values.")(live.live)
app.add_typer(online.app, name="online", short_help="The version that is served, and the way back.")
app.command("doctor", short_help="Say what is configured and what is not well.")(doctor.doctor)
app.add_typer(features.app, name="features", short_help="Feature views: versions, changes, users.")
app.command("sources", short_help="What comes in, and how far raw is behind.")(sources_list.sources)
app.add_typer(models.app, name="models", short_help="Models: versions, promotion, rollback.")
app.add_typer(contract.app, name="contract", short_help="Contracts: compatibility, publishing.")
app.add_typer(breaker.app, name="breaker", short_help="Circuit breakers: what is open, why, the way back.")
app.add_typer(quarantine.app, name="quarantine", short_help="Records that broke a contract.")
app.command("late", short_help="What late rows would have changed.")(late.late)
app.command("maintain", short_help="Merge small files, remove old ones.")(maintain.maintain)
app.command("sql", short_help="Ask the lake's tables a question in SQL.")(sql.sql)
app.command("replay", short_help="Compute one prediction from raw again.")(replay.replay)
app.add_typer(api.app, name="api", short_help="Serve the API by itself; its keys.")


def run(arguments: Sequence[str]) -> int:
    """Run a command line (without the program's name), and return its exit status."""
    try:
        app(args=list(arguments), prog_name="mlinfra")
    except MlinfraError as error:
        return _fail(str(error))
    except SystemExit as end:  # typer ends every command line so, having said itself what was wrong with its usage
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        return _interrupted() if status == INTERRUPTED else status
    except BaseException as error:  # noqa: BLE001 - the outermost place: whatever it is, it ends in a message and a status
        if is_interruption(error):
            return _interrupted()
        return _fail(full_disk(error, arguments) or keep_traceback(error, arguments))
    return 0


def main() -> None:
    """The program."""
    sys.exit(run(sys.argv[1:]))


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return INTERRUPTED


if __name__ == "__main__":
    main()

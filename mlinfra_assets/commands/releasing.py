"""What `mlinfra quarantine release` is asked for, and what it says of the outcome."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlinfra_assets.errors import InvalidInputError, MlinfraError

if TYPE_CHECKING:
    from mlinfra_assets.contracts.correction import Corrected, Correction
    from mlinfra_assets.contracts.quarantine import Quarantine

SHOWN = 20


class RefusedReleasesError(MlinfraError):
    """Records that are not let in."""


def corrections_of(
    quarantine: Quarantine,
    source: str,
    position: str | None,
    changes: Mapping[str, str],
    record: str | None,
    file: Path | None,
    reason: str | None,
) -> Sequence[Correction]:
    """The corrections that options ask for: of one position, of a file, or of all that are held for a reason.

    Raises:
        InvalidInputError: None of the three is named, or several, or what is named is wrong.
    """
    import orjson

    from mlinfra_assets.contracts.correction import Correction, read_corrections
    from mlinfra_assets.contracts.held import Position

    if sum(each is not None for each in (position, file, reason)) != 1:
        raise InvalidInputError("name one record by its POSITION, many with --from FILE, or many with --reason")
    if file is not None:
        if changes or record is not None:
            raise InvalidInputError("--from says itself how each record is corrected: leave out --set and --record")
        return read_corrections(file)
    if record is not None and (changes or position is None):
        raise InvalidInputError("--record is the whole of one record: name its POSITION, and leave out --set")
    if position is not None:
        try:
            whole = None if record is None else orjson.loads(record)
        except orjson.JSONDecodeError as error:
            raise InvalidInputError(f"--record is not JSON: {error}") from error
        if not isinstance(whole, dict | None):
            raise InvalidInputError("--record is a JSON object, field to value")
        return [Correction(Position.parse(position), whole, dict(changes))]
    return [Correction(each, None, dict(changes)) for each in _held_for(quarantine, source, reason or "")]


def _held_for(quarantine: Quarantine, source: str, reason: str) -> list:
    from mlinfra_assets.commands.quarantine import label
    from mlinfra_assets.contracts.held import Position

    held = quarantine.list(source)
    held = held.filter(held["released"].is_null())
    found = {label(why) for reasons in held["reasons"].to_list() for why in reasons}
    if reason not in found:
        known = ", ".join(repr(each) for each in sorted(found)) or "nothing"
        raise InvalidInputError(f"no record of {source} is held for {reason!r}; held for: {known}")
    return [
        Position(partition, offset, row)
        for partition, offset, row, reasons in held.select("_partition", "_offset", "_row", "reasons").iter_rows()
        if any(label(why) == reason for why in reasons)
    ]


def show_outcome(source: str, outcome: Corrected, *, single: bool, dry_run: bool, json: bool) -> None:
    """Say what became of corrections.

    Raises:
        RefusedReleasesError: Some are refused; the message names them and why.
    """
    from mlinfra_assets.commands.output import print_json

    if json:
        print_json(_document(outcome, dry_run))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(source, outcome, single, dry_run)))
    if outcome.refused:
        many = len(outcome.refused)
        said = "\n".join(refused.why for refused in outcome.refused[:SHOWN])
        more = f"\nand {many - SHOWN:,} more" if many > SHOWN else ""
        raise RefusedReleasesError(said + more if single else f"{many:,} of {source} are not let in:\n{said}{more}")
    if single and outcome.already:
        position, number = outcome.already[0]
        raise RefusedReleasesError(f"{source} {position} was let in already, by release {number}")


def _lines(source: str, outcome: Corrected, single: bool, dry_run: bool) -> list[str]:
    released, lines = outcome.released, []
    if dry_run:
        lines.append(
            f"{len(released):,} of {source} would pass, {len(outcome.refused):,} would not; nothing is released"
        )
    elif released:
        first, last = released[0], released[-1]
        numbers = f"release {first.number}" if first is last else f"releases {first.number} to {last.number}"
        what = str(first.position) if single else f"{len(released):,} records"
        lines.append(f"{numbers} of {source}: {what}, by {first.released_by}")
        lines.append(
            f"The next run of processed/{source} takes {'it' if single else 'them'} in, known from "
            f"{first.released_at.isoformat()} on."
        )
    if outcome.already and not single:
        lines.append(f"{len(outcome.already):,} were let in just so before")
    return lines


def _document(outcome: Corrected, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "released": [{**vars(each), "position": str(each.position)} for each in outcome.released],
        "already": [{"position": str(position), "release": number} for position, number in outcome.already],
        "refused": [{"position": str(each.position), "why": each.why} for each in outcome.refused],
    }

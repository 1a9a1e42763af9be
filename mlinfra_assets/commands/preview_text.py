"""A preview of a feature view for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from mlinfra_assets.commands.output import console, plain_table

SAME, DAY = "same", "day"
STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


def show(preview: Mapping[str, Any]) -> None:
    """Print a preview."""
    out = console()
    out.print(Text(preview["view"], style="bold").append(f"  {_versions(preview)}", style="not bold"))
    out.print(_questions(preview), style="dim")
    moved = [feature for feature in preview["features"] if feature["state"] != SAME]
    same = [feature["name"] for feature in preview["features"] if feature["state"] == SAME]
    if moved:
        out.print()
        out.print(_features(moved))
    if same:
        out.print(f"\nThe same in every bit: {', '.join(same)}.", style="green")
    for line in _remarks(preview):
        out.print("\n" + line)
    if any(feature["examples"] for feature in moved):
        out.print()
        out.print(_examples(moved, several=len(preview["days"]) > 1))
    out.print()
    for line in (*_costs(preview["backfill"]), *_online(preview), *_users(preview["users"])):
        out.print(line)


def _versions(preview: Mapping[str, Any]) -> str:
    if preview["before"] is None:
        return f"version {preview['after']} (declared), none is registered yet"
    if preview["before"] == preview["after"]:
        return f"version {preview['after']}, declared and registered: there is nothing to change"
    return f"{preview['before']} (registered) against {preview['after']} (declared)"


def _questions(preview: Mapping[str, Any]) -> str:
    days, served = preview["days"], preview["served"]
    when = days[0] if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
    whom = f"{preview['compared']:,} of {preview['entities']:,} entities"
    if preview["compared"] == preview["entities"]:
        whom = f"all {preview['entities']:,} entities"
    return (
        f"{whom} at the end of {when}, as known then. Answered before: {served['before']:,}, after: "
        f"{served['after']:,}; shares are of the {served['either']:,} that either answers."
    )


def _features(features: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - a table for rich
    table = plain_table("feature", "values", "null", "differs by", right=("null",), whole=("feature", "values", "null"))
    for feature in features:
        table.add_row(
            Text(feature["name"]).append(_kind(feature), style="dim"),
            Text(_values(feature), style=STYLES[feature["state"]]),
            _nulls(feature),
            _difference(feature),
        )
    return table


def _kind(feature: Mapping[str, Any]) -> str:
    before, after = feature["before"], feature["after"]
    if before is not None and after is not None and before != after:
        return f"\n{before}, then {after}"
    return f"\n{after or before}"


def _values(feature: Mapping[str, Any]) -> str:
    if feature["state"] in {"added", "removed"}:
        return feature["state"]
    return f"{_percent(feature['share'])} change" if feature["changed"] else "another type"


def _nulls(feature: Mapping[str, Any]) -> str:
    if feature["state"] in {"added", "removed"}:
        return f"{feature['nulls']:,}"
    both = [f"+{feature['becomes_null']:,}"] if feature["becomes_null"] else []
    both += [f"-{feature['stops_being_null']:,}"] if feature["stops_being_null"] else []
    return " ".join([f"{feature['nulls']:,}", *([f"({', '.join(both)})"] if both else [])])


def _difference(feature: Mapping[str, Any]) -> str:
    if feature["mean_difference"] is None:
        return ""
    return f"mean {_number(feature['mean_difference'])}\nmost {_number(feature['largest_difference'])}"


def _remarks(preview: Mapping[str, Any]) -> list[str]:
    lines = []
    if preview["needs_a_request"]:
        names = ", ".join(preview["needs_a_request"])
        lines.append(f"Not previewed, since they need a value from a request: {names}.")
    if preview["staged_by_each_version"]:
        names = ", ".join(preview["staged_by_each_version"])
        lines.append(f"The SQL of {names} differs: each version is evaluated on the rows that its own SQL makes.")
    if preview["contract_differs"]:
        lines.append("The contract differs, too: both versions see the records as the lake holds them now.")
    return lines


def _examples(features: list[dict[str, Any]], *, several: bool) -> Any:  # noqa: ANN401 - a table for rich
    table = plain_table("for example", "of", "before", "after", right=("before", "after"), whole=("for example",))
    for feature in features:
        for number, example in enumerate(feature["examples"]):
            at = [f"{name} {value}" for name, value in example["at"].items() if several or name != DAY]
            was = "" if feature["state"] == "added" else _shown(example["before"])
            table.add_row("" if number else feature["name"], ", ".join(at), was, _shown(example["after"]))
    return table


def _costs(cost: Mapping[str, Any]) -> list[str]:
    whole = f"{cost['rows']:,} rows ({cost['rows_per_day']:,} a day) and {_seconds(cost['cpu_seconds'])} of CPU time"
    some = f"{cost['measured_entities']:,} of {cost['entities']:,} entities"
    parts = f"{_seconds(cost['reading_seconds'])} to read and prepare, {_seconds(cost['evaluating_seconds'])} for the"
    lines = [
        f"A backfill of all {cost['days']:,} days: about {whole}.",
        f"  Estimated from {some}: {parts} {cost['measured_rows']:,} rows of the last {cost['measured_days']} days.",
    ]
    if cost["online_bytes"] is not None:
        before = cost["before"]["online_bytes"] if cost["before"] else None
        was = "" if before is None else f", {_bytes(before)} before"
        lines.append(f"Online: about {_bytes(cost['online_bytes'])} in Redis{was}.")
    return lines


def _online(preview: Mapping[str, Any]) -> list[str]:
    online = preview["online"]
    if not online["online"]:
        return ["Batch only: Redis serves none of it."]
    if online["problem"]:
        return [f"Which version Redis serves is not known: {online['problem']}"]
    if online["served"] is None:
        return ["Redis serves no version of it yet."]
    if online["differs"]:
        return [f"Redis serves version {online['served']}, until the declared one is pushed."]
    return [f"Redis serves the declared version {online['served']}."]


def _users(users: list[dict[str, Any]]) -> list[Text]:
    lines = []
    for user in users:
        line = Text(f"{user['kind']} {user['name']}: ")
        parts = [f"{', '.join(user['changed'])} {_verb(user['changed'])}"] if user["changed"] else []
        line.append("; ".join(parts), style="yellow")
        if user["removed"]:
            line.append(f"{'; ' if parts else ''}{', '.join(user['removed'])} would be missing", style="bold red")
        lines.append(line)
    return lines or [Text("No model, service or view uses a feature that changes.")]


def _verb(features: list[str]) -> str:
    return "changes" if len(features) == 1 else "change"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f} %" if percent >= 0.1 or percent == 0 else "under 0.1 %"


def _number(value: float) -> str:
    return f"{value:,.6g}"


def _shown(value: object) -> str:
    return "null" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _bytes(count: int) -> str:
    value, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"

"""`mlinfra doctor`: what is configured, reachable, and versioned how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.home import begun

if TYPE_CHECKING:
    from mlinfra_assets.commands.diagnosis.finding import Finding
    from mlinfra_assets.settings import Settings


class UnwellError(MlinfraError):
    """Something that is needed is broken."""


def doctor(home: HomeOption = None, json: JsonOption = False) -> None:
    """Say what is configured, reachable, and versioned how, and what to do about what is not well."""
    settings = settings_for(home)
    findings = list(examine(settings))
    _print_json(findings) if json else _show(findings)
    bad = [finding.name for finding in findings if finding.state == "broken"]
    if bad:
        raise UnwellError(f"{len(bad)} of what is needed is broken: {', '.join(bad)}")


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; a home that is not there yet has no services to look at."""
    from mlinfra_assets.commands.diagnosis import breakers, graph, services, system, tables

    yield from system.software()
    yield from system.settings_in_force(settings)
    yield from system.home(settings)
    yield from graph.dbt_manifest()
    if not begun(settings.home) and not settings.redis_url:
        return
    looks: list[Callable[[Settings], Iterator[Finding]]] = [
        graph.dagster_home,
        services.redis_server,
        services.kafka_brokers,
        services.schema_registry,
        services.online_store,
        tables.lake,
        tables.arrivals,
        breakers.breakers,
    ]
    for look in looks:
        yield from look(settings)


def _show(findings: Iterable[Finding]) -> None:
    from rich.text import Text

    from mlinfra_assets.commands.output import console, plain_table

    styles = {"ok": "green", "note": "yellow", "broken": "bold red"}
    table, area = plain_table("what", "state", "found", whole=("state",)), ""
    table.show_header = False
    for finding in findings:
        if finding.area != area:
            if area:
                table.add_section()
            area = finding.area
            table.add_row(Text(area, style="bold"), "", "")
        found = Text(finding.value)
        if finding.remedy:
            found.append(f"\n{finding.remedy}", style=styles[finding.state])
        table.add_row(f"  {finding.name}", Text(finding.state, style=styles[finding.state]), found)
    console().print(table)


def _print_json(findings: list[Finding]) -> None:
    from dataclasses import asdict

    from mlinfra_assets.commands.output import print_json

    well = all(finding.state != "broken" for finding in findings)
    print_json({"well": well, "findings": [asdict(finding) for finding in findings]})

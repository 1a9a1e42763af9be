"""`mlinfra up`: the API, Dagster's UI and its daemon, together on one home."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mlinfra_assets.commands.context import HomeOption, begin
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import PROJECT, Settings
from mlinfra_assets.supervisor import Service, Supervisor

LOOPBACK = "127.0.0.1"
ANY = {"0.0.0.0": LOOPBACK, "::": "[::1]", "": LOOPBACK}  # noqa: S104 - recognized, not bound


def up(
    home: HomeOption = None,
    consume: Annotated[bool, typer.Option("--consume", help="Follow all streams, within a second.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Feed streams into online values, within milliseconds.")] = False,
) -> None:
    """Start everything: Dagster's UI and daemon with schedules and sensors on, and the API. Ctrl-C stops it all."""
    from mlinfra_assets.dagster_home import make_storage, prepare
    from mlinfra_assets.home import hold
    from mlinfra_assets.redis_server import connect

    settings, place = begin(home)
    with hold(place, "mlinfra up"):
        _refuse_taken_ports(settings)
        prepare(settings.dagster_home)
        make_storage(settings.dagster_home)
        redis = connect(settings)  # held to the end, so that the embedded server outlives the services
        supervisor = Supervisor(services(settings, consume=consume, live=live), environment(settings), place.logs, _say)
        _say(f"starting on {settings.home} (logs in {place.logs})")
        try:
            supervisor.run(lambda: _say(_welcome(settings)))
        finally:
            redis.close()
    _say("everything has stopped")


def services(settings: Settings, *, consume: bool = False, live: bool = False) -> list[Service]:
    """What `up` runs, in the order of starting."""
    workspace = str(PROJECT / "workspace.yaml")
    ui = f"http://{LOOPBACK}:{settings.ui_port}"
    webserver = ("-w", workspace, "-h", LOOPBACK, "-p", str(settings.ui_port))
    return [
        Service(
            "api", (sys.executable, "-m", "mlinfra_assets.cli", "api"), _answers(f"{api_url(settings)}/health/live")
        ),
        Service("webserver", (_program("dagster-webserver"), *webserver), _loaded(f"{ui}/graphql")),
        Service("daemon", (_program("dagster-daemon"), "run", "-w", workspace), _healthy(f"{ui}/graphql"), grace=30.0),
        *(
            Service(name, (sys.executable, "-m", "mlinfra_assets.cli", name), lambda: True)
            for name, wanted in (("consume", consume), ("live", live))
            if wanted
        ),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """The variables of the children: the settings, Dagster's home, and the environment's programs (dbt) on the PATH."""
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    return {
        **os.environ,
        **settings.to_environment(),
        "DAGSTER_HOME": str(settings.dagster_home),
        "PATH": path if programs in path.split(os.pathsep) else os.pathsep.join([programs, path]),
        "PYTHONUNBUFFERED": "1",
    }


def api_url(settings: Settings) -> str:
    """Where this machine reaches the API."""
    host = ANY.get(settings.api_host, settings.api_host)
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{settings.api_port}"


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise UnavailableError(f"the program {name} is not installed: run `uv sync` in {PROJECT}")
    return found


def _refuse_taken_ports(settings: Settings) -> None:
    wanted = [
        (LOOPBACK, settings.ui_port, "MLINFRA_UI_PORT"),
        (settings.api_host, settings.api_port, "MLINFRA_API_PORT"),
    ]
    for host, port, variable in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise UnavailableError(
                    f"port {port} on {host} cannot be used ({error.strerror or error}): stop what uses it, "
                    f"or set {variable} to another"
                ) from error


def _answers(url: str) -> Callable[[], bool]:
    """Whether an address answers with success."""

    def ready() -> bool:
        import httpx

        try:
            return httpx.get(url, timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    return ready


def _ask(url: str, query: str) -> dict | None:
    import httpx

    try:
        answer = httpx.post(url, json={"query": query}, timeout=5.0)
        return answer.json().get("data")
    except (httpx.HTTPError, ValueError):
        return None


def _loaded(url: str) -> Callable[[], bool]:
    """Whether the web server has loaded the code location.

    Raises:
        UnavailableError: (when asked) It could not be loaded; with why.
    """
    query = (
        "{ workspaceOrError { ... on Workspace { locationEntries { name "
        "locationOrLoadError { __typename ... on PythonError { message errorChain { error { message } } } } } } } }"
    )

    def ready() -> bool:
        data = _ask(url, query)
        entries = ((data or {}).get("workspaceOrError") or {}).get("locationEntries") or []
        for entry in entries:
            found = entry["locationOrLoadError"]
            if found is not None and found["__typename"] == "PythonError":
                messages = [found["message"], *(link["error"]["message"] for link in found["errorChain"])]
                raise UnavailableError(f"the asset graph does not load: {messages[-1].strip()}")
        return bool(entries) and all(entry["locationOrLoadError"] is not None for entry in entries)

    return ready


def _healthy(url: str) -> Callable[[], bool]:
    """Whether every daemon that is needed has reported."""
    query = "{ instance { daemonHealth { allDaemonStatuses { required healthy } } } }"

    def ready() -> bool:
        data = _ask(url, query)
        statuses = data["instance"]["daemonHealth"]["allDaemonStatuses"] if data else []
        required = [s for s in statuses if s["required"]]
        return bool(required) and all(s["healthy"] for s in required)

    return ready


def _welcome(settings: Settings) -> str:
    from mlinfra_assets.clock import HomeClock

    lines = [
        "",
        f"  Dagster's UI   http://{LOOPBACK}:{settings.ui_port}",
        f"  API            {api_url(settings)}/docs",
    ]
    clock = HomeClock(settings.home)
    if clock.simulated:
        lines += [
            "",
            f"  The clock of this home stands at {clock.now():%Y-%m-%d %H:%M} UTC.",
            f"  To run on the system's time, delete {settings.home / 'clock.json'}",
        ]
    return "\n".join([*lines, "", "Ctrl-C stops everything."])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - what a person watches

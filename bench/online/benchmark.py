"""Both servers on one Redis, loaded in turn: requests a second, latencies, the CPU that a request costs the server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import redis

from bench.harness import peers
from bench.online.data import make
from bench.online.layout import COUNTS, FEATURES, KEY, VIEWS

ROOT = Path(__file__).resolve().parents[2]
BODIES = 64
COMPARED = 200
RATIOS = {1: 20, 10: 25, 100: 40}
"""How many times Feast's requests a second are wanted at how many entities."""


class WrongAnswerError(Exception):
    """Two servers say different things of one entity, or one refuses."""


@dataclass(frozen=True)
class Served:
    """One server under one load.

    Attributes:
        server: Which.
        view: Which view is asked.
        entities: How many entities a request is about.
        per_second: Requests answered in a second.
        p50_ms: Half of the answers took at most so many milliseconds.
        p99_ms: 99 of 100 did.
        cpu_us: Microseconds of CPU that a request cost the server.
        redis_us: Microseconds of CPU that it cost Redis.
    """

    server: str
    view: str
    entities: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    redis_us: float


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    name: str
    path: str
    pid: int
    port: int

    def body(self, view: str, keys: list[int]) -> str:
        """A request for all features of some entities."""
        names = [f"{view}:{feature}" for feature in FEATURES]
        entities: Any = [{KEY: key} for key in keys] if self.name == "project" else {KEY: keys}
        return json.dumps({"features": names, "entities": entities})

    def values(self, view: str, keys: list[int]) -> list[list[float]]:
        """The features of some entities, one by one."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.path}",
            self.body(view, keys).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            found = json.load(answer)
        if self.name == "project":
            return [[one["features"][f"{view}:{name}"] for name in FEATURES] for one in found["results"]]
        names = found["metadata"]["feature_names"]
        columns = {name: column["values"] for name, column in zip(names, found["results"], strict=True)}
        return [[columns[name][i] for name in FEATURES] for i in range(len(keys))]


def measure(cache: Path, entities: int, seconds: float, rounds: int) -> list[Served]:
    """Load both servers in turn, and keep the median of the rounds.

    Raises:
        WrongAnswerError: Their answers differ.
        PeersUnavailableError: There is no Feast.
    """
    python = peers.interpreter(cache)
    folder = make(cache, entities)

    def served(name: str, command: list[str]) -> AbstractContextManager[Server]:
        return _server(name, command, folder, scratch, store)

    found: dict[tuple[str, str, int], list[Served]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="mlinfra-bench-online-") as scratch,
        redis_process(Path(scratch)) as store,
        served("project", [sys.executable, "-m", "bench.online.project"]) as ours,
        served("Feast", [str(python), "-m", "bench.online.feast_server"]) as theirs,
    ):
        _compare(ours, theirs, entities)
        cases = [(server, view, count) for view in VIEWS for count in COUNTS for server in (ours, theirs)]
        for _ in range(rounds):
            for server, view, count in cases:
                print(f"{server.name}: {view}, {count} entities", file=sys.stderr, flush=True)
                one = _load(server, view, count, entities, seconds, store)
                found.setdefault((server.name, view, count), []).append(one)
    return [_median(some) for some in found.values()]


def table(found: list[Served]) -> list[str]:
    """The measurements as Markdown, with the ratio to Feast."""
    lines = [
        "| view | entities | server | requests/s | p50 ms | p99 ms | CPU us/request | Redis us | times Feast's |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        feast = next(o for o in found if (o.view, o.entities, o.server) == (one.view, one.entities, "Feast"))
        ratio = f"{one.per_second / feast.per_second:.1f} (CPU: {feast.cpu_us / one.cpu_us:.1f})"
        lines.append(
            f"| {one.view} | {one.entities} | {one.server} | {one.per_second:,.0f} | {one.p50_ms:.2f} "
            f"| {one.p99_ms:.2f} | {one.cpu_us:,.0f} | {one.redis_us:,.0f} | {'' if one is feast else ratio} |"
        )
    return lines


def as_json(found: list[Served]) -> str:
    """The measurements for programs."""
    return json.dumps({"load": os.getloadavg()[0], "cases": [asdict(one) for one in found]}, indent=2)


@contextmanager
def redis_process(scratch: Path) -> Iterator[tuple[int, int]]:
    """A Redis server of our own on a TCP port, while it is needed: its process and port."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit("bench.online needs a redis-server on the PATH")
    port = _free_port()
    child = subprocess.Popen(
        [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        cwd=scratch,
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)
    try:
        while True:
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if child.poll() is not None:
                    raise SystemExit("the Redis server did not start") from None
        yield child.pid, port
    finally:
        child.terminate()
        child.wait()


@contextmanager
def _server(name: str, command: list[str], folder: Path, scratch: str, store: tuple[int, int]) -> Iterator[Server]:
    extra = [f"{scratch}/home", f"redis://127.0.0.1:{store[1]}/0"] if name == "project" else [f"127.0.0.1:{store[1]}"]
    child = subprocess.Popen(
        [*command, str(folder), *extra],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FEAST_USAGE": "False", "MLINFRA_API_ACCESS_LOG": "none"},
    )
    try:
        assert child.stdout is not None
        said = child.stdout.readline().strip()
        if not said:
            raise SystemExit(f"{name} did not start")
        _wait_for(int(said), child)
        path = "/v1/features" if name == "project" else "/get-online-features"
        yield Server(name, path, child.pid, int(said))
    finally:
        child.terminate()
        child.wait()


def _wait_for(port: int, child: subprocess.Popen[str]) -> None:
    """Wait until a server listens."""
    while child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"a server ended with code {child.returncode} before it listened")


def _compare(ours: Server, theirs: Server, entities: int) -> None:
    keys = [number * 7919 % entities for number in range(min(COMPARED, entities))]
    for view in VIEWS:
        for key, a, b in zip(keys, ours.values(view, keys), theirs.values(view, keys), strict=True):
            if a != b:
                raise WrongAnswerError(f"{view}, entity {key}: the project has {a}, Feast has {b}")


def _load(server: Server, view: str, count: int, entities: int, seconds: float, store: tuple[int, int]) -> Served:
    bodies = [server.body(view, [(n * count + i) * 7919 % entities for i in range(count)]) for n in range(BODIES)]
    given = json.dumps({"port": server.port, "path": server.path, "seconds": seconds, "bodies": bodies})
    before, before_redis = used_cpu(server.pid), used_cpu(store[0])
    done = subprocess.run(
        [sys.executable, "-m", "bench.online.load"],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    used, used_redis = used_cpu(server.pid) - before, used_cpu(store[0]) - before_redis
    said = json.loads(done.stdout)
    if said["wrong"]:
        raise WrongAnswerError(f"{server.name} refused {said['wrong']} requests")
    answers = said["answers"]
    return Served(
        server=server.name,
        view=view,
        entities=count,
        per_second=len(answers) / said["seconds"],
        p50_ms=median(answers) * 1e3,
        p99_ms=quantiles(answers, n=100)[98] * 1e3,
        cpu_us=used / len(answers) * 1e6,
        redis_us=used_redis / len(answers) * 1e6,
    )


def _median(some: list[Served]) -> Served:
    return sorted(some, key=lambda one: one.cpu_us)[len(some) // 2]


def used_cpu(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

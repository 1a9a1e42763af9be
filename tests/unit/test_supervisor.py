from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from mlinfra_assets import process_group
from mlinfra_assets.supervisor import Service, ServiceError, Supervisor

STAY = "import time\nprint('here', flush=True)\ntime.sleep(60)"
DEAF = (
    "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    + STAY
)
PARENT = (
    "import subprocess, sys, time, pathlib\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "pathlib.Path(sys.argv[1]).write_text(str(child.pid))\ntime.sleep(60)"
)


class Log(list[str]):
    """What was said."""


def service(
    tmp_path: Path, name: str, code: str, *arguments: str, grace: float = 5.0, patience: float = 20.0
) -> Service:
    log = tmp_path / f"{name}.log"

    def ready() -> bool:
        shown = log.exists() and "here" in log.read_text()
        return shown or any(Path(argument).exists() for argument in arguments)

    return Service(name, (sys.executable, "-u", "-c", code, *arguments), ready, patience, grace)


def supervisor(tmp_path: Path, *services: Service) -> tuple[Supervisor, Log]:
    said = Log()
    return Supervisor(services, dict(os.environ), tmp_path, said.append), said


def groups(running: Supervisor) -> list[int]:
    return [process.pid for _, process in running._running]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_all_in_the_opposite_order_and_leaves_nothing(tmp_path: Path, which: signal.Signals) -> None:
    running, said = supervisor(tmp_path, service(tmp_path, "first", STAY), service(tmp_path, "second", STAY))
    started: list[int] = []

    def interrupt() -> None:
        started.extend(groups(running))
        os.kill(os.getpid(), which)

    running.run(interrupt)
    assert said[-2:] == ["stopping second", "stopping first"]
    assert len(started) == 2
    assert not any(process_group.alive(group) for group in started)


def test_signals_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    running, _ = supervisor(tmp_path, service(tmp_path, "one", STAY))
    running.run(running.stop)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_service_that_dies_stops_the_others_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    dying = service(tmp_path, "dying", "print('here', flush=True)\nraise SystemExit('out of luck')")
    running, said = supervisor(tmp_path, service(tmp_path, "other", STAY), dying)
    started: list[int] = []
    with pytest.raises(ServiceError, match=r"(?s)dying ended with status 1.*out of luck"):
        running.run(lambda: started.extend(groups(running)))
    assert said[-1] == "stopping other"
    assert not any(process_group.alive(group) for group in started)


def test_a_killed_service_is_reported_with_its_signal(tmp_path: Path) -> None:
    running, _ = supervisor(tmp_path, service(tmp_path, "victim", STAY))
    with pytest.raises(ServiceError, match="victim was killed by signal 9"):
        running.run(lambda: os.kill(groups(running)[0], signal.SIGKILL))


def test_a_service_that_never_answers_is_given_up(tmp_path: Path) -> None:
    silent = service(tmp_path, "silent", "import time\ntime.sleep(60)", patience=0.5)
    running, _ = supervisor(tmp_path, silent)
    with pytest.raises(ServiceError, match="silent did not answer within"):
        running.run(lambda: pytest.fail("it is not ready"))


def test_what_a_service_started_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "grandchild"
    running, _ = supervisor(tmp_path, service(tmp_path, "parent", PARENT, str(file)))
    started: list[int] = []

    def on_ready() -> None:
        started.extend(groups(running))
        running.stop()

    running.run(on_ready)
    assert file.exists()
    assert not process_group.alive(started[0])


def test_a_service_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    running, said = supervisor(tmp_path, service(tmp_path, "deaf", DEAF, grace=0.5))
    started: list[int] = []

    def on_ready() -> None:
        started.extend(groups(running))
        running.stop()

    running.run(on_ready)
    assert said == ["deaf is up", "stopping deaf", "deaf did not end by itself and was killed"]
    assert not process_group.alive(started[0])


def test_asked_while_starting_it_ends_without_having_been_ready(tmp_path: Path) -> None:
    running, _ = supervisor(tmp_path, service(tmp_path, "slow", "import time\ntime.sleep(60)"))
    threading.Timer(0.3, running.stop).start()
    begun = time.monotonic()
    running.run(lambda: pytest.fail("it is not ready"))
    assert time.monotonic() - begun < 10


def test_the_log_before_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        running, _ = supervisor(tmp_path, service(tmp_path, "one", STAY))
        running.run(running.stop)
    assert (tmp_path / "one.previous.log").read_text().startswith("here\n")

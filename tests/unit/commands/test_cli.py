from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlinfra_assets import cli
from mlinfra_assets.commands import doctor

COMMANDS = ("demo", "up", "doctor", "replay", "api", "quarantine")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert "..." not in out.partition("Commands:")[2]


@pytest.mark.parametrize("arguments", [["nonsense"], ["demo", "--bogus"], ["replay"], ["quarantine", "show", "x"], []])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    streams = capsys.readouterr()
    assert "Usage: mlinfra" in streams.out + streams.err


def test_an_error_for_people_is_one_message_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["demo", "--data", str(tmp_path / "none.csv"), "--home", str(tmp_path / "home"), "--json"]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith(f"error: {tmp_path / 'none.csv'} does not exist")
    assert "Traceback" not in streams.err


def test_a_wrong_setting_is_an_error_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_API_PORT", "many")
    assert cli.run(["doctor"]) == 1
    assert "error: MLINFRA_API_PORT='many' is not a whole number" in capsys.readouterr().err


def test_an_unexpected_exception_is_short_and_its_traceback_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_settings: object) -> None:
        raise RuntimeError("the disk melted\nin two places")

    monkeypatch.setattr(doctor, "examine", explode)
    assert cli.run(["doctor", "--home", str(tmp_path / "home")]) == 1
    err = capsys.readouterr().err
    (log,) = (tmp_path / "home" / "logs").iterdir()
    assert err == f"error: unexpected RuntimeError: the disk melted\nThe full traceback is in {log}\n"
    assert "in explode" in log.read_text()
    assert "mlinfra doctor --home" in log.read_text()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), sqlite3.OperationalError("database or disk is full")]
)
def test_a_full_disk_is_an_error_for_people_wherever_it_shows(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_settings: object) -> None:
        raise RuntimeError("a step failed") from error

    monkeypatch.setattr(doctor, "examine", explode)
    assert cli.run(["doctor", "--home", str(tmp_path / "home")]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: no space left on the disk of {tmp_path / 'home'} or on that of temporary files")
    assert "free some space and run again" in err
    assert "traceback" not in err.lower()


def test_a_traceback_finds_a_place_even_if_the_home_takes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(_settings: object) -> None:
        raise RuntimeError("broken")

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(doctor, "settings_for", explode)
    assert cli.run(["doctor", f"--home={tmp_path / 'file'}"]) == 1
    kept = Path(capsys.readouterr().err.rpartition(" is in ")[2].strip())
    assert "RuntimeError: broken" in kept.read_text()


@pytest.mark.parametrize("interruption", ["python", "dagster"])
def test_ctrl_c_ends_with_130(
    interruption: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_settings: object) -> None:
        if interruption == "python":
            raise KeyboardInterrupt
        import dagster

        raise dagster.DagsterExecutionInterruptedError

    monkeypatch.setattr(doctor, "examine", interrupted)
    assert cli.run(["doctor"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_ctrl_c_on_the_real_program_ends_with_130(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom mlinfra_assets import cli\nfrom mlinfra_assets.commands import doctor\n"
        "def wait(_settings):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "doctor.examine = wait\nsys.argv = ['mlinfra', 'doctor']\ncli.main()"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=20)
    assert (program.returncode, err) == (130, "interrupted\n")


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom mlinfra_assets import cli\nassert cli.run(['--help']) == 0\n"
        "heavy = {'dagster', 'polars', 'pyarrow', 'redis', 'rich', 'httpx', 'yaml', 'numpy', 'fastapi', 'deltalake'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_program_is_installed_and_runs_as_a_module(tmp_path: Path) -> None:
    beside = Path(sys.executable).parent / "mlinfra"
    for command in ([str(beside)], [sys.executable, "-m", "mlinfra_assets.cli"]):
        done = subprocess.run(
            [*command, "doctor", "--json", "--home", str(tmp_path / "home")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "MLINFRA_API_PORT": "x"},
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: MLINFRA_API_PORT")

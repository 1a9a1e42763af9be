from __future__ import annotations

from contextlib import closing
from pathlib import Path
from socket import socket

import pytest

from mlinfra_assets import cli


def test_it_does_not_open_to_other_machines_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_API_HOST", "0.0.0.0")  # noqa: S104 - refused
    assert cli.run(["api", "--home", str(tmp_path / "home")]) == 1
    assert "mlinfra api key create" in capsys.readouterr().err


def test_a_taken_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("MLINFRA_API_PORT", str(taken.getsockname()[1]))
        assert cli.run(["api", "--home", str(tmp_path / "home")]) == 1
    assert "MLINFRA_API_PORT" in capsys.readouterr().err


def test_a_redis_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_REDIS_URL", "redis://127.0.0.1:9/0")
    assert cli.run(["api", "--home", str(tmp_path / "home")]) == 1
    assert "error: Redis at 127.0.0.1:9 cannot be reached" in capsys.readouterr().err

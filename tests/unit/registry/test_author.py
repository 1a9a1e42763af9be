from __future__ import annotations

import pytest

from mlinfra_assets.registry.author import AUTOMATION, author


@pytest.fixture(autouse=True)
def no_automation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AUTOMATION:
        monkeypatch.delenv(name, raising=False)


def test_the_person_behind_a_ci_run_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "runner")
    assert author() == "runner"
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ann")
    assert author() == "ann"


def test_a_user_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert author() == "unknown"

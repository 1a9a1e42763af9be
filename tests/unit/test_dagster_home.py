from __future__ import annotations

from pathlib import Path

import dagster as dg

from mlinfra_assets.dagster_home import prepare


def test_dagster_accepts_it_with_telemetry_off_and_run_monitoring_on(tmp_path: Path) -> None:
    folder = tmp_path / "it's a home"
    assert prepare(folder) == folder / "dagster.yaml"
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled
        assert Path(instance.storage_directory()).is_relative_to(folder)


def test_what_a_person_wrote_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")
    prepare(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry:\n  enabled: true\n"

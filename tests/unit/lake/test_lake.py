from __future__ import annotations

from pathlib import Path

import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.object_store import options_from
from tests.support.lake_rows import BY, numbered, numbers


def test_a_lake_lists_its_tables(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    assert lake.tables() == []
    for name in ("raw/lines", "raw/lines_releases", "features/customers"):
        lake.table(name).append(numbered(0, 0), provenance=BY, partition_by=["number"])
    (tmp_path / "lake" / "notes").mkdir()
    assert lake.tables() == ["features/customers", "raw/lines", "raw/lines_releases"]


@pytest.mark.parametrize("name", ["", "../other", "/etc", "raw/../../x", "raw//x", "raw/", "a b", "s3://x", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError, match="is not the name of a table"):
        Lake(str(tmp_path)).table(name)


@pytest.mark.parametrize("folder", ["a[1]", "a%41b", "a^b", "a|b", "a\\b"])
def test_a_folder_that_would_be_mistaken_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(InvalidInputError, match="tables cannot be kept in the folder"):
        Lake(str(tmp_path / folder))


def test_a_folder_with_unusual_characters_works(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "Ünser Läke #1, 100% (x=y) {z}?*"))
    lines = lake.table("raw/lines")
    lines.append(numbered(0, 3), provenance=BY)
    assert numbers(lines) == [0, 1, 2, 3]
    assert lake.tables() == ["raw/lines"]


def test_another_scheme_than_s3_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a folder or an s3:// address"):
        Lake("gs://bucket/lake")


def test_options_of_the_object_store_come_from_the_aws_variables() -> None:
    environment = {"AWS_ACCESS_KEY_ID": "k", "AWS_ENDPOINT_URL_S3": "http://localhost:9", "HOME": "/", "AWS_REGION": ""}
    assert options_from(environment) == {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_ENDPOINT_URL_S3": "http://localhost:9",
        "AWS_ENDPOINT_URL": "http://localhost:9",
        "AWS_ALLOW_HTTP": "true",
    }


def test_a_kept_lake_opens_a_table_once_and_sees_what_others_commit(tmp_path: Path) -> None:
    kept, others = Lake(str(tmp_path)).kept(), Lake(str(tmp_path))
    assert kept.table("raw/lines") is kept.table("raw/lines")
    assert others.table("raw/lines") is not others.table("raw/lines")
    assert not kept.table("raw/lines").exists()
    others.table("raw/lines").append(numbered(0, 3), provenance=BY)
    assert numbers(kept.table("raw/lines")) == [0, 1, 2, 3]
    others.table("raw/lines").append(numbered(4, 5), provenance=BY)
    others.table("raw/lines").checkpoint()
    assert numbers(kept.table("raw/lines")) == [0, 1, 2, 3, 4, 5]


def test_a_kept_table_sees_commits_whose_log_files_are_gone(tmp_path: Path) -> None:
    kept = Lake(str(tmp_path)).kept().table("raw/lines")
    kept.append(numbered(0, 3), provenance=BY)
    others = Lake(str(tmp_path)).table("raw/lines")
    others.append(numbered(4, 5), provenance=BY)
    others.append(numbered(6, 7), provenance=BY)
    others.checkpoint()
    for version in range(others.version()):  # as another engine's clean-up of the log leaves it
        (tmp_path / "raw" / "lines" / "_delta_log" / f"{version:020d}.json").unlink()
    assert numbers(kept) == list(range(8))

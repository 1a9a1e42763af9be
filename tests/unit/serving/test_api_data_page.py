"""docs/api-data.md: every example on it runs, in its order, on one API with a lake."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.client import NotFoundError
from mlinfra_assets.client.sending import URL
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.features import fs
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.views import push_view
from mlinfra_assets.registry.content import services
from mlinfra_assets.retrieval.store import open_store
from mlinfra_assets.settings import PROJECT, Settings
from tests.support.lake_api import NOW, LakeApi

PAGE = PROJECT / "docs" / "api-data.md"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"\s# (\d{3})$")


def test_every_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    lake_api = LakeApi(Settings(home=home, lake=str(home / "lake")))
    view = fs.views["customer_features"]
    known = services(fs.views, fs.services.values())
    documents = Documents(fs.datasets, load_sources(SOURCES), row_wise_models(), known)
    open_store(lake_api.settings).materialize(view.name, date(2011, 3, 9))
    push_view(lake_api.shop.lake, lake_api.store(), view, documents, NOW, "run")
    (tmp_path / ".curlrc").write_text('write-out = "\\n%{http_code}"\n')
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    ran = 0
    try:
        with lake_api.running() as http:
            url = str(http.base_url).rstrip("/")
            environment = {**os.environ, "API": url, "HOME": str(tmp_path), "no_proxy": "*"}
            monkeypatch.setenv(URL, url)
            for language, text in re.findall(
                r"^```(bash|python)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
            ):
                if language == "python":
                    exec(compile(text, str(PAGE), "exec"), found)  # noqa: S102 - the page's own text
                    continue
                for command in text.splitlines():
                    done = subprocess.run(
                        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
                    )
                    said = STATUS.search(command)
                    expected = int(said[1]) if said else 200
                    assert (done.returncode, int(done.stdout.rpartition("\n")[2])) == (0, expected), done.stdout
                    ran += 1
    finally:
        lake_api.close()
    assert ran == 10
    lines = lake_api.shop.lines.filter(pl.col("customer_id") == 12_001)
    assert found["value"] == lines.filter("is_sale")["invoice_no"].n_unique()
    assert pl.read_parquet("training.parquet").columns == ["customer_id", "event_timestamp", "orders"]
    assert isinstance(found["refused"], NotFoundError)

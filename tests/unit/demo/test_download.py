from __future__ import annotations

import gzip
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from mlinfra_assets.demo.download import DownloadError, Remote, cache_folder, fetch
from mlinfra_assets.errors import InvalidInputError
from tests.support.web_server import Answer, Site, web_server

GOOD = b"date,rate\n" + b"2011-01-03,1.2\n" * 2_000


def verify(path: Path) -> None:
    if not path.read_bytes().startswith(b"date,rate\n"):
        raise InvalidInputError(f"{path} is no table of rates")


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server() as running:
        yield running


def remote(site: Site, path: str = "/data.csv", max_bytes: int = 100_000) -> Remote:
    return Remote(url=site.url + path, name="data.csv", max_bytes=max_bytes, verify=verify)


def refused(what: Remote, cache: Path, *words: str) -> None:
    with pytest.raises(DownloadError) as error:
        fetch(what, cache)
    for word in words:
        assert word in str(error.value)
    assert not list(cache.iterdir())


def test_a_file_is_fetched_once_and_then_taken_from_the_cache(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(GOOD)
    first = fetch(remote(site), tmp_path / "cache")
    second = fetch(remote(site), tmp_path / "cache")
    assert first == second
    assert first.read_bytes() == GOOD
    assert site.asked == ["/data.csv"]
    assert (tmp_path / "cache" / "data.csv.sha256").read_text().strip() == sha256(GOOD).hexdigest()


def test_progress_is_told_in_bytes(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(GOOD)
    told: list[tuple[int, int | None]] = []
    fetch(remote(site), tmp_path, advance=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(GOOD), len(GOOD))


def test_a_cached_file_that_was_changed_is_fetched_again(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(GOOD)
    fetch(remote(site), tmp_path).write_bytes(GOOD[:-4])
    assert fetch(remote(site), tmp_path).read_bytes() == GOOD
    assert len(site.asked) == 2


def test_a_download_that_breaks_off_is_not_kept(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(GOOD[:500], stated=len(GOOD))
    refused(remote(site), tmp_path, "broke off", site.url)
    site.answers["/data.csv"] = Answer(GOOD)
    assert fetch(remote(site), tmp_path).read_bytes() == GOOD


def test_what_is_another_file_is_not_kept(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(b"<html>please log in</html>")
    refused(remote(site), tmp_path, f"{site.url}/data.csv is no table of rates")


def test_a_redirect_on_the_same_host_is_followed(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(status=302, headers={"Location": "/moved/data.csv"})
    site.answers["/moved/data.csv"] = Answer(GOOD)
    assert fetch(remote(site), tmp_path).read_bytes() == GOOD


def test_a_redirect_to_another_host_is_not_followed(site: Site, tmp_path: Path) -> None:
    with web_server() as other:
        other.answers["/data.csv"] = Answer(GOOD)
        site.answers["/data.csv"] = Answer(status=302, headers={"Location": f"{other.url}/data.csv"})
        refused(remote(site), tmp_path, "another host", other.url)
        assert other.asked == []


def test_a_circle_of_redirects_ends(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(status=302, headers={"Location": "/data.csv"})
    refused(remote(site), tmp_path, "redirects more than 3 times")


@pytest.mark.parametrize("stated", [None, -1], ids=["its length stated", "its length unknown"])
def test_a_longer_answer_than_expected_is_refused(site: Site, tmp_path: Path, stated: int | None) -> None:
    site.answers["/data.csv"] = Answer(GOOD, stated=stated)
    refused(remote(site, max_bytes=1_000), tmp_path, "1,000")


def test_a_compressed_answer_is_taken_as_it_is_and_not_unpacked(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(gzip.compress(GOOD), headers={"Content-Encoding": "gzip"})
    refused(remote(site), tmp_path, "is no table of rates")


def test_an_error_status_is_named(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(status=503)
    refused(remote(site), tmp_path, "503")


def test_no_network_is_said(site: Site, tmp_path: Path) -> None:
    nobody = Remote(url="http://127.0.0.1:9/data.csv", name="data.csv", max_bytes=10, verify=verify)
    refused(nobody, tmp_path, "http://127.0.0.1:9/data.csv cannot be reached")
    unknown = Remote(url="http://nowhere.invalid/data.csv", name="data.csv", max_bytes=10, verify=verify)
    refused(unknown, tmp_path, "http://nowhere.invalid/data.csv cannot be reached")


def test_a_cache_that_cannot_be_written_is_named(site: Site, tmp_path: Path) -> None:
    site.answers["/data.csv"] = Answer(GOOD)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DownloadError, match=r"cache cannot keep data\.csv"):
        fetch(remote(site), tmp_path / "cache")


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mlinfra"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)

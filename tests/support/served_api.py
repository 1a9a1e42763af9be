"""The API in a process of its own, as `mlinfra api` runs it, and callers that ask it for predictions all at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Self

import httpx
import numpy as np

from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.settings import PROJECT, Settings
from tests.support.closed_port import closed_port
from tests.support.online import epoch_of, push
from tests.support.served_shop import INPUTS, KEYS, LINES, VIEW, WHOLE


def load(store: OnlineStore) -> None:
    """A view and a model, as the hook would have pushed them."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, len(INPUTS))).astype(np.float32)
    fitted = GradientBoosting(iterations=5, min_leaf=5).fit(features, (features[:, 0] > 0).astype(np.int64))
    push(store, VIEW, LINES, WHOLE)
    store.push_model("churn", "v1", to_onnx(fitted, "churn", INPUTS), INPUTS, epoch_of(LINES))


class ApiProcess:
    """`mlinfra api` on a home.

    Args:
        settings: What it runs with.
        before: Words before the command.
    """

    def __init__(self, settings: Settings, before: Sequence[str] = ()) -> None:
        self._settings = settings
        self._before = list(before)
        self.port = closed_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it is ready."""
        environment = {**os.environ, **self._settings.to_environment(), "MLINFRA_API_PORT": str(self.port)}
        command = [*self._before, sys.executable, "-m", "mlinfra_assets.cli", "api"]
        self._process = subprocess.Popen(command, cwd=PROJECT, env=environment)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=60).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        self.stop()
        raise AssertionError("the API did not come up")

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        assert self._process.wait() == -signal.SIGKILL

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    def waiting(self) -> int:
        """How many predictions wait for their stream."""
        return httpx.get(f"{self.url}/health/ready", trust_env=False, timeout=60).json()["predictions_waiting"]


class Callers:
    """Ask for predictions over several connections until they are told to stop.

    Attributes:
        answered: Ids of the predictions that were answered.
        refused: Status codes of answers that were none.
    """

    def __init__(self, url: str, connections: int) -> None:
        self.answered: list[str] = []
        self.refused: list[int] = []
        self._url = url
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(n,), daemon=True) for n in range(connections)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def until(self, count: int) -> None:
        """Wait until so many more predictions are answered."""
        wanted, deadline = len(self.answered) + count, time.monotonic() + 180
        while len(self.answered) < wanted:
            assert time.monotonic() < deadline, f"{len(self.answered)} of {wanted} answered, refused {self.refused[:3]}"
            time.sleep(0.005)

    def _call(self, number: int) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=60) as client:
            while not self._stopping.is_set():
                body = {"entities": [{"customer_id": key} for key in KEYS[number % 5 : number % 5 + 3]]}
                try:
                    answer = client.post("/v1/predict/churn", json=body)
                except httpx.HTTPError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.answered += [one["prediction_id"] for one in answer.json()["predictions"]]
                else:
                    self.refused.append(answer.status_code)

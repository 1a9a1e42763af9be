"""What the API counts, in Prometheus's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies' buckets, seconds."""

Measured = tuple[str, str, dict[str, str], float]
"""A number of the moment: its name, what it is, its labels, and itself."""
Measure = Callable[[], Iterable[Measured]]


class Metrics:
    """The numbers of one process.

    Attributes:
        working: Requests that are being worked on.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.working = 0
        register = self.registry
        self._requests = Counter(
            "mlinfra_api_requests",
            "Requests, by declared address and status.",
            ["address", "status"],
            registry=register,
        )
        self._entities = Counter(
            "mlinfra_api_entities", "Entities asked about, and records sent.", ["address"], registry=register
        )
        self._seconds = Histogram(
            "mlinfra_api_request_seconds",
            "Time from a request's headers to its answer.",
            ["address"],
            buckets=BUCKETS,
            registry=register,
        )
        Gauge("mlinfra_api_requests_in_progress", "Requests being worked on.", registry=register).set_function(
            lambda: self.working
        )
        self._known: dict[tuple[str, int], tuple[Counter, Counter, Histogram]] = {}

    def count(self, address: str, status: int, seconds: float, entities: int) -> None:
        """Take up one request."""
        known = self._known.get((address, status))
        if known is None:
            known = (
                self._requests.labels(address, str(status)),
                self._entities.labels(address),
                self._seconds.labels(address),
            )
            self._known[address, status] = known
        known[0].inc()
        if entities:
            known[1].inc(entities)
        known[2].observe(seconds)

    def measure(self, measure: Measure) -> None:
        """Have numbers of the moment asked for whenever the metrics are read."""
        self.registry.register(_Measured(measure))

    def text(self) -> bytes:
        """All of it, in Prometheus's text form."""
        return generate_latest(self.registry)


class _Measured:
    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def describe(self) -> list[Metric]:
        """Nothing beforehand: what there is to measure changes."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The numbers of the moment, those of one name together."""
        families: dict[str, GaugeMetricFamily] = {}
        for name, what, labels, value in self._measure():
            family = families.setdefault(name, GaugeMetricFamily(name, what, labels=list(labels)))
            family.add_metric(list(labels.values()), value)
        yield from families.values()

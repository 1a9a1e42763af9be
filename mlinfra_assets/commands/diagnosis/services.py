"""Redis, Kafka and the schema registry, and what the online store holds."""

from __future__ import annotations

from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State, broken
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.settings import Settings


def redis_server(settings: Settings) -> Iterator[Finding]:
    """Whether Redis answers, and how full it is."""
    from mlinfra_assets.redis_server import connect

    area = "Redis"
    kind = "the server that MLINFRA_REDIS_URL names" if settings.redis_url else "embedded"
    try:
        info = connect(settings).info()
    except MlinfraError as error:
        yield broken(area, "server", error)
        return
    assert isinstance(info, dict)  # noqa: S101 - the client is a synchronous one
    yield Finding(area, "server", f"{kind}, version {info['redis_version']}")
    limit = int(info["maxmemory"])
    used = f"{info['used_memory'] / 1024**2:.0f} MiB"
    room = f" of {limit / 1024**2:.0f} MiB" if limit else ""
    full = bool(limit) and info["used_memory"] > 0.9 * limit
    remedy = "raise MLINFRA_REDIS_MAXMEMORY: at its limit Redis refuses to write" if full else ""
    yield Finding(area, "memory", used + room, State.NOTE if full else State.OK, remedy)
    policy = info["maxmemory_policy"]
    if policy != "noeviction":
        remedy = "set maxmemory-policy to noeviction on the server: it drops features and events silently"
        yield Finding(area, "eviction", str(policy), State.BROKEN, remedy)
    if not int(info.get("aof_enabled", 0)):
        remedy = "set appendonly to yes on the server: events are lost when it is killed"
        yield Finding(area, "append-only file", "off", State.NOTE, remedy)


def kafka_brokers(settings: Settings) -> Iterator[Finding]:
    """Whether Kafka answers, if the settings name any brokers."""
    if not settings.kafka_servers:
        return
    from mlinfra_assets.streams.kafka_topics import KafkaTopics

    area = "Kafka"
    try:
        brokers = KafkaTopics(settings).brokers()
    except MlinfraError as error:
        yield broken(area, "brokers", error)
        return
    how = settings.kafka_security_protocol
    yield Finding(area, "brokers", f"{len(brokers)} up ({how}): {', '.join(brokers)}")


def schema_registry(settings: Settings) -> Iterator[Finding]:
    """Whether the schema registry answers, if the settings name one."""
    from mlinfra_assets.connectors.schema_registry import SchemaRegistry

    area = "Schema registry"
    try:
        registry = SchemaRegistry.of(settings)
        if registry is not None:
            yield Finding(area, registry.url, f"{registry.subjects():,} subjects")
    except MlinfraError as error:
        yield broken(area, "registry", error)


def online_store(settings: Settings) -> Iterator[Finding]:
    """The feature views and the models that Redis serves."""
    from mlinfra_assets.clock import from_micros
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect

    area = "Online store"
    try:
        store = OnlineStore(connect(settings))
        views, models = store.views(), {name: store.model_version(name) for name in store.models()}
    except MlinfraError as error:
        yield broken(area, "views", error)
        return
    if not views:
        remedy = "materialize features/<view>, or online/<view> to load what is there"
        yield Finding(area, "views", "none is loaded", State.NOTE, remedy)
    for view in views:
        known = f"{from_micros(view.epoch):%Y-%m-%d %H:%M}"
        yield Finding(area, view.name, f"version {view.version}, {view.entities:,} entities, known up to {known}")
    for name, version in models.items():
        yield Finding(area, name, f"model version {version}")

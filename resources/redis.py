"""Redis as a resource: the online store, and the embedded streams, live in the same server."""

from pathlib import Path

import dagster as dg
import redis
from pydantic import ConfigDict, Field

from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings

REDIS_URL = Field(
    default="",
    description="Address of a Redis server; empty: the embedded one of the home folder.",
    json_schema_extra={"dagster__is_secret": True},
)


class RedisResource(dg.ConfigurableResource):
    """A Redis server.

    Attributes:
        home: Home folder, where the embedded server keeps its data.
        redis_url: Address of a Redis server; empty: the embedded one.
        redis_maxmemory: Memory limit of the embedded server.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: str
    redis_url: str = REDIS_URL
    redis_maxmemory: str = "2gb"

    def client(self) -> redis.Redis:
        """A fresh connection; the embedded server is started if it does not run."""
        settings = Settings(home=Path(self.home), redis_url=self.redis_url, redis_maxmemory=self.redis_maxmemory)
        return connect(settings)


class OnlineStoreResource(RedisResource):
    """The online store."""

    def open(self) -> OnlineStore:
        """The store, on a fresh connection."""
        return OnlineStore(self.client())

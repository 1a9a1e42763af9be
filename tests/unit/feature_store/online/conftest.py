"""A Redis for the tests of the online store."""

from tests.support.online import client, redis_server, store

__all__ = ["client", "redis_server", "store"]

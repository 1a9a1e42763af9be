"""Which systems the graph runs against: embedded by default, real by setting."""

import dagster as dg

from mlinfra_assets.settings import Settings
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.redis import OnlineStoreResource
from resources.streams import StreamResource, stream_fields


def resources_for(settings: Settings) -> dict[str, dg.ConfigurableResource]:
    """The resources, by the name that assets and sensors ask for."""
    home = str(settings.home)
    redis = {"home": home, "redis_url": settings.redis_url, "redis_maxmemory": settings.redis_maxmemory}
    return {
        "clock": ClockResource(home=home),
        "lake": LakeResource(root=settings.lake),
        "streams": StreamResource(**stream_fields(settings)),
        "online_store": OnlineStoreResource(**redis),
    }

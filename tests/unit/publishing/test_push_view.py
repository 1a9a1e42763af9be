"""What a push of a view brings online with it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from mlinfra_assets.feature_store.online.services import OnlineService
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.views import push_view
from mlinfra_assets.registry.content import RegisteredService
from tests.support.online import client, redis_server, store
from tests.support.snapshot_shop import documents as shop_documents
from tests.support.snapshot_shop import habits, snapshot_shop

__all__ = ["client", "redis_server", "store"]

NOW = datetime(2011, 6, 1, tzinfo=UTC)


def test_a_push_names_its_run_and_brings_the_declared_services(store: OnlineStore, tmp_path):
    shop, view = snapshot_shop(tmp_path), habits()
    shop.materialize([date(2011, 2, 1)], view)
    plain = shop_documents()
    service = RegisteredService("basics", (f"{view.name}:lines",), "team:retention", "How many.", "use habits")
    documents = Documents(plain.datasets, plain._sources, plain._staging, [service])
    push_view(shop.lake, store, view, documents, NOW, "run-17")
    assert store.views()[0].run == "run-17"
    assert store.services.all() == [
        OnlineService("basics", service.version, service.features, service.owner, "How many.", "use habits")
    ]

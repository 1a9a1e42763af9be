"""What the API asks of the lake about itself; implements `serving.catalogue.Catalogue`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mlinfra_assets.catalogue.origin import key_frame, origin, way_of_tables
from mlinfra_assets.catalogue.tables import table_json
from mlinfra_assets.catalogue.view_json import described, version_rows, view_row
from mlinfra_assets.catalogue.views import Catalogue
from mlinfra_assets.clock import Clock, from_micros, to_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.errors import DefinitionError, RetrievalError
from mlinfra_assets.feature_store.online.keys import INT64_MAX, INT64_MIN
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.retrieval import old_versions
from mlinfra_assets.serving.catalogue import Kind, NotThereError, Page
from mlinfra_assets.settings import Settings


class LakeCatalogue:
    """What is declared here and what a lake holds.

    Args:
        lake: The lake.
        catalogue: Makes a fresh catalogue of views: what is registered changes while the API runs.
        clock: Says what now is.
    """

    def __init__(self, lake: Lake, catalogue: Callable[[], Catalogue], clock: Clock) -> None:
        self._lake = lake
        self._open = catalogue
        self._clock = clock

    def page(self, kind: Kind, after: str, limit: int) -> Page:
        """As `serving.catalogue.Catalogue.page`."""
        catalogue = self._open()
        if kind == "entities":
            entities = _entities(catalogue)
            return _page(entities, after, limit, lambda name: entities[name])
        if kind == "views":
            return _page(catalogue.names(), after, limit, lambda name: view_row(catalogue, name))
        if kind == "services":
            services = {service.name: service for service in catalogue.services}
            return _page(services, after, limit, lambda name: _service(services[name]))
        return _page(catalogue.models, after, limit, lambda name: self._model(catalogue, name))

    def view(self, name: str, version: str | None) -> dict[str, Any]:
        """As `serving.catalogue.Catalogue.view`."""
        catalogue = self._open()
        try:
            return described(catalogue, catalogue.version(name, version))
        except DefinitionError:
            raise
        except InvalidInputError as error:
            raise NotThereError(str(error)) from error

    def history(self, name: str) -> list[dict[str, Any]]:
        """As `serving.catalogue.Catalogue.history`."""
        catalogue = self._open()
        try:
            catalogue.check(name)
        except InvalidInputError as error:
            raise NotThereError(str(error)) from error
        return version_rows(catalogue, name)

    def tables(self, after: str, limit: int) -> Page:
        """As `serving.catalogue.Catalogue.tables`."""
        catalogue, now = self._open(), self._clock.now()
        return _page(self._lake.tables(), after, limit, lambda name: table_json(self._lake, name, catalogue, now))

    def table(self, name: str) -> dict[str, Any]:
        """As `serving.catalogue.Catalogue.table`."""
        known = self._lake.tables()
        if name not in known:
            raise NotThereError(f"there is no table {name!r}{nearest(name, known)}")
        return table_json(self._lake, name, self._open(), self._clock.now())

    def origin(
        self,
        view: str,
        feature: str,
        entity: Mapping[str, str],
        at: datetime | None,
        known: datetime | None,
        limit: int,
    ) -> dict[str, Any]:
        """As `serving.catalogue.Catalogue.origin`."""
        t = to_micros(self._clock.now() if at is None else at)
        k = t if known is None else to_micros(known)
        catalogue = self._open()
        found, version = self._version(catalogue, view, feature)
        keys = key_frame(found, _typed(found, entity))
        reader = LakeReader(self._lake, {**old_versions.datasets_of([found])})
        made = origin(found, feature, keys, t, k, reader, ProductionScores(self._lake))
        return {
            "view": found.name,
            "version": version,
            "feature": feature,
            "computed_as": text_of(found.feature(feature).node),
            "entity": keys.row(0, named=True),
            "at": from_micros(t),
            "known_at": from_micros(k),
            "value": made.value,
            "status": "null" if made.status == "present" and made.value is None else made.status,
            "event_time": None if made.latest is None else from_micros(made.latest),
            "source": found.dataset.source,
            "rows": made.rows.head(limit).to_dicts(),
            "rows_in_all": made.rows.height,
            "looks_up": [f"{node.view}:{node.feature}" for node in found.lookups],
            "tables": way_of_tables(self._lake, reader.inputs),
        }

    def _version(self, catalogue: Catalogue, view: str, feature: str) -> tuple[FeatureView, str]:
        """A view, or `view@version`, that has this feature; and its version."""
        name, _, digits = view.partition("@")
        try:
            found = catalogue.version(name, digits or None).document
            found.view.feature(feature)
        except InvalidInputError as error:
            raise NotThereError(str(error)) from error
        old_versions.check_columns(found.view, self._lake, old_versions.datasets_of([found.view]))
        return found.view, found.version

    def _model(self, catalogue: Catalogue, name: str) -> dict[str, Any]:
        spec, kept = catalogue.models[name], ModelStore(self._lake, name)
        promotions = kept.promotions.all()
        return {
            "model": name,
            "owner": spec.owner,
            "description": spec.description,
            "entity": spec.entity.name,
            "features": list(spec.features),
            "versions": kept.versions(),
            "production": promotions[-1].version if promotions else None,
            "promotions": [
                {"version": one.version, "promoted_at": one.promoted_at, "why": one.why} for one in promotions
            ],
        }


def open_lake_catalogue(settings: Settings, clock: Clock) -> LakeCatalogue:
    """The catalogue over the lake of these settings and over what is declared here."""
    from mlinfra_assets.catalogue.views import open_catalogue

    return LakeCatalogue(Lake(settings.lake), lambda: open_catalogue(settings), clock)


def _page(names: Any, after: str, limit: int, item: Callable[[str], dict[str, Any]]) -> Page:  # noqa: ANN401 - any iterable of names
    ordered = sorted(names)
    begin = bisect_right(ordered, after) if after else 0
    taken = ordered[begin : begin + limit]
    more = begin + limit < len(ordered)
    return Page([item(name) for name in taken], taken[-1] if more and taken else None, len(ordered))


def _entities(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for view in catalogue.views.values():
        for entity in view.entities:
            row = {
                "entity": entity.name,
                "join_keys": {key: str(view.key_schema[key]) for key in entity.join_keys},
                "description": entity.description,
                "views": [],
            }
            found.setdefault(entity.name, row)["views"].append(view.name)
    return found


def _service(service: Any) -> dict[str, Any]:  # noqa: ANN401 - a RegisteredService
    return {
        "service": service.name,
        "version": service.version,
        "features": list(service.features),
        "owner": service.owner,
        "description": service.description,
        "deprecated": service.deprecated or None,
    }


def _typed(view: FeatureView, entity: Mapping[str, str]) -> dict[str, object]:
    strange = [name for name in entity if name not in view.join_keys]
    missing = [name for name in view.join_keys if name not in entity]
    if strange or missing:
        problem = f"has no join key {strange[0]!r}" if strange else f"needs the join key {missing[0]!r}"
        raise RetrievalError(f"view {view.name} {problem}; its keys are {', '.join(view.join_keys)}")
    return {name: _key(view, name, entity[name]) for name in view.join_keys}


def _key(view: FeatureView, name: str, text: str) -> object:
    if view.key_schema[name].kind != "int64":
        return text
    try:
        number = int(text)
    except ValueError:
        number = INT64_MAX + 1
    if not INT64_MIN <= number <= INT64_MAX:
        raise RetrievalError(f"key {name} of view {view.name} is an integer of 64 bits, and {text[:40]!r} is none")
    return number

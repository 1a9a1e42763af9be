"""Every feature view that is declared or registered, with its versions and with who uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.registry.content import RegisteredService
from mlinfra_assets.registry.registered import Registered
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.settings import Settings

DECLARED, NEWEST = "declared", "newest"
SHORTEST = 4


@dataclass(frozen=True)
class Use:
    """Who uses features of a view.

    Attributes:
        kind: A model that takes them, a service that hands them out, or another view that looks them up.
        name: Its name.
        features: The features of the view that it uses, in its order.
    """

    kind: Literal["model", "service", "view"]
    name: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class Version:
    """A version of a view that can be looked at.

    Attributes:
        document: All of it.
        registered: Its registration; None if it is declared alone.
    """

    document: ViewDocument
    registered: Registered | None


class Catalogue:
    """What is declared here, beside what the lake's registry holds.

    Args:
        views: The declared views by name.
        documents: Makes their documents.
        services: The declared services.
        models: The declared models by name.
        sources: The declared sources by name.
        registry: What is registered.
    """

    def __init__(
        self,
        views: Mapping[str, FeatureView],
        documents: Documents,
        services: tuple[RegisteredService, ...],
        models: Mapping[str, ModelSpec],
        sources: Mapping[str, Source],
        registry: Registry,
    ) -> None:
        self.views = views
        self.services = services
        self.models = models
        self.sources = sources
        self._documents = documents
        self._registry = registry

    @cached_property
    def entries(self) -> dict[str, list[Registered]]:
        """The registered versions of each view, in the order of their registration."""
        found: dict[str, list[Registered]] = {}
        for entry in self._registry.views():
            found.setdefault(entry.name, []).append(entry)
        return found

    def names(self) -> list[str]:
        """Every view: those that are declared, in their order, then those that were."""
        return list(dict.fromkeys((*self.views, *self.entries)))

    def check(self, name: str) -> None:
        """Refuse a view that nobody has heard of.

        Raises:
            InvalidInputError: Names the nearest one.
        """
        if name not in self.names():
            raise InvalidInputError(f"there is no feature view {name!r}{nearest(name, self.names())}")

    def declared(self, name: str) -> Version | None:
        """The version that is declared now; None if the view no longer is."""
        if name not in self.views:
            return None
        document = self._documents.document(self.views[name])
        entry = next((e for e in self.entries.get(name, []) if e.version == document.version), None)
        return Version(document, entry)

    def newest(self, name: str) -> Version | None:
        """The version that was registered last; None if none was."""
        entries = self.entries.get(name)
        return Version(ViewDocument.from_json(entries[-1].document), entries[-1]) if entries else None

    def version(self, name: str, version: str | None = None) -> Version:
        """A version of a view: `declared`, `newest`, or the first digits of one; default the declared one.

        Raises:
            InvalidInputError: There is no such view or version; the message names those that there are.
            DefinitionError: The registered document cannot be read.
        """
        self.check(name)
        declared = self.declared(name)
        if version is None:
            found = declared or self.newest(name)
        elif version in {DECLARED, NEWEST}:
            found = declared if version == DECLARED else self.newest(name)
        else:
            found = self._by_digits(name, version, declared)
        if found is None:
            state = "no longer declared" if version == DECLARED else "not registered yet"
            raise InvalidInputError(f"feature view {name} is {state}; its versions: {self._known(name)}")
        return found

    def users(self, name: str) -> list[Use]:
        """The models, services and other views that use a view's features."""
        models = [Use("model", m.name, features_of(name, m.features)) for m in self.models.values()]
        services = [Use("service", s.name, features_of(name, s.features)) for s in self.services]
        views = [Use("view", v.name, _looked_up(v, name)) for v in self.views.values()]
        return [use for use in (*models, *services, *views) if use.features]

    def _by_digits(self, name: str, digits: str, declared: Version | None) -> Version | None:
        known = {entry.version: entry for entry in self.entries.get(name, [])}
        versions = {*known, *([declared.document.version] if declared else [])}
        found = sorted(v for v in versions if v == digits or (len(digits) >= SHORTEST and v.startswith(digits)))
        if len(found) != 1:
            problem = "has no version" if not found else "has several versions that begin with"
            raise InvalidInputError(f"feature view {name} {problem} {digits!r}; there are: {self._known(name)}")
        if declared is not None and found[0] == declared.document.version:
            return declared
        return Version(ViewDocument.from_json(known[found[0]].document), known[found[0]])

    def _known(self, name: str) -> str:
        declared = self.declared(name)
        versions = [entry.version for entry in self.entries.get(name, [])]
        if declared is not None and declared.registered is None:
            versions.append(f"{declared.document.version} (declared)")
        return ", ".join(versions)


def open_catalogue(settings: Settings) -> Catalogue:
    """The catalogue of what this code declares and of what the lake of these settings holds."""
    from mlinfra_assets.contracts.declaration import load_sources
    from mlinfra_assets.curated.row_wise import row_wise_models
    from mlinfra_assets.datasets import SOURCES
    from mlinfra_assets.features import fs
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.models import declared
    from mlinfra_assets.registry.content import services
    from mlinfra_assets.registry.publication import Publication

    known = services(fs.views, fs.services.values())
    sources = load_sources(SOURCES)
    registry = Registry(Lake(settings.lake))
    documents = Documents(fs.datasets, sources, row_wise_models(), known, Publication(registry).contracts)
    return Catalogue(fs.views, documents, known, declared(), sources, registry)


def features_of(view: str, features: Sequence[str]) -> tuple[str, ...]:
    """Those of some `"view:feature"` that are of a view, by their own name."""
    return tuple(feature.partition(":")[2] for feature in features if feature.partition(":")[0] == view)


def _looked_up(view: FeatureView, name: str) -> tuple[str, ...]:
    """The features of the view of this name that a view looks up."""
    return tuple(dict.fromkeys(lookup.feature for lookup in view.lookups if lookup.view == name))

"""What differs between two versions of a feature view: features in words, keys, dataset, and all that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.duration import format_duration
from mlinfra_assets.feature_store.node_json import node_to_dict
from mlinfra_assets.feature_store.nodes import Node, Python, walk
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of
from mlinfra_assets.registry.change import Change, Part
from mlinfra_assets.registry.contract_diff import contract_changes

RESTING: Mapping[str, Part] = {"sql": "sql", "contract": "contract"}
ANY_AGE = "any age"


def changes(before: ViewDocument, after: ViewDocument) -> tuple[Change, ...]:
    """Everything that differs, what decides values first. Empty exactly if the documents say the same.

    Two versions that differ always have a change that decides values.
    """
    old, new = before.view, after.view
    found = [
        *_features(old, new),
        *_one("ttl", _ttl(old), _ttl(new)),
        *_named("entity", _entities(old), _entities(new)),
        *_named("key", _types(old.key_schema), _types(new.key_schema)),
        *_dataset(old, new),
        *_rests_on(before, after),
        *_uses(before, after),
    ]
    if before.version != after.version and not found:
        found.append(Change("definition", "", before.version, after.version))
    return (*found, *_prose(old, new))


def sql_difference(before: ViewDocument, after: ViewDocument) -> list[str]:
    """The lines of the compiled SQL that differ, as a unified diff with three lines around; empty if none do."""
    old, new = ((d.sql or "").splitlines() for d in (before, after))
    return list(unified_diff(old, new, before.version, after.version, lineterm=""))


def _features(old: FeatureView, new: FeatureView) -> Iterator[Change]:
    before, after = {f.name: f.node for f in old.features}, {f.name: f.node for f in new.features}
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield Change("feature", name, text_of(before[name]), None)
        elif name not in before:
            yield Change("feature", name, None, text_of(after[name]))
        elif (before[name], old.schema[name]) != (after[name], new.schema[name]):
            yield Change("feature", name, *_two_wordings(old, new, name))
    kept = [name for name in before if name in after]
    order = [name for name in after if name in before]
    if kept != order:
        yield Change("order", "", ", ".join(kept), ", ".join(order))


def _two_wordings(old: FeatureView, new: FeatureView, name: str) -> tuple[str, str]:
    """A feature in words before and after: as many as it takes to tell them apart."""
    before, after = old.feature(name).node, new.feature(name).node
    kinds = old.schema[name], new.schema[name]
    wordings = (
        (text_of(before), text_of(after)),
        (f"{text_of(before)}, {kinds[0]}", f"{text_of(after)}, {kinds[1]}"),
        (_with_sources(before), _with_sources(after)),
        (canonical_json(node_to_dict(before)), canonical_json(node_to_dict(after))),
    )
    return next(pair for pair in wordings if pair[0] != pair[1])


def _with_sources(node: Node) -> str:
    """An expression in words, and the text of each Python function in it."""
    sources = dict.fromkeys(part.source.rstrip() for part in walk(node) if isinstance(part, Python))
    return "\n".join((text_of(node), *sources))


def _ttl(view: FeatureView) -> str:
    return ANY_AGE if view.ttl is None else format_duration(view.ttl)


def _entities(view: FeatureView) -> dict[str, str]:
    return {entity.name: f"by {', '.join(entity.join_keys)}" for entity in view.entities}


def _types(schema: Mapping[str, object]) -> dict[str, str]:
    return {name: str(kind) for name, kind in schema.items()}


def _dataset(old: FeatureView, new: FeatureView) -> Iterator[Change]:
    before, after = old.dataset, new.dataset
    yield from _one("dataset", f"{before.name} of source {before.source}", f"{after.name} of source {after.source}")
    columns = [
        {name: str(kind) for name, kind in view.dataset.columns.items() if name not in view.join_keys}
        for view in (old, new)
    ]
    yield from _named("column", *columns)
    yield from _one("primary key", _listed(before.primary_key), _listed(after.primary_key))
    yield from _one("deletes", before.deletes, after.deletes)


def _rests_on(before: ViewDocument, after: ViewDocument) -> Iterator[Change]:
    for change in _named("rests on", before.rests_on, after.rests_on):
        kind, _, name = change.name.partition(" ")
        part = RESTING.get(kind, change.part)
        yield Change(part, name if kind in RESTING else change.name, change.before, change.after)
        if part == "contract" and change.before and change.after and before.source == after.source == name:
            yield from contract_changes(name, before.contract, after.contract)


def _uses(before: ViewDocument, after: ViewDocument) -> Iterator[Change]:
    """The views whose features are looked up, and what changed in those that stayed."""
    versions = [{name: used.version for name, used in document.uses.items()} for document in (before, after)]
    for change in _named("view", *versions):
        yield change
        if change.before and change.after:
            inner = changes(before.uses[change.name], after.uses[change.name])
            yield from (Change("view", f"{change.name}: {c.what}", c.before, c.after) for c in inner if c.values)


def _prose(old: FeatureView, new: FeatureView) -> Iterator[Change]:
    yield from _one("online", "yes" if old.online else "no", "yes" if new.online else "no")
    yield from _one("deprecated", old.deprecated or None, new.deprecated or None)
    yield from _one("owner", old.owner or None, new.owner or None)
    yield from _one("description", old.description or None, new.description or None)
    yield from _named("tag", old.tags, new.tags)
    for name in (e.name for e in new.entities):
        words = [next((e.description for e in v.entities if e.name == name), "") or None for v in (old, new)]
        if name in {e.name for e in old.entities}:
            yield from _one("description", *words, name=f"of {name}")


def _one(part: Part, before: str | None, after: str | None, name: str = "") -> Iterator[Change]:
    if before != after:
        yield Change(part, name, before, after)


def _named(part: Part, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        yield from _one(part, before.get(name), after.get(name), name)


def _listed(names: tuple[str, ...]) -> str | None:
    return ", ".join(names) or None

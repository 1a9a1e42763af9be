"""`/v1/features` in its plain form, answered in the event loop: a list of features, entities, nothing else.

Whatever is not of that form, or does not go as it mostly does, is passed on to the app with its body: validation,
messages, feature services, values that come with a request, views that only the engine evaluates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import orjson
from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlinfra_assets.clock import EPOCH, Clock, to_micros
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.evaluate import NOT_FOUND
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.answer import ViewAnswer
from mlinfra_assets.feature_store.online.cut import Asked, KeysChangedError
from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import STATUSES
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import time
from mlinfra_assets.serving.bodies import MAX_ENTITIES, MAX_FEATURES
from mlinfra_assets.serving.caller import Caller, caller_of
from mlinfra_assets.serving.features import by_view
from mlinfra_assets.serving.frozen import HEADER, frozen_among
from mlinfra_assets.serving.guard import replay
from mlinfra_assets.serving.problems import refuse
from mlinfra_assets.serving.redis_pipe import RedisPipe

PATH = "/v1/features"
_ROUTE = SimpleNamespace(path=PATH)
"""What observes requests asks for their route."""
MOST_LISTS = 1_000
"""Different lists of features that are kept ready."""
MAX_TEXT = 1_024
MAX_NAME = 256


@dataclass(frozen=True)
class _Wanted:
    """A list of features, taken apart.

    Attributes:
        features: Of each view, by name; None: all.
        references: `(view, feature)` as they are asked for; a feature of None: all of the view.
    """

    features: Mapping[str, tuple[str, ...] | None]
    references: Sequence[tuple[str, str | None]]


class PlainFeatures:
    """ASGI middleware, behind what lets requests in.

    Args:
        app: What the rest is passed on to.
        store: Where features are.
        clock: What "now" is.
    """

    def __init__(self, app: ASGIApp, store: OnlineStore, clock: Clock) -> None:
        self._app = app
        self._store = store
        self._clock = clock
        self._pipe = RedisPipe(store.client, scripts.READ)
        self._wanted: dict[tuple[str, ...], _Wanted] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._hanging_up(send))
            return
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST" or not self._pipe.possible:
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = messages[0]["body"] if len(messages) == 1 else b"".join(m.get("body", b"") for m in messages)
        caller = caller_of(scope)
        charged = caller.entities
        try:
            found = await self._answered(scope, body, caller)
        except HTTPException as error:
            scope["route"] = _ROUTE
            await refuse(send, error)
            return
        except (MlinfraError, KeysChangedError):
            found = None
        if found is None:
            caller.gives_back(caller.entities - charged)
            await self._app(scope, replay(messages, receive), send)
            return
        scope["route"] = _ROUTE
        answer, frozen = found
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        if frozen:
            headers.append((HEADER.encode(), ", ".join(sorted(frozen)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _hanging_up(self, send: Send) -> Send:
        """Hang up before the server is told that all is closed: then it ends the loop."""

        async def passed_on(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._pipe.close()
            await send(message)

        return passed_on

    async def _answered(self, scope: Scope, body: bytes, caller: Caller) -> tuple[bytes, Mapping] | None:
        asked = _parsed(scope, body)
        if asked is None:
            return None
        wanted = self._take_apart(asked[0])
        entities = asked[1]
        if not _may(caller, wanted):
            return None
        views = {name: self._store.ready(name) for name in wanted.features}
        keys: dict[str, list[tuple]] = {}
        for name, view in views.items():
            of_view = None if view is None else _keys(entities, view.join_keys)
            if of_view is None:
                return None
            keys[name] = of_view
        named = dict.fromkeys(key for view in views.values() if view is not None for key in view.join_keys)
        if any(len(entity) != len(named) for entity in entities):
            return None
        caller.takes(len(entities))
        # The general way reads the clock and the store in this order, too.
        t = to_micros(self._clock.now())
        questions = {name: Asked(keys[name], features) for name, features in wanted.features.items()}
        cut = self._store.cut(questions)
        opened, fetched = cut.take(await self._pipe.run(cut.keys, cut.args))
        found = self._store.answers(questions, fetched, t, engine=False)
        answers = {name: answer for name, answer in found.items() if answer is not None}
        return _json(wanted, list(named), entities, answers, opened, t) if len(answers) == len(found) else None

    def _take_apart(self, features: Sequence[str]) -> _Wanted:
        listed = tuple(features)
        known = self._wanted.get(listed)
        if known is None:
            parts = [reference.partition(":") for reference in listed]
            known = _Wanted(by_view(listed), [(view, feature or None) for view, _, feature in parts])
            if len(self._wanted) >= MOST_LISTS:
                self._wanted.clear()
            self._wanted[listed] = known
        return known


def _parsed(scope: Scope, body: bytes) -> tuple[list[str], list[dict[str, Any]]] | None:
    """Features and entities of a body in the plain form; None for every other."""
    if (b"content-type", b"application/json") not in scope["headers"]:
        return None
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(found) is not dict or found.keys() != {"features", "entities"}:
        return None
    features, entities = found["features"], found["entities"]
    if type(features) is not list or not 0 < len(features) <= MAX_FEATURES or set(map(type, features)) != {str}:
        return None
    if type(entities) is not list or not 0 < len(entities) <= MAX_ENTITIES or set(map(type, entities)) != {dict}:
        return None
    return (features, entities) if max(map(len, features)) <= MAX_NAME else None


def _may(caller: Caller, wanted: _Wanted) -> bool:
    try:
        caller.needs(access.FEATURES, wanted.features)
    except HTTPException:
        return False
    return True


def _keys(entities: Sequence[dict[str, Any]], names: Sequence[str]) -> list[tuple] | None:
    """The join keys of each entity; None if one is missing or of no type that a key can have."""
    try:
        columns = [[entity[name] for entity in entities] for name in names]
    except KeyError:
        return None
    for column in columns:
        kinds = set(map(type, column))
        if kinds == {str}:
            if max(map(len, column)) > MAX_TEXT:
                return None
        elif kinds != {int}:
            return None
    return list(zip(*columns, strict=True))


def _json(
    wanted: _Wanted,
    named: Sequence[str],
    entities: Sequence[dict[str, Any]],
    answers: Mapping[str, ViewAnswer],
    opened: Mapping[str, OpenBreaker],
    t: int,
) -> tuple[bytes, Mapping]:
    """The answer, as the documented route gives it."""
    by_name = {view: dict(zip(answer.names, answer.values.columns, strict=True)) for view, answer in answers.items()}
    columns: dict[str, list] = {}
    for view, feature in wanted.references:
        if feature is None:
            columns |= {f"{view}:{name}": values for name, values in by_name[view].items()}
        else:
            columns[f"{view}:{feature}"] = by_name[view][feature]
    names = list(columns)
    states = {view: _states(answer) for view, answer in answers.items()}
    in_order = [{name: entity[name] for name in named} for entity in entities] if len(named) > 1 else entities
    rows = zip(*columns.values(), strict=True) if names else [()] * len(entities)
    results = [
        {
            "entity": entity,
            "features": dict(zip(names, values, strict=True)),
            "views": {view: state[i] for view, state in states.items()},
            "scores": {},
        }
        for i, (entity, values) in enumerate(zip(in_order, rows, strict=True))
    ]
    founds = {view: answer.found for view, answer in answers.items()}
    frozen = frozen_among(opened, founds, t) if opened else {}
    body = {"at": time(t), "results": results, "frozen": frozen}
    return orjson.dumps(body, option=orjson.OPT_UTC_Z), frozen


def _states(answer: ViewAnswer) -> list[dict[str, Any]]:
    """What each entity's values rest on, as `answers.view_state` says it."""
    found = answer.found
    watermark = orjson.Fragment(
        orjson.dumps({source: positions.to_dict() for source, positions in sorted(found.watermark.items())})
    )
    version, known_up_to = found.record.version, time(found.epoch)
    return [
        {
            "status": STATUSES[status],
            "version": version,
            "watermark": watermark,
            "known_up_to": known_up_to,
            "latest_event": None if status == NOT_FOUND else EPOCH + timedelta(microseconds=latest),
        }
        for status, latest in zip(answer.values.status, answer.values.latest, strict=True)
    ]

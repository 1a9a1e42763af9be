"""Outcomes as a request sends them: whose model they are of, and the id of those that bring none."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import orjson

ID = "outcome_id"


def models_of(records: Sequence[bytes]) -> list[str]:
    """The models that outcomes name, each once; what names none is for the contract to refuse."""
    named = (_fields(record).get("model") for record in records)
    return list(dict.fromkeys(model for model in named if isinstance(model, str)))


def with_id(record: bytes) -> bytes:
    """The outcome with an id; its other bytes stay as they are.

    That of a prediction is named for the prediction; that of an entity for the model, the entity and the moment. So the
    same outcome sent again is the same outcome, and another label for it is a correction.
    """
    fields = _fields(record)
    if not fields or ID in fields:
        return record
    name = fields.get("prediction_id")
    if not isinstance(name, str):
        about = [fields.get("model"), fields.get("entity"), fields.get("observed_at")]
        name = sha256(orjson.dumps(about, option=orjson.OPT_SORT_KEYS)).hexdigest()
    at = record.index(b"{") + 1
    return record[:at] + orjson.dumps(ID) + b":" + orjson.dumps(name) + b"," + record[at:]


def _fields(record: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(record)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}

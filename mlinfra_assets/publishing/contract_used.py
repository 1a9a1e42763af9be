"""What a feature view uses of a contract, and since which published version that has been the same.

A view's version rests on its source's contract, but a contract may grow by fields that the view never reads. So the
version names the earliest published contract from which on nothing that the view uses has changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence

from mlinfra_assets.contracts.canonical import without_prose
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.curated.row_wise import RowWiseModel
from mlinfra_assets.feature_store.view import FeatureView

TIMES = ("event_time", "timezone", "ambiguous", "history_lag_us", "primary_key")


def contract_of_use(declared: Contract, published: Sequence[Contract], reads: Collection[str]) -> Contract:
    """The earliest published contract from which on all that is read is as it is declared; else the declared one.

    Args:
        declared: The contract as it is declared now.
        published: The published ones, oldest first; the declared one may be among them.
        reads: Names of the fields that are read.
    """
    known = [contract.fingerprint for contract in published]
    upto = known.index(declared.fingerprint) if declared.fingerprint in known else len(published)
    wanted, found = _used(declared, reads), declared
    for contract in reversed(published[:upto]):
        if _used(contract, reads) != wanted:
            break
        found = contract
    return found


def fields_read(view: FeatureView, model: RowWiseModel | None, contract: Contract) -> set[str]:
    """The contract's fields that a view reads, itself or through the SQL of its staging model."""
    words = set(view.columns if model is None else re.findall(r"\w+", model.sql))
    return words & {field.name for field in contract.fields}


def _used(contract: Contract, reads: Collection[str]) -> str:
    """All that decides the values of these fields, when their rows happened, and which row replaces which."""
    stored = json.loads(contract.to_json())
    names = {*reads, contract.event_time, *contract.primary_key}
    used = {
        **{key: stored[key] for key in TIMES},
        "fields": [field for field in stored["fields"] if field["name"] in names],
        "row_rules": [
            stored
            for rule, stored in zip(contract.row_rules, stored["row_rules"], strict=True)
            if names & set(rule.reads) and rule.severity == "error"
        ],
    }
    used["fields"].sort(key=lambda field: field["name"])
    return json.dumps(without_prose(used), sort_keys=True)

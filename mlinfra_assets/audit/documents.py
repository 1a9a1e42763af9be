"""Whether a registered view is the one that a prediction names: its version binds all that its values rest on."""

from __future__ import annotations

from hashlib import sha256

import orjson

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.registry import ViewDocument


class DocumentForgedError(MlinfraError):
    """A registered view version whose content is not what its version says."""


def contract_of(document: ViewDocument) -> Contract:
    """The contract that was in force when the version was registered."""
    return Contract.from_json(orjson.dumps(document.contract).decode())


def sql_fingerprint(sql: str) -> str:
    """How a view's version names the SQL that it rests on: 12 hexadecimal digits."""
    return sha256(sql.encode()).hexdigest()[:12]


def check_document(document: ViewDocument, name: str, version: str) -> None:
    """Refuse a document that is not that of the view and version, or whose SQL or contract the version does not bind.

    Raises:
        DocumentForgedError: The message says which part.
    """
    where = f"registry/feature_views: view {name}, version {version}"
    if (document.name, document.version) != (name, version):
        raise DocumentForgedError(
            f"{where} holds view {document.name} with the content of version {document.version}: restore the table"
        )
    bound = set(document.rests_on.values())
    if document.sql is not None and sql_fingerprint(document.sql) not in bound:
        raise DocumentForgedError(f"{where}: its SQL is not the one that the version rests on: restore the table")
    if contract_of(document).fingerprint not in bound:
        raise DocumentForgedError(f"{where}: its contract is not the one that the version rests on: restore the table")

"""Registered views and contracts, believed only after their versions: a version binds all that values rest on."""

from __future__ import annotations

import orjson

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.registry.registry import Registry


class UnregisteredError(MlinfraError):
    """A view version or contract that the registry does not hold, or holds with another content."""


def contract_of(document: ViewDocument) -> Contract:
    """The contract that was in force when the version was registered."""
    return Contract.from_json(orjson.dumps(document.contract).decode())


def registered_view(registry: Registry, name: str, version: str) -> ViewDocument:
    """The document of a view's version, verified.

    Raises:
        UnregisteredError: The version is not registered, or its content, its SQL or its contract is not what the
            version binds.
    """
    where = f"registry/feature_views: view {name}, version {version}"
    text = registry.view(name, version)
    if text is None:
        raise UnregisteredError(f"{where} is not there: restore the table")
    try:
        document = ViewDocument.from_json(text)
    except DefinitionError as error:
        raise UnregisteredError(f"{where}: {error}: restore the table") from error
    if (document.name, document.version) != (name, version):
        raise UnregisteredError(f"{where} holds view {document.name}, version {document.version}: restore the table")
    _check_bound(document, where)
    return document


def _check_bound(document: ViewDocument, where: str) -> None:
    """See that SQL and contract, also of the views that are used, are those that the version rests on."""
    bound = set(document.rests_on.values())
    if document.sql is not None and fingerprint(document.sql) not in bound:
        raise UnregisteredError(f"{where}: its SQL is not the one that the version rests on: restore the table")
    if contract_of(document).fingerprint not in bound:
        raise UnregisteredError(f"{where}: its contract is not the one that the version rests on: restore the table")
    for name, used in document.uses.items():
        _check_bound(used, f"{where}, which uses view {name}")


def registered_contract(registry: Registry, source: str, fingerprint: str) -> Contract:
    """A contract by its fingerprint, verified.

    Raises:
        UnregisteredError: It is not registered, or its content has another fingerprint.
    """
    where = f"registry/contracts: contract {fingerprint} of {source}"
    text = registry.contract(source, fingerprint)
    if text is None:
        raise UnregisteredError(f"{where}, which rows in processed/{source} name, is not there: restore the table")
    contract = Contract.from_json(text)
    if contract.fingerprint != fingerprint:
        raise UnregisteredError(f"{where} has the content of {contract.fingerprint}: restore the table")
    return contract

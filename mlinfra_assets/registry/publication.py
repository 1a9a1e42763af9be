"""Publishing contracts: what is published is in force, and an incompatible contract is never published.

A contract is published by `mlinfra contract publish`, or by the first run that uses it. Either way it is judged by the
mode of the contract that it follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlinfra_assets.contracts.compatibility import Verdict, judge
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.registry.registered import Registered
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.registry import Registry


class IncompatibleContractError(InvalidInputError):
    """A contract that may not follow the published ones; the message names each field, the reason, what to do."""


@dataclass(frozen=True)
class PublishedContract:
    """A published version.

    Attributes:
        entry: Who published it, and when.
        contract: What it says.
    """

    entry: Registered
    contract: Contract


class Publication:
    """The published contracts of a lake.

    Args:
        registry: Where they are kept.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def published(self, source: str) -> list[PublishedContract]:
        """The published versions of a source's contract, oldest first.

        Raises:
            InvalidInputError: A stored document is no contract.
        """
        entries = self._registry.contracts(source)
        return [PublishedContract(entry, Contract.from_json(entry.document)) for entry in entries]

    def contracts(self, source: str) -> list[Contract]:
        """The published contracts of a source, oldest first."""
        return [one.contract for one in self.published(source)]

    def judge(self, contract: Contract) -> Verdict:
        """Whether a contract may follow those that are published of its source."""
        return judge(contract, self.contracts(contract.name))

    def publish(self, contract: Contract, registration: Registration) -> bool:
        """Publish a contract. False if one with these rules is published already.

        Raises:
            IncompatibleContractError: It may not follow what is published; nothing was written.
        """

        def check() -> None:
            verdict = self.judge(contract)
            if not verdict.compatible:
                raise IncompatibleContractError(refused(contract, verdict))

        return self._registry.record_contract(
            contract.name, contract.fingerprint, contract.to_json(), registration, check
        )


def refused(contract: Contract, verdict: Verdict) -> str:
    """Why a contract is refused, a line a reason, and what to do."""
    lines = [f"  {refusal}. Instead: {refusal.instead}" for refusal in verdict.refusals]
    follows = f"{verdict.against} (compatibility {verdict.mode})"
    head = f"contract {contract.name} {contract.version} may not follow {follows}; nothing was written:"
    return "\n".join((head, *lines))

"""What declared contracts are compared with: the lake's published versions, or the files of another revision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlinfra_assets.errors import InvalidInputError

if TYPE_CHECKING:
    from mlinfra_assets.contracts.contract import Contract
    from mlinfra_assets.contracts.source import Source
    from mlinfra_assets.registry.publication import Publication

SourceArgument = Annotated[
    str | None, typer.Argument(help="Name of a source. Default: every declared one.", show_default=False)
]
AgainstOption = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="One published version, such as 1.2.0. Default: what the mode asks for."),
]
BaseOption = Annotated[
    Path | None,
    typer.Option(help="A contract file, or a folder of them, to compare with instead of the lake.", show_default=False),
]


def chosen(source: str | None) -> list[Source]:
    """The declared sources that a command is about.

    Raises:
        InvalidInputError: There is no such source.
    """
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.contracts.document import nearest

    declared = declared_sources()
    if source is None:
        return list(declared.values())
    if source not in declared:
        raise InvalidInputError(f"there is no source {source!r}{nearest(source, list(declared))}")
    return [declared[source]]


class Base:
    """The contracts that came before, by source.

    Args:
        home: Whose lake is asked.
        base: Files to take instead; the lake is not opened then.

    Raises:
        InvalidInputError: There is no such file or folder, or a file is no contract.
    """

    def __init__(self, home: Path | None, base: Path | None) -> None:
        self._files = None if base is None else _files(base)
        self._publication: Publication | None = None if base is not None else publication(home)

    def published(self, source: str, against: str | None) -> list[Contract]:
        """The versions that came before, oldest first; with `against` that one alone.

        Raises:
            InvalidInputError: There is no such version.
        """
        if self._publication is not None:
            found = self._publication.contracts(source)
        else:
            found = (self._files or {}).get(source, [])
        if against is None:
            return found
        named = [contract for contract in found if against in {contract.version, contract.fingerprint}]
        if not named:
            there = ", ".join(contract.version for contract in found) or "none"
            raise InvalidInputError(f"{source} has no published version {against}: there are {there}")
        return named[-1:]


def publication(home: Path | None) -> Publication:
    """The published contracts of a home's lake; it need not be there."""
    from mlinfra_assets.commands.context import settings_for
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.registry.publication import Publication
    from mlinfra_assets.registry.registry import Registry

    return Publication(Registry(Lake(settings_for(home).lake)))


def _files(base: Path) -> dict[str, list[Contract]]:
    from mlinfra_assets.contracts.declaration import load_source, load_sources

    if not base.exists():
        raise InvalidInputError(f"--base {base}: there is no such file or folder")
    found = load_sources(base).values() if base.is_dir() else [load_source(base)]
    return {source.name: [source.contract] for source in found}

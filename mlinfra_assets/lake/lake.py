"""All tables under one root: a folder, or a prefix of an S3-compatible object store."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake import object_store
from mlinfra_assets.lake.table import LakeTable

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
LOG = "_delta_log"
UNFIT = re.compile(r"[\[\]\\^|\x00-\x1f]|%[0-9A-Fa-f]{2}")
"""What Delta's library mistakes in a folder's path: it fails on these, or writes to another folder."""


class Lake:
    """The tables under a root.

    Attributes:
        root: An absolute folder, or an `s3://bucket/prefix` address.
        storage_options: Credentials and endpoint of the object store, `AWS_*` by name. Default: the environment's.
    """

    def __init__(self, root: str, storage_options: Mapping[str, str] | None = None) -> None:
        remote = "://" in root
        if remote and not root.startswith("s3://"):
            raise InvalidInputError(f"the lake's root is a folder or an s3:// address, not {root}")
        self.root = root.rstrip("/") if remote else str(Path(root).expanduser().absolute())
        if not remote and (found := UNFIT.search(self.root)):
            raise InvalidInputError(
                f"tables cannot be kept in the folder {self.root}: choose one without {found.group()!r} in its path"
            )
        given = object_store.options_from(os.environ) if storage_options is None else storage_options
        self.storage_options = dict(given) if remote else {}

    def table(self, name: str) -> LakeTable:
        """A table by name, such as `raw/order_lines`; it need not exist.

        Raises:
            InvalidInputError: The name could point outside of the lake.
        """
        if not NAME.fullmatch(name):
            raise InvalidInputError(f"{name!r} is not the name of a table: words of letters, digits, _ . - joined by /")
        return LakeTable(name, f"{self.root}/{name}", self.storage_options)

    def kept(self) -> KeptLake:
        """The same tables, for who asks for them again and again."""
        return KeptLake(self.root, self.storage_options)

    def tables(self) -> list[str]:
        """Names of all tables, sorted."""
        if self.root.startswith("s3://"):
            return sorted(object_store.folders_with(self.root, LOG, self.storage_options))
        return sorted(_below(Path(self.root), ""))


class KeptLake(Lake):
    """The tables under a root, each opened once: asked for again it is the same object, and its log is not read anew.

    A table's own lock makes its users wait for each other, so threads that are to work side by side have one each.
    """

    def __init__(self, root: str, storage_options: Mapping[str, str] | None = None) -> None:
        super().__init__(root, storage_options)
        self._tables: dict[str, LakeTable] = {}
        self._lock = threading.Lock()

    def table(self, name: str) -> LakeTable:
        """A table by name; it need not exist."""
        with self._lock:
            if name not in self._tables:
                self._tables[name] = super().table(name)
            return self._tables[name]


def _below(folder: Path, prefix: str) -> Iterator[str]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir() and NAME.fullmatch(entry.name):
            name = f"{prefix}{entry.name}"
            if (entry / LOG).is_dir():
                yield name
            else:
                yield from _below(entry, f"{name}/")

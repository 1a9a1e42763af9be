"""A kept handle on one Delta table: opened once, brought up to date cheaply, checked for damage, dropped on doubt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from mlinfra_assets.lake import epochs, health, log, readable
from mlinfra_assets.lake.errors import ForeignFormatError, MissingTableError, RemovedVersionError, explained
from mlinfra_assets.lake.readable import Readable


class OpenedTable:
    """Opens a table and keeps the handle. Not thread-safe: its owner holds a lock.

    Attributes:
        name: The table's name in the lake.
        uri: Folder or `s3://` address.
        options: Storage options of the object store.
        folder: The folder, if it is a local one.
    """

    def __init__(self, name: str, uri: str, options: Mapping[str, str]) -> None:
        self.name = name
        self.uri = uri
        self.options = dict(options)
        self.folder = None if "://" in uri else Path(uri)
        self._handle: DeltaTable | None = None
        self._past: DeltaTable | None = None  # the older version that was asked for last
        self._verified = -1
        self._stated: tuple[int, dict[str, int | None]] = (-1, {})  # progress by application id, as of a version
        self._epoch: tuple[int, int] | None = None  # the newest restore, and the version up to which that is known
        self._readable: tuple[Readable, int] | None = None  # and the version up to which that is known

    def exists(self) -> bool:
        """Whether there is such a table."""
        if self._handle is not None:
            return True
        if self.folder is not None:
            return any((self.folder / "_delta_log").glob("*.json"))
        with explained(self.name, self.uri):
            return DeltaTable.is_deltatable(self.uri, storage_options=self.options)

    def latest(self) -> DeltaTable:
        """The handle, at the newest version.

        Raises:
            MissingTableError: There is no such table.
            LakeCorruptError: Its log is damaged.
            UnavailableError: The storage cannot be reached.
        """
        # Before the log is read: another process may confirm a newer commit at any moment.
        confirmed = None if self.folder is None else health.confirmed(self.folder)
        handle = self._current()
        if self.folder is not None and handle.version() != self._verified:
            health.verify(self.name, self.folder, confirmed, handle.version(), self._verified)
            self._verified = handle.version()
        self._handle = handle
        return handle

    def at(self, version: int | None) -> DeltaTable:
        """A handle at a version (None: the newest).

        Raises:
            MissingTableError: There is no such table or version.
        """
        latest = self.latest()
        if version is None or version == latest.version():
            return latest
        if not 0 <= version <= latest.version():
            raise MissingTableError(
                f"table {self.name} has no version {version}: it has the versions 0 to {latest.version()}"
            )
        if self._past is None or self._past.version() != version:
            with explained(self.name, self.uri):
                self._past = self._open(version)
        return self._past

    def epoch(self) -> int:
        """Version of the newest restore, 0 if there was none, as of the handle."""
        handle = self._handle or self.latest()
        version = handle.version()
        if self._epoch is None:
            epoch = epochs.newest(handle, version)
        else:
            epoch, known = self._epoch
            later = log.newest(handle, max(version - known, 0))
            epoch = max([epoch, *(int(raw["version"]) for raw in later if raw.get("operation") == epochs.RESTORE)])
        self._epoch = (epoch, version)
        return epoch

    def progress(self, handle: DeltaTable, app: str) -> int | None:
        """What a handle of `latest` or `at` states as the progress of an application id; None if nothing.

        Does not bring the handle up to date: what is committed through it next fails if others were faster.
        """
        if handle is not self._handle:
            return self._replayed(handle, app)
        if self._stated[0] != handle.version():
            self._stated = (handle.version(), {})
        stated = self._stated[1]
        if app not in stated:
            stated[app] = self._replayed(handle, app)
        return stated[app]

    def advanced(self, before: int, advance: Mapping[str, tuple[int | None, int]]) -> None:
        """Take up what a commit through the handle, which stood at version `before`, states as progress.

        To ask the handle would read the log back to its newest checkpoint, for each application id.
        """
        if self._handle is None or self._stated[0] != before or self._handle.version() != before + 1:
            return
        self._stated = (before + 1, {**self._stated[1], **{app: after for app, (_, after) in advance.items()}})

    def _replayed(self, handle: DeltaTable, app: str) -> int | None:
        newest = self._handle or handle
        epoch = self.epoch() if handle is newest else epochs.newest(newest, handle.version())
        found = handle.transaction_version(epochs.application(app, epoch))
        if found is not None or not epoch:
            return found
        return self.progress(self._open(epochs.restored(newest, next(log.backwards(newest, epoch)))), app)

    def readable(self) -> Readable:
        """Which versions can be read."""
        handle = self.latest()
        known, after = self._readable or (Readable(), -1)
        found = readable.newest(handle, after, known) if handle.version() > after else known
        self._readable = (found, handle.version())
        return found

    def refuse_removed(self, handle: DeltaTable) -> None:
        """Refuse a version whose files maintenance has removed.

        Raises:
            RemovedVersionError: It is one.
        """
        if handle is self._handle:
            return  # the newest; to look for a newer one would bring this very handle up to it
        version = handle.version()
        if version < self.latest().version() and not (found := self.readable()).holds(version):
            raise RemovedVersionError(self.name, version, found.oldest, found.cleaned_at, found.kept)

    def last_checkpoint(self) -> int | None:
        """Version of the newest checkpoint, -1 if there is none; None if that is not known without a listing."""
        return None if self.folder is None else health.last_checkpoint(self.folder)

    def drop(self) -> None:
        """Forget the handle: the next use opens anew."""
        self._handle = None
        self._past = None
        self._verified = -1
        self._stated = (-1, {})
        self._epoch = None
        self._readable = None

    def confirm(self, before: int, after: int) -> None:
        """Force the commits in (`before`, `after`] to the disk."""
        if self.folder is not None and after > before:
            with explained(self.name, self.uri):
                health.confirm(self.folder, before + 1, after)

    def explain_unreadable(self, version: int | None, cause: Exception) -> None:
        """Look for damaged data files after a read failed.

        Raises:
            LakeCorruptError: There are some.
        """
        if self.folder is not None:
            actions = pa.table(self.at(version).get_add_actions(flatten=True)).select(["path", "size_bytes"])
            sizes = {unquote(path): size for path, size in zip(*actions.to_pydict().values(), strict=True)}
            found = health.damaged_data(self.name, self.folder, sizes)
            if found is not None:
                raise found from cause

    def _current(self) -> DeltaTable:
        with explained(self.name, self.uri):
            if self._handle is not None:
                if self.folder is not None and health.is_newest(self.folder, self._handle.version()):
                    return self._handle
                try:
                    self._handle.update_incremental()
                except DeltaError:
                    self.drop()  # opening anew either succeeds or says what is wrong
                else:
                    return self._handle
            return self._open(None)

    def _open(self, version: int | None) -> DeltaTable:
        try:
            handle = DeltaTable(self.uri, version=version, storage_options=self.options or None)
        except TableNotFoundError as error:
            raise MissingTableError(
                f"there is no table {self.name} at {self.uri} yet: materialize the asset of that name first"
            ) from error
        except DeltaError as error:
            cause = str(error).splitlines()[0]
            found = health.diagnose(self.name, self.folder, cause) if self.folder is not None else None
            if found is not None:
                raise found from error
            raise
        self._refuse_foreign(handle)
        return handle

    def _refuse_foreign(self, handle: DeltaTable) -> None:
        features = handle.protocol().reader_features or []
        mapping = handle.metadata().configuration.get("delta.columnMapping.mode", "none")
        if "deletionVectors" in features or mapping != "none":
            raise ForeignFormatError(
                f"table {self.name} at {self.uri} uses deletion vectors or column mapping, which another engine "
                "switched on: rewrite it without them (only this platform writes its tables)"
            )

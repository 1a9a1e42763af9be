"""Several views read in one step: one consistent cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.frozen import KEY, OpenBreaker, opened
from mlinfra_assets.feature_store.online.keys import encode_keys
from mlinfra_assets.feature_store.online.read import ViewReader, asked_of
from mlinfra_assets.feature_store.registry import ViewDocument


@dataclass(frozen=True)
class Asked:
    """What is asked of one view.

    Attributes:
        keys: Join key values of each entity, in the view's order.
        features: Names of the features wanted, in order. None: all.
    """

    keys: Sequence[tuple]
    features: tuple[str, ...] | None


class KeysChangedError(Exception):
    """A view has been pushed with another key since it was last read: ask again."""


class Cut:
    """What one step in Redis is asked of several views.

    Args:
        asked: What is asked of each view, with who reads it and what is known of it.

    Attributes:
        keys: Of the script `READ`.
        args: Of the script `READ`.

    Raises:
        RetrievalError: A key is not one of the view.
    """

    def __init__(self, asked: Sequence[tuple[ViewReader, ViewDocument, Asked]]) -> None:
        self._asked = asked
        self.keys: list[str] = [KEY, *[reader.state for reader, _, _ in asked]]
        self.args: list[bytes | str | int] = []
        for _, known, one in asked:
            self.args += asked_of(known, encode_keys(known.view.key_schema, one.keys))

    def take(self, reply: list) -> tuple[dict[str, OpenBreaker], list[Fetched]]:
        """The breakers that are open, and what Redis holds of each view.

        Raises:
            NotLoadedError: It holds no whole push of one.
            KeysChangedError: One has another key than it was asked with.
            DamagedBaseError: It holds bytes that are not what was pushed.
        """
        found = [reader.take(one, known) for (reader, known, _), one in zip(self._asked, reply[1:], strict=True)]
        for (_, known, _), one in zip(self._asked, found, strict=True):
            if one.document.view.key_schema != known.view.key_schema:
                raise KeysChangedError
        flat: list[bytes] = reply[0]
        return opened(dict(zip(flat[::2], flat[1::2], strict=True))) if flat else {}, found

"""Going back to the version before and forward again: one step, and it stays until somebody says otherwise."""

from __future__ import annotations

import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.online.errors import NotLoadedError, PinnedError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from tests.support.online import SOURCE, epoch_of, push
from tests.support.served_shop import HABITS, KEYS, LINES, VIEW, with_features

OLD, NEW = with_features(VIEW, HABITS), with_features(VIEW, HABITS[:2])
OFFSETS = LINES["_offset"].unique().sort().to_list()
FIRST, SECOND, THIRD = (Positions({0: OFFSETS[len(OFFSETS) * n // 4]}) for n in (1, 2, 3))
NAME = VIEW.name


def served(store: OnlineStore) -> tuple[list[str], Positions]:
    (vector,) = store.read(NAME, [(KEYS[0],)], epoch_of(LINES))
    return list(vector.values), vector.watermark[SOURCE]


def test_the_last_push_of_the_version_before_is_kept_and_served_again_in_one_step(store: OnlineStore, client):
    push(store, OLD, LINES, FIRST)
    push(store, NEW, LINES, SECOND)
    push(store, NEW, LINES, THIRD)
    assert len(client.keys(f"mlinfra:online:{{{NAME}}}:*")) == 2
    pinning = store.pinning(NAME)
    assert pinning.pin() is None
    pin = pinning.roll_back("ann", "the ratio looks wrong", 7)
    assert (pin.by, pin.why, pin.at) == ("ann", "the ratio looks wrong", 7)
    assert pinning.pin() == pin
    assert served(store) == (HABITS, FIRST)
    pinning.resume()
    assert served(store) == (HABITS[:2], THIRD)
    assert pinning.pin() is None


def test_while_it_is_rolled_back_pushes_of_that_version_alone_are_taken(store: OnlineStore):
    push(store, OLD, LINES, FIRST)
    push(store, NEW, LINES, SECOND)
    store.pinning(NAME).roll_back("ann", "wrong", 7)
    with pytest.raises(PinnedError, match="mlinfra online resume"):
        push(store, NEW, LINES, THIRD)
    push(store, OLD, LINES, THIRD)
    assert served(store) == (HABITS, THIRD)
    store.pinning(NAME).resume()
    assert served(store) == (HABITS[:2], SECOND)
    push(store, NEW, LINES, THIRD)
    assert served(store) == (HABITS[:2], THIRD)


def test_a_push_that_was_under_way_when_it_was_rolled_back_is_not_served(store: OnlineStore):
    push(store, OLD, LINES, FIRST)
    push(store, NEW, LINES, SECOND)

    def roll_back(_done: int, _total: int) -> None:
        if store.pinning(NAME).pin() is None:
            store.pinning(NAME).roll_back("ann", "wrong", 7)

    with pytest.raises(PinnedError):
        push(store, NEW, LINES, THIRD, roll_back)
    assert served(store) == (HABITS, FIRST)


def test_where_there_is_nothing_to_go_back_to_or_to_resume_it_says_so(store: OnlineStore):
    push(store, OLD, LINES, FIRST)
    push(store, OLD, LINES, SECOND)
    with pytest.raises(NotLoadedError, match="nothing to roll back to"):
        store.pinning(NAME).roll_back("ann", "wrong", 7)
    with pytest.raises(InvalidInputError, match="not rolled back"):
        store.pinning(NAME).resume()
    push(store, NEW, LINES, THIRD)
    store.pinning(NAME).roll_back("ann", "wrong", 7)
    with pytest.raises(InvalidInputError, match="already, by ann"):
        store.pinning(NAME).roll_back("bob", "wrong too", 8)


def test_each_version_has_a_tail_of_its_own_which_goes_with_it(store: OnlineStore, client):
    push(store, OLD, LINES, FIRST)
    tail = store.tail(NAME)
    assert tail.begin(tail.standing(), "")
    push(store, NEW, LINES, SECOND)
    assert tail.standing().tail is None
    assert tail.begin(tail.standing(), "")
    store.pinning(NAME).roll_back("ann", "wrong", 7)
    found = tail.standing()
    assert found.tail is not None
    assert dict(found.tail.at) == FIRST.offsets
    store.pinning(NAME).resume()
    push(store, with_features(VIEW, HABITS[:1]), LINES, THIRD)
    fields = [field for field in client.hkeys(f"mlinfra:online:{{{NAME}}}") if field.startswith(b"tail:")]
    assert len(fields) == 1

"""Who may call what: keys, their scopes, their end, and the file that they are kept in."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.key_file import change_keys, read_keys
from mlinfra_assets.serving.keyring import Keyring
from mlinfra_assets.serving.keys import ApiKey, hash_of, new_secret
from mlinfra_assets.serving.server import ApiServer
from tests.support.api_keys import bearer, key

ONE, OTHER = "customer_features", "other_features"
ENTITIES = [{"customer_id": 1}]
KEYS = ", ".join(
    [
        key("shop", "open sesame", "features+predict"),
        key("report", "only look", f"features:{ONE}"),
        key("risk", "only churn", "predict:churn"),
        key("root", "all of it", "*"),
    ]
)


@contextmanager
def serving(store, log, clock, settings):
    with (
        ApiServer(create_app(store, log, clock, settings), "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=180) as caller,
    ):
        yield caller


@pytest.fixture
def guarded(loaded, log, clock, settings):
    with serving(loaded, log, clock, replace(settings, api_keys=KEYS)) as caller:
        yield caller


def ask(caller, secret, *views):
    body = {"features": [f"{view}:orders" for view in views], "entities": ENTITIES}
    return caller.post("/v1/features", json=body, headers=bearer(secret))


def predict(caller, secret, model="churn"):
    return caller.post(f"/v1/predict/{model}", json={"entities": ENTITIES}, headers=bearer(secret))


def message(answer):
    return answer.status_code, answer.json()["error"]["message"]


def test_a_key_with_the_scope_opens(guarded):
    assert ask(guarded, "open sesame", ONE, OTHER).status_code == 200
    assert predict(guarded, "open sesame").status_code == 200
    assert ask(guarded, "only look", ONE).status_code == 200
    assert predict(guarded, "only churn").status_code == 200
    assert ask(guarded, "all of it", ONE, OTHER).status_code == 200
    assert predict(guarded, "all of it").status_code == 200


def test_each_view_and_model_of_a_request_needs_its_scope(guarded):
    assert message(ask(guarded, "only look", ONE, OTHER)) == (
        403,
        f"the key report is not good for features:{OTHER}",
    )
    assert message(ask(guarded, "only look", OTHER, "secret_view")) == (
        403,
        f"the key report is not good for features:{OTHER}, features:secret_view",
    )
    assert message(predict(guarded, "only look")) == (403, "the key report is not good for predict:churn")
    assert message(predict(guarded, "only churn", "fraud")) == (403, "the key risk is not good for predict:fraud")
    assert message(ask(guarded, "only churn", ONE)) == (403, "the key risk is not good for features")


def test_without_a_known_key_nothing_is_told(guarded):
    for headers in ({}, bearer("guess"), {"authorization": "Bearer"}, {"authorization": "Basic abc"}):
        for path in ("/v1/features", "/v1/predict/churn", "/nowhere"):
            answer = guarded.post(path, content=b"{", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"


def test_health_and_the_description_need_no_key(guarded):
    for path in ("/health/live", "/health/ready", "/openapi.json", "/docs"):
        assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("shop", "entry 1 is not of the form"),
        ("shop:abc:features", "not the SHA-256 of a key"),
        (key("shop", "x", "admin"), "scope 'admin' is unknown; there are .*features"),
        (key("shop", "x", "feature:churn"), "did you mean 'features'"),
        (key("shop", "x", "training:churn"), "takes no name: write training"),
        (key("shop", "x", "features:a b"), "names no view"),
        (key("shop", "x", ""), "without a scope"),
        (f"{key('a', 'x', 'predict')},{key('a', 'y', 'predict')}", "the name a is taken"),
        (f"{key('a', 'x', 'predict')},{key('b', 'x', 'predict')}", "a and b are the same key"),
    ],
)
def test_a_wrong_list_of_keys_is_refused_without_repeating_it(store, log, clock, settings, keys, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        create_app(store, log, clock, replace(settings, api_keys=keys))
    assert sha256(b"x").hexdigest() not in str(caught.value)


def put(file, name, secret, *scopes, **more):
    def change(keys):
        keys[name] = ApiKey(name, hash_of(secret), frozenset(scopes), **more)

    change_keys(file, change)


def test_a_file_of_keys_is_read_again_when_it_changes(loaded, log, clock, settings):
    file, secret = settings.keys_file, new_secret()
    put(file, "shop", secret, f"features:{ONE}")
    with serving(loaded, log, clock, settings) as caller:
        assert ask(caller, secret, ONE).status_code == 200
        assert ask(caller, secret, OTHER).status_code == 403
        put(file, "shop", secret, "features")
        assert ask(caller, secret, OTHER).status_code == 200
        put(file, "shop", secret, "features", revoked_at=datetime.now(UTC))
        assert ask(caller, secret, ONE).status_code == 401
        assert "was revoked" in message(ask(caller, secret, ONE))[1]
        file.unlink()
        assert message(ask(caller, secret, ONE)) == (401, "this API key is not known")


def test_keys_that_come_while_it_runs_are_asked_for_from_then_on(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings) as caller:
        assert ask(caller, "any", ONE).status_code == 200
        put(settings.keys_file, "shop", "s", "features")
        assert ask(caller, "any", ONE).status_code == 401
        assert ask(caller, "s", ONE).status_code == 200


def test_a_file_that_breaks_while_it_runs_changes_nothing(loaded, log, clock, settings):
    put(settings.keys_file, "shop", "s", "features")
    with serving(loaded, log, clock, settings) as caller:
        settings.keys_file.write_text('{"keys": [')
        assert ask(caller, "s", ONE).status_code == 200
        assert ask(caller, "t", ONE).status_code == 401


def test_a_key_ends_at_its_moment_by_the_machines_time(settings):
    end = datetime(2027, 1, 31, tzinfo=UTC)
    put(settings.keys_file, "shop", "s", "features", expires_at=end)
    moments = iter([end - timedelta(microseconds=1), end])
    keys = Keyring(settings, lambda: next(moments))
    found = keys.find("s")
    assert found is not None
    assert keys.ended(found) is None
    assert keys.ended(found) == "expired at 2027-01-31T00:00:00+00:00"


def test_an_expired_key_opens_nothing(loaded, log, clock, settings):
    put(settings.keys_file, "shop", "s", "*", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    with serving(loaded, log, clock, settings) as caller:
        assert message(ask(caller, "s", ONE)) == (401, "the API key shop expired at 2020-01-01T00:00:00+00:00")


def test_the_file_holds_hashes_for_its_owner_alone(settings):
    put(settings.keys_file, "shop", "a secret", "features")
    assert "a secret" not in settings.keys_file.read_text()
    assert settings.keys_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "a"}, "a key has name, sha256 and scopes"),
        ({"name": "a", "sha256": "0" * 64, "scopes": ["*"], "key": "s"}, "a key has name, sha256 and scopes"),
        ({"name": "a b", "sha256": "0" * 64, "scopes": ["*"]}, "no name of a key"),
        ({"name": "a", "sha256": "s", "scopes": ["*"]}, "not the SHA-256"),
        ({"name": "a", "sha256": "0" * 64, "scopes": "*"}, "no list of texts"),
        ({"name": "a", "sha256": "0" * 64, "scopes": []}, "good for nothing"),
        ({"name": "a", "sha256": "0" * 64, "scopes": ["*"], "expires_at": "soon"}, "expires_at is no time"),
        ({"name": "a", "sha256": "0" * 64, "scopes": ["*"], "requests_per_second": 0}, "no whole number from 1"),
        (5, "a key has name, sha256 and scopes"),
    ],
)
def test_a_wrong_file_is_refused(settings, entry, message):
    settings.keys_file.write_text(json.dumps({"keys": [entry]}))
    with pytest.raises(InvalidInputError, match=message):
        read_keys(settings.keys_file)


def test_a_file_that_is_set_has_to_be_there(settings, tmp_path):
    with pytest.raises(InvalidInputError, match="mlinfra api key create makes"):
        Keyring(replace(settings, api_keys_file=str(tmp_path / "none.json")))

from __future__ import annotations

import json

import pytest

from mlinfra_assets import cli
from mlinfra_assets.serving.key_file import read_keys
from mlinfra_assets.serving.keys import hash_of


@pytest.fixture
def run(tmp_path, capsys):
    def run(*arguments):
        status = cli.run(["api", "key", *arguments, "--home", str(tmp_path / "home")])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_key_is_printed_once_and_its_hash_is_kept(run, tmp_path):
    status, out, _ = run("create", "shop", "--scope", "features:customer_features", "--scope", "predict:churn")
    assert status == 0
    secret = out.strip()
    file = tmp_path / "home" / "api-keys.json"
    kept = read_keys(file)["shop"]
    assert kept.hash == hash_of(secret)
    assert kept.scopes == {"features:customer_features", "predict:churn"}
    assert secret not in file.read_text()
    assert secret not in run("list")[1]


def test_keys_are_listed_and_revoked(run):
    made = json.loads(run("create", "shop", "--scope", "*", "--expires", "90d", "--json")[1])
    assert made["key"].startswith("mlinfra_")
    assert [(k["name"], k["state"]) for k in json.loads(run("list", "--json")[1])] == [("shop", "good")]
    assert run("revoke", "shop")[0] == 0
    assert [(k["name"], k["state"]) for k in json.loads(run("list", "--json")[1])] == [("shop", "revoked")]
    assert "revoked" in run("list")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "shop", "--scope", "feature"), "did you mean 'features'"),
        (("create", "a b", "--scope", "*"), "no name of a key"),
        (("create", "shop", "--scope", "*", "--expires", "2001-01-01"), "no moment to come"),
        (("create", "shop", "--scope", "*", "--expires", "soon"), "no moment to come"),
        (("revoke", "shop"), "there is no key shop"),
    ],
)
def test_what_is_wrong_is_said(run, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert message in err


def test_a_name_is_given_once(run):
    assert run("create", "shop", "--scope", "*")[0] == 0
    status, _, err = run("create", "shop", "--scope", "*")
    assert status == 1
    assert "already" in err

"""Outcomes by the API: by their contract, each for a model that the key is good for, and once by its id."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from mlinfra_assets.serving.outcomes import with_id
from tests.support.api_keys import bearer, key
from tests.support.declared import declared, processed
from tests.support.intake import held, positions, taking

SEEN = {"model": "churn", "observed_at": "2011-12-09T12:50:00Z", "label": 1}
OF_PREDICTION = SEEN | {"prediction_id": "p-1"}
OF_ENTITY = SEEN | {"entity": {"customer_id": 17850}}


@pytest.fixture
def api(client, log, clock, settings):
    keys = ",".join([key("churners", "one", "outcomes:churn"), key("all", "two", "outcomes")])
    with taking(client, log, clock, replace(settings, api_keys=keys)) as caller:
        yield caller


def send(api, *outcomes, by="one"):
    return api.post("/v1/outcomes", json=list(outcomes), headers=bearer(by))


def test_outcomes_keep_the_contract_and_stand_in_the_stream(api, log):
    answer = send(api, OF_PREDICTION, OF_ENTITY)
    assert [position for position, _ in held(log, "outcomes")] == positions(answer)
    outcome = processed(declared("outcomes"), *(payload for _, payload in held(log, "outcomes")))
    assert outcome.quarantined.height == 0
    assert outcome.valid["prediction_id"].to_list() == ["p-1", None]
    assert outcome.valid["outcome_id"][0] == "p-1"


def test_one_that_comes_twice_is_one_outcome_and_a_later_label_corrects_it(api, log):
    for outcome in (OF_PREDICTION, OF_ENTITY, OF_PREDICTION, OF_ENTITY, OF_ENTITY | {"label": 0}):
        assert send(api, outcome).status_code == 202
    ids = [orjson.loads(payload)["outcome_id"] for _, payload in held(log, "outcomes")]
    assert ids[0] == ids[2]
    assert len(set(ids[1::2] + ids[4:])) == 1
    assert declared("outcomes").contract.primary_key == ("outcome_id",)


def test_its_other_bytes_stay_as_they_are():
    record = b'{ "model":"churn",  "prediction_id":"p","label":1.0}'
    assert with_id(record) == b'{"outcome_id":"p", "model":"churn",  "prediction_id":"p","label":1.0}'
    for same in (b'{"outcome_id": "o", "label": 1}', b"{}", b"[1]", b"{"):
        assert with_id(same) == same


def test_each_model_needs_its_scope(api, log):
    answer = send(api, OF_PREDICTION, OF_PREDICTION | {"model": "fraud"})
    assert answer.status_code == 403
    assert "outcomes:fraud" in answer.text
    assert held(log, "outcomes") == []
    assert send(api, OF_PREDICTION | {"model": "fraud"}, by="two").status_code == 202


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": 2}, "label: maximum"),
        ({"label": None}, "label: required"),
        ({"observed_at": "yesterday"}, "observed_at"),
        ({"model": 5}, "model"),
        ({"prediction_id": "x" * 200}, "maxLength"),
    ],
)
def test_what_breaks_the_contract_is_refused(api, log, change, reason):
    answer = send(api, OF_PREDICTION | change, by="two")
    assert answer.status_code == 422
    assert reason in str(answer.json()["error"]["reasons"])
    assert held(log, "outcomes") == []

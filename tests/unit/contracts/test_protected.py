"""Values of protected fields stay out of listings and of Delta's statistics."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlinfra_assets.contracts.contract import Condition, Field, RowRule
from mlinfra_assets.contracts.protected import SHOWN, shown_reason, shown_record
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LANDED, LIMIT, raw_rows, stream_source

EMAIL = Field("email", "Email", "string", classification="personal", max_length=30)
OPEN = Field("code", "Code", "string", classification="public", max_length=3)
RULES = (
    RowRule("both", None, Condition("email", pattern="@")),
    RowRule("open", None, Condition("code", pattern="x")),
)
CONTRACT = stream_source(EMAIL, OPEN, row_rules=RULES).contract


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ('{"Email":"a@b","Code":"x"}', f'{{"Email":"{SHOWN}","Code":"x"}}'),
        ('{"Email":null,"Code":"x"}', '{"Email":null,"Code":"x"}'),
        ('{"Email":"a@b","Co', SHOWN),
        ('["a@b"]', SHOWN),
        (None, None),
    ],
)
def test_a_record_is_shown_without_them(record: str | None, shown: str | None) -> None:
    assert shown_record(CONTRACT, record) == shown


@pytest.mark.parametrize(
    ("field", "rule", "hidden"),
    [
        ("email", "maxLength", True),
        ("code", "maxLength", False),
        (None, "both", True),
        (None, "open", False),
        (None, "JSON", True),
    ],
)
def test_a_reason_shows_what_it_may(field: str | None, rule: str, hidden: bool) -> None:
    reason = {"field": field, "rule": rule, "value": "a@b", "message": "no"}
    assert shown_reason(CONTRACT, reason)["value"] == (SHOWN if hidden else "a@b")


def test_no_commit_of_processed_or_quarantine_holds_one(tmp_path: Path) -> None:
    lake, source = Lake(str(tmp_path)), stream_source(EMAIL, OPEN)
    payloads = [b'{"at":"2011-12-10T08:00:00Z","Email":"somebody@example.org","Code":"x"}']
    payloads.append(b'{"at":"2011-12-10T08:00:00Z","Email":"somebody@example.org","Code":"xxxx"}')
    lake.table("raw/things").append(raw_rows(payloads), provenance=Provenance("run", "code"))
    done = validate_source(lake, source, Provenance("run", "code"), LANDED, max_payload_bytes=LIMIT)
    assert (done.valid, done.quarantined) == (1, 1)
    logs = list((tmp_path / "processed").rglob("_delta_log/*.json"))
    assert len(logs) > 2
    assert not [log for log in logs if "somebody" in log.read_text()]

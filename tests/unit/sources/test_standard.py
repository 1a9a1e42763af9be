"""Every declared source is a document of the Open Data Contract Standard 3.1."""

from __future__ import annotations

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from tests.support.declared import SOURCES


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_source_is_an_open_data_contract(path) -> None:
    document = OpenDataContractStandard.from_file(str(path))
    assert document.apiVersion == "v3.1.0"
    assert document.name == path.stem


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_source_keeps_the_standards_json_schema(path) -> None:
    import json
    from importlib.resources import files

    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(yaml.safe_load(path.read_text()))

"""The published schemas are current, are JSON Schema, and describe every ruleset and case of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rules_engine.casebook.runner import case_files
from rules_engine.cli import main
from rules_engine.cli.schema import as_text, schemas
from rules_engine.loading import read_document
from rules_engine.registry import default_registry

ROOT = Path(__file__).resolve().parents[2]
RULESETS = sorted((ROOT / "rulesets").glob("*/ruleset.yaml"))


@pytest.mark.parametrize("name", ["ruleset.schema.json", "cases.schema.json", "endpoint-case.schema.json"])
def test_the_schema_in_the_repository_is_what_the_command_writes(name: str) -> None:
    written = (ROOT / "schemas" / name).read_text(encoding="utf-8")
    assert written == as_text(schemas()[name]), "run `rules-engine schema` and commit the result"


@pytest.mark.parametrize("name", list(schemas()))
def test_every_schema_is_json_schema(name: str) -> None:
    Draft202012Validator.check_schema(schemas()[name])


@pytest.mark.parametrize("kind", ["criteria", "gradings", "endpoint_kinds", "estimators"])
def test_every_options_schema_of_a_built_in_plugin_is_json_schema(kind: str) -> None:
    for offered in getattr(default_registry(), kind).values():
        Draft202012Validator.check_schema(offered.options_schema)
        Draft202012Validator.check_schema(getattr(offered, "document_schema", {}))


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.parent.name)
def test_every_ruleset_is_valid_in_an_editor(file: Path) -> None:
    errors = list(Draft202012Validator(schemas()["ruleset.schema.json"]).iter_errors(read_document(file)))
    assert not errors, [(list(error.path), error.message[:200]) for error in errors[:3]]


def test_a_parameter_may_stand_for_any_value_in_an_editor() -> None:
    reference = {"from_parameter": "gap"}
    validator = Draft202012Validator(schemas()["ruleset.schema.json"])

    def protocol(**options: Any) -> dict[str, Any]:
        endpoints = {"PFSGAP": {"like": "PFS", "options": options}}
        return {
            "rules_engine": 1,
            "id": "p",
            "kind": "protocol",
            "endpoints": endpoints,
            "schedule": {"late": reference},
        }

    assert not list(validator.iter_errors(protocol(missed_visits={"method": "fixed_days", "gap_days": reference})))
    assert not list(validator.iter_errors(protocol(events=reference, response={"landmark": {"pick": reference}})))
    assert list(validator.iter_errors(protocol(missed_visits={"gap_days": {"from_paramter": "gap"}})))
    assert list(validator.iter_errors(protocol(missed_visits={"gap_days": "long"})))
    assert list(validator.iter_errors({**protocol(), "parameters": {"gap": {"value": 1, "unit": reference}}}))


@pytest.mark.parametrize("file", RULESETS, ids=lambda file: file.parent.name)
def test_every_ruleset_names_the_schema(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../../schemas/ruleset.schema.json"


def test_every_case_is_valid_in_an_editor() -> None:
    validators = {name: Draft202012Validator(schema) for name, schema in schemas().items()}
    for file in case_files([ROOT / "rulesets"]):
        if file.suffix == ".csv":
            continue
        document = read_document(file)
        name = "cases.schema.json" if "cases" in document else "endpoint-case.schema.json"
        errors = list(validators[name].iter_errors(document))
        assert not errors, (file, [(list(error.path), error.message[:200]) for error in errors[:3]])


def _properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for key, about in (schema.get("properties") or {}).items():
            yield f"{path}.{key}", about
        for key, below in schema.items():
            yield from _properties(below, f"{path}/{key}" if key != "properties" else path)
    elif isinstance(schema, list):
        for below in schema:
            yield from _properties(below, path)


@pytest.mark.parametrize("name", list(schemas()))
def test_every_key_is_described_for_the_author(name: str) -> None:
    discriminators = (".kind", ".criterion", ".estimator", ".grading", ".values", ".options")
    schema = json.loads(json.dumps(schemas()[name]))
    silent = [
        path
        for path, about in _properties(schema)
        if isinstance(about, dict) and not _described(about, schema) and not path.endswith(discriminators)
    ]
    assert not silent, silent[:20]


def _described(about: dict[str, Any], schema: dict[str, Any]) -> bool:
    if "$ref" in about:
        return _described(schema["$defs"][about["$ref"].removeprefix("#/$defs/")], schema)
    if about.get("description"):
        return True
    return any(_described(branch, schema) for key in ("anyOf", "oneOf") for branch in about.get(key, ()))


def test_what_drives_the_estimand_has_choices_or_a_description() -> None:
    for kind in default_registry().endpoint_kinds.values():
        for path, about in _properties(kind.options_schema):
            if about.get("x-estimand"):
                assert "default" not in about, path
                assert about.get("description"), path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"options": {"new_therapi": "censor"}}, ["options"]),
        ({"options": {"new_therapy": "cenzor"}}, ["options", "new_therapy"]),
        ({"endpoints": {"PFS": {"kind": "time_to_event", "options": {"responders": ["CR"]}}}}, ["endpoints", "PFS", "options"]),
        ({"endpoints": {"PFS": {"like": "PFS", "options": {"no_baselin": 1}}}}, ["endpoints", "PFS", "options"]),
        ({"analyses": {"a": {"estimator": "cox", "options": {"landmarks_months": [6]}}}}, ["analyses", "a", "options"]),
        ({"study": {"arm": []}}, ["study"]),
        ({"kind": "study"}, ["kind"]),
    ],
)  # fmt: skip
def test_an_editor_shows_the_mistake_at_its_place(change: dict[str, Any], path: list[str]) -> None:
    document = {"rules_engine": 1, "id": "a", "kind": "protocol", "title": "T", **change}
    errors = list(Draft202012Validator(schemas()["ruleset.schema.json"]).iter_errors(document))
    assert path in [list(error.path) for error in errors]


def test_an_editor_asks_for_nothing_that_a_base_may_state() -> None:
    document = {
        "rules_engine": 1, "id": "a", "kind": "protocol", "extends": ["seed"],
        "schedule": {"late": 7}, "endpoints": {"PFS": {"options": {"missed_visits": {"n": 3}}}}, "labs": {"note": "x"},
    }  # fmt: skip
    assert not list(Draft202012Validator(schemas()["ruleset.schema.json"]).iter_errors(document))


def test_the_command_writes_the_schemas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema", "--out", str(tmp_path / "new" / "schemas")])
    assert left.value.code == 0
    written = sorted(file.name for file in (tmp_path / "new" / "schemas").iterdir())
    assert written == ["cases.schema.json", "endpoint-case.schema.json", "ruleset.schema.json"]
    assert "ruleset.schema.json" in capsys.readouterr().out

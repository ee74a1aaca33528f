"""`rules-engine explain` and `Engine.explain`: what is told for which question, and what is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, UsageError
from rules_engine.cli import main

PROTOCOL = {
    "rules_engine": 1,
    "id": "two_readings",
    "kind": "protocol",
    "title": "Two response streams",
    "extends": ["ema"],
    "study": {"data_cutoff": "2024-12-31"},
    "responses": {"derived": {"criterion": "recist_1_1"}, "read": {"collected_as": "RECIST 1.1"}},
    "endpoints": {"PFS": {"like": "PFS", "response": "derived"}, "OS": {"like": "OS", "response": None}},
}
STUDY: dict[str, dict[str, list[Any]]] = {
    "subjects": {
        "subject": ["S-001", "S-002", "S-010"],
        "randomisation_date": [date(2024, 1, 10)] * 3,
        "baseline_date": [date(2024, 1, 8)] * 3,
        "baseline_adequate": [True] * 3,
        "death_date": [None, None, "2024-06"],
        "last_contact_date": [date(2024, 5, 1), None, None],
    },
    "lesion_assessments": {
        "subject": ["S-001"] * 3,
        "visit_date": [date(2024, 1, 8), date(2024, 3, 4), date(2024, 4, 29)],
        "is_baseline": [True, False, False],
        "lesion_id": ["A"] * 3,
        "role": ["target"] * 3,
        "organ": ["lung"] * 3,
        "mm": [50.0, 40.0, 60.0],
    },
    "response_assessments": {
        "subject": ["S-001", "S-002"],
        "date": ["2024-03-05", "2024-03"],
        "criterion": ["RECIST 1.1", "RECIST 1.1"],
        "response": ["SD", "PR"],
        "seq": [7, 8],
    },
    "treatments": {"subject": ["S-001"], "treatment": ["x"], "component": ["ici"], "start_date": ["2024-01-10"]},
    "clinical_events": {"subject": [], "date": [], "kind": []},
}


def study() -> dict[str, pl.DataFrame]:
    frames = {name: pl.DataFrame(columns) for name, columns in STUDY.items()}
    return {
        **frames,
        "clinical_events": pl.DataFrame(schema={"subject": pl.String, "date": pl.Date, "kind": pl.String}),
    }


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(PROTOCOL)


@pytest.mark.parametrize(
    ("question", "endpoints", "timepoints"),
    [
        ({"endpoint": "PFS"}, ["PFS"], []),
        ({"response": "derived"}, [], ["2024-03-04", "2024-04-29"]),
        ({"response": "derived", "visit": "2024-04-29"}, [], ["2024-04-29"]),
        ({"visit": date(2024, 3, 5)}, [], ["2024-03-05"]),
        ({"endpoint": "PFS", "visit": "2024-03-04"}, ["PFS"], ["2024-03-04"]),
        ({}, ["PFS", "OS"], ["2024-03-04", "2024-04-29", "2024-03-05"]),
    ],
)
def test_what_is_named_is_told(
    engine: Engine, question: dict[str, Any], endpoints: list[str], timepoints: list[str]
) -> None:
    told = engine.explain(study(), "S-001", **question)
    assert [one.endpoint for one in told.endpoints] == endpoints
    assert [str(one.visit_date) for one in told.timepoints] == timepoints
    assert json.loads(json.dumps(told.as_dict()))["subject"] == "S-001"


def test_a_run_and_the_engine_without_a_run_tell_the_same(engine: Engine) -> None:
    assert str(engine.run(study()).explain("S-001")) == str(engine.explain(study(), "S-001"))


def test_a_collected_response_names_its_record(engine: Engine) -> None:
    (story,) = engine.explain(study(), "S-002", response="read").timepoints
    assert story.decision.sentence.text == "PR as collected on 2024-03."
    assert [(source.domain, source.seq) for source in story.decision.sentence.sources] == [("RS", 8)]


def test_a_subject_without_assessments_is_told_so(engine: Engine) -> None:
    told = engine.explain(study(), "S-010", response="derived")
    assert not told.timepoints
    assert told.notes == ("derived: subject S-010 has no assessment after baseline in this stream.",)


@pytest.mark.parametrize(
    ("subject", "question", "meant", "what"),
    [
        ("s001", {}, "S-001", "near it are S-001"),
        ("S-10", {}, "S-010", "near it are S-010"),
        ("unknown", {}, "", "it has S-001, S-002, S-010"),
        ("S-001", {"endpoint": "PSF"}, "PFS", "the ruleset defines PFS, OS"),
        ("S-001", {"response": "derivd"}, "derived", "the ruleset defines derived, read"),
        ("S-001", {"response": "derived", "visit": "2024-03-05"}, "2024-03-04", "it has visits on 2024-03-04 and 2024-04-29"),
        ("S-001", {"visit": "March"}, "", "it is no calendar day"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_with_what_is(
    engine: Engine, subject: str, question: dict[str, Any], meant: str, what: str
) -> None:
    with pytest.raises(UsageError) as refused:
        engine.explain(study(), subject, **question)
    (problem,) = refused.value.problems
    assert problem.meant == meant
    assert what in problem.what


def test_the_command_prints_text_or_json_and_leaves_with_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, frame in study().items():
        frame.write_csv(tmp_path / f"{name}.csv")
    ruleset = tmp_path / "ruleset.json.yaml"
    ruleset.write_text(json.dumps(PROTOCOL))

    def run(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(["explain", str(ruleset), "--data", str(tmp_path), *words])
        printed = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, printed.out + printed.err

    code, text = run("--subject", "S-001", "--response", "derived")
    assert code == 0
    assert "Nadir 40.0 mm (the visit of 2024-03-04): +50.0 %, +20.0 mm." in " ".join(text.split())
    code, text = run("--subject", "S-001", "--response", "derived", "--json")
    assert code == 0
    assert [one["overall"] for one in json.loads(text)["timepoints"]] == ["SD", "PD"]
    code, text = run("--subject", "S-001", "--endpoint", "PFS", "--timeline", str(tmp_path / "S-001.svg"))
    assert code == 0
    assert "(PD) on 2024-04-29, CNSR 0" in " ".join(text.split())
    assert (tmp_path / "S-001.svg").read_text().startswith("<svg")
    assert run("--subject", "S-001", "--timeline", "S-001.pdf")[0] == 2
    assert run("--subject", "S-1000")[0] == 2

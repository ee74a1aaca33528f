"""Records that the study does not number: what they say decides between equals, never the order of the rows."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest
from rules_engine import Engine, read_study

PROTOCOL = {
    "rules_engine": 1, "id": "unnumbered", "kind": "protocol", "title": "Records without numbers", "extends": ["seed"],
    "responses": {"site": {"collected_as": "mRECIST"}},
    "options": {"origin": "randomisation", "new_therapy": "censor", "response": {"landmark": None}},
    "endpoints": {
        "PFS": {"like": "PFS", "response": "site"}, "TTUP": {"like": "TTUP", "response": "site"},
        "BOR": {"like": "BOR", "response": "site"}, "TTF": {"like": "TTF", "response": "site"}, "OS": {"like": "OS"},
    },
}  # fmt: skip


def study(rng: random.Random, subjects: int, number: Any) -> dict[str, list[dict[str, Any]]]:
    """Subjects whose records crowd on few days and differ in what they say; `number` gives each its `seq`."""
    tables: dict[str, list[dict[str, Any]]] = {
        "subjects": [], "response_assessments": [], "treatments": [], "clinical_events": []
    }  # fmt: skip
    for k in range(subjects):
        subject = {"subject": f"S{k}"}
        tables["subjects"].append(
            {**subject, "randomisation_date": "2024-01-01", "baseline_adequate": True, "death_date": None}
        )
        for place in range(8):
            tables["response_assessments"].append({
                **subject, "date": f"2024-0{rng.randrange(2, 6)}-01", "criterion": "mRECIST",
                "response": rng.choice(["PD", "PD", "SD", "PR"]), "iresponse": rng.choice([None, "iSD", "iCPD", "iUPD"]),
                "suspected_pseudoprogression": rng.random() < 0.7, "seq": number(place),
            })  # fmt: skip
        for place in range(3):
            tables["treatments"].append({
                **subject, "treatment": rng.choice(["x", "y"]), "kind": rng.choice(["systemic", "transplant", "ablation"]),
                "start_date": rng.choice(["2024-04-01", "2024-05-01", "2024-05"]), "seq": number(place),
            })  # fmt: skip
            tables["clinical_events"].append({
                **subject, "date": "2024-04-01", "kind": rng.choice(["vascular_invasion", "child_pugh_c"]),
                "seq": number(place),
            })  # fmt: skip
    return tables


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(lambda _place: None, id="no record is numbered"),
        pytest.param(lambda place: None if place % 2 else place + 1, id="some are"),
        pytest.param(lambda place: 1 + place // 4, id="a number is there several times"),
    ],
)
def test_the_order_of_rows_changes_no_result(number: Any) -> None:
    rng = random.Random(4)
    rows = study(rng, 40, number)
    found = []
    for _ in range(3):
        for table in rows.values():
            rng.shuffle(table)
        frames = {name: pl.DataFrame(table, infer_schema_length=None) for name, table in rows.items()}
        result = Engine(PROTOCOL).run(read_study(frames), data_cutoff="2024-12-31")
        found.append((result.adtte, result.adrs, result.candidates))
    for one in found[1:]:
        for before, after in zip(found[0], one, strict=True):
            assert before.equals(after)


def test_a_record_without_number_is_numbered_by_its_date() -> None:
    frames = {
        "subjects": pl.DataFrame(
            {"subject": ["S1"], "randomisation_date": ["2024-01-01"], "baseline_adequate": [True], "death_date": [None]}
        ),
        "treatments": pl.DataFrame(schema={"subject": pl.String, "treatment": pl.String, "start_date": pl.String}),
        "response_assessments": pl.DataFrame({
            "subject": ["S1"] * 3, "date": ["2024-04-01", "2024-03-01", "2024-02-01"], "criterion": ["mRECIST"] * 3,
            "response": ["PD", "SD", "SD"], "seq": [None, 7, None],
        }),
    }  # fmt: skip
    only = {**PROTOCOL, "endpoints": {"PFS": {"like": "PFS", "response": "site"}}}
    adtte = Engine(only).run(read_study(frames), data_cutoff="2024-12-31").adtte
    # The scan of February is 8, that of April 9: after the one that is numbered, by date.
    assert adtte.select("EVNTDESC", "SRCSEQ").row(0) == ("PROGRESSIVE DISEASE", 9)

"""What an endpoint considers is derived once, for its records and whoever asks what they were derived from."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine import Engine, load_ruleset, pipeline, read_study
from rules_engine.endpoints import time_to_event
from rules_engine.registry import default_registry
from rules_engine.simulator import simulate_to

CUTOFF = date(2025, 12, 31)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("considered") / "study"
    simulate_to(folder, subjects=15, seed=3)
    return folder


def test_candidates_beside_the_records_are_those_derived_later(study: Path) -> None:
    engine = Engine("tace_ici_hcc")
    beside = engine.run(study, data_cutoff=CUTOFF, with_candidates=True)
    later = engine.run(study, data_cutoff=CUTOFF)
    assert later.derived.candidates is None
    assert beside.candidates.height > 15
    assert_frame_equal(beside.candidates, later.candidates)
    assert_frame_equal(beside.candidates, later.candidates.sort("subject", "paramcd", "position"))
    assert_frame_equal(beside.adtte, later.adtte)


def test_an_endpoint_is_derived_once_for_all_that_ask(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    derived_for: list[str] = []
    derive = time_to_event._consider

    def counted(records: Any, endpoint: Any, *more: Any) -> Any:
        derived_for.append(endpoint.paramcd)
        return derive(records, endpoint, *more)

    monkeypatch.setattr(time_to_event, "_consider", counted)
    engine = Engine("tace_ici_hcc")
    result = engine.run(study, data_cutoff=CUTOFF, with_candidates=True)
    times = [name for name, one in engine.ruleset.endpoints.items() if one.kind == "time_to_event"]
    assert set(times) <= set(derived_for)
    assert len(derived_for) == len(set(derived_for))
    derived_for.clear()
    result.explain(result.subjects["subject"][0])
    assert len(derived_for) == len(set(derived_for)) > 1


def test_endpoints_that_differ_in_an_option_share_nothing_that_it_decides(study: Path) -> None:
    registry = default_registry()
    ruleset = load_ruleset("tace_ici_hcc", registry=registry)
    tables = read_study(study, ruleset=ruleset, registry=registry).tables
    records = pipeline.gather_records(ruleset, tables, {})[None]
    overall = ruleset.endpoints["OS"]
    other = dataclasses.replace(overall, options={**overall.options, "days_per_month": 7})
    kind = registry.endpoint_kinds.require(overall.kind)
    months, weeks = (kind.derive(records, one, CUTOFF).collect().sort("subject") for one in (overall, other))
    assert_frame_equal(months.drop("months"), weeks.drop("months"))
    assert (weeks["months"] > months["months"]).all()


@pytest.mark.parametrize("with_candidates", [True, False])
def test_a_kind_that_shares_nothing_may_tell_its_candidates_in_any_order(study: Path, with_candidates: bool) -> None:
    registry = default_registry()
    built_in = registry.endpoint_kinds.require("time_to_event")
    tell = built_in.candidates
    assert tell is not None

    def backwards(records: Any, endpoint: Any, cutoff: date) -> pl.LazyFrame:
        apart = dataclasses.replace(records)  # nothing is known of these records yet
        return tell(apart, endpoint, cutoff).reverse()

    kind = dataclasses.replace(built_in, candidates=backwards)
    kinds = type(registry.endpoint_kinds)("endpoint kind", {**registry.endpoint_kinds, "time_to_event": kind})
    told = Engine("tace_ici_hcc", registry=dataclasses.replace(registry, endpoint_kinds=kinds))
    found = told.run(study, data_cutoff=CUTOFF, with_candidates=with_candidates).candidates
    assert_frame_equal(found, Engine("tace_ici_hcc").run(study, data_cutoff=CUTOFF).candidates)


#: What data entry writes for a day that is not known, and a day that is.
UNKNOWN, KNOWN = "9999-12-31", "2024-05-01"


def far_off() -> dict[str, pl.DataFrame]:
    """Three subjects, two of whom are said to have died in a far century; the second has a scan there, too."""
    names = ["A", "B", "C"]
    scans = [
        *((name, "2024-01-01", "T1", "30") for name in names),
        *((name, "2024-03-04", "T1", "20") for name in names),
    ]
    scans.append(("B", "6000-01-01", "T1", "0"))
    lesions = pl.DataFrame(scans, schema=["subject", "visit_date", "lesion_id", "mm"], orient="row").with_columns(
        is_baseline=pl.col("visit_date") == "2024-01-01",
        role=pl.lit("target"),
        organ=pl.lit("liver"),
        viable_mm="mm",
        assessor=pl.lit("investigator"),
    )
    return {
        "subjects": pl.DataFrame(
            {
                "subject": names,
                "baseline_date": "2024-01-01",
                "baseline_adequate": True,
                "death_date": [UNKNOWN, None, UNKNOWN],
            }
        ),
        "treatments": pl.DataFrame(
            {"subject": names, "component": "tace", "treatment": "TACE", "start_date": "2024-01-02"}
        ),
        "lesion_assessments": lesions,
        "adverse_events": pl.DataFrame({"subject": ["C"], "term": ["Fever"], "grade": [1], "start_date": [KNOWN]}),
        "labs": pl.DataFrame({"subject": ["C"], "date": [KNOWN], "analyte": ["ALT"], "value": ["20"], "unit": ["U/L"]}),
    }


@pytest.mark.parametrize("cutoff", [CUTOFF, date.max])
def test_days_of_a_far_century_stand_in_their_order(cutoff: date) -> None:
    result = Engine("tace_ici_hcc").run(far_off(), data_cutoff=cutoff)
    found = result.candidates
    assert_frame_equal(found, found.sort("subject", "paramcd", "position"))
    assert found.select("subject", "paramcd", "position").is_unique().all()
    death = found.filter(pl.col("paramcd") == "OS", pl.col("word") == "death")
    assert list(death.select("subject", "position", "fact_date").iter_rows()) == [
        ("A", 1, date.max), ("C", 1, date.max),
    ]  # fmt: skip


def test_a_better_response_of_a_far_century_is_the_better_one() -> None:
    best = Engine("tace_ici_hcc").run(far_off(), data_cutoff=date.max).derived.responses["BOR"]
    assert dict(best.select("subject", "value").iter_rows()) == {"A": "PR", "B": "CR", "C": "PR"}

"""The CDISC pilot study with invented tumour responses (public test data of pharmaverse), from SDTM and ADaM to
results.

Runs where the environment variable RULES_ENGINE_PILOT_DATA names the folder with the files; the data are not ours to
ship. Expected values are counted from the files here, in plain Python.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine, Result, read_study

FOLDER = os.environ.get("RULES_ENGINE_PILOT_DATA", "")
pytestmark = pytest.mark.skipif(
    not Path(FOLDER, "adsl.csv").is_file(), reason="RULES_ENGINE_PILOT_DATA names no folder with the pilot study"
)
CUTOFF = date(2015, 3, 5)
#: Worst first on one day: a progression outweighs everything, not evaluable nothing (endpoints: one assessment per
#: day).
SEVERITY = ["NE", "CR", "PR", "SD", "NON-CR/NON-PD", "PD"]
BEST = ["CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE"]
SD_MIN = timedelta(days=42)
CONFIRM = timedelta(days=28)


def rows(file: str) -> list[dict[str, str]]:
    with Path(FOLDER, f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def day(text: str) -> date | None:
    return date.fromisoformat(text[:10]) if len(text) >= 10 else None


@pytest.fixture(scope="module")
def result() -> Result:
    engine = Engine("cdisc_pilot_onco")
    return engine.run(read_study(FOLDER, ruleset=engine.ruleset))


@pytest.fixture(scope="module")
def origins() -> dict[str, date]:
    return {row["USUBJID"]: found for row in rows("adsl") if (found := day(row["RANDDT"]))}


def timelines(origins: dict[str, date], chosen: Iterable[dict[str, str]]) -> dict[str, list[tuple[date, str]]]:
    """Per randomised subject: one response per day after the origin, the worst, in order of date."""
    worst: dict[str, dict[date, str]] = defaultdict(dict)
    for row in chosen:
        when, code = day(row["RSDTC"]), row["RSSTRESC"]
        if when is None or code not in SEVERITY or row["USUBJID"] not in origins:
            continue
        if origins[row["USUBJID"]] < when <= CUTOFF:
            there = worst[row["USUBJID"]].get(when, "NE")
            worst[row["USUBJID"]][when] = max(there, code, key=SEVERITY.index)
    return {subject: sorted(worst[subject].items()) for subject in origins}


def readings(file: str, evaluator: str) -> list[dict[str, str]]:
    return [
        row for row in rows(file)
        if row["RSTESTCD"] == "OVRLRESP" and row["RSEVAL"] == evaluator
        and (evaluator == "INVESTIGATOR" or row["RSACPTFL"] == "Y")
    ]  # fmt: skip


STREAMS = [
    ("rs_onco", "INVESTIGATOR", ""), ("rs_onco", "INDEPENDENT ASSESSOR", "IR"),
]  # fmt: skip


def up_to_progression(timeline: list[tuple[date, str]]) -> list[tuple[date, str]]:
    first = next((position for position, (_day, code) in enumerate(timeline) if code == "PD"), len(timeline))
    return timeline[: first + 1]


def best_response(timeline: list[tuple[date, str]], origin: date, *, confirmed: bool) -> str:
    """Best overall response by its definition, spelled out for one subject (Eisenhauer 2009, section 4.6)."""
    window = up_to_progression(timeline)
    candidates = set()
    for position, (when, code) in enumerate(window):
        if code in ("CR", "PR") and (not confirmed or is_confirmed(window, position)):
            candidates.add(code)
        if code in ("CR", "PR", "SD"):
            candidates.add("SD" if when >= origin + SD_MIN else "NE")
        elif code == "NON-CR/NON-PD":
            candidates.add(code if when >= origin + SD_MIN else "NE")
        else:
            candidates.add(code)
    return min(candidates, key=BEST.index) if candidates else "MISSING"


def is_confirmed(window: list[tuple[date, str]], position: int) -> bool:
    when, code = window[position]
    confirming = ["CR"] if code == "CR" else ["CR", "PR"]
    for later in range(position + 1, len(window)):
        if window[later][1] in confirming and window[later][0] >= when + CONFIRM:
            between = [found for _day, found in window[position + 1 : later]]
            allowed = {"CR": ["CR", "NE"], "PR": ["CR", "PR", "NE"]}[code]
            falls_back = code == "PR" and "CR" in between and (
                "PR" in between[between.index("CR") :] or window[later][1] == "PR"
            )  # fmt: skip
            if all(found in allowed for found in between) and between.count("NE") <= 1 and not falls_back:
                return True
    return False


def test_only_randomised_subjects_have_records(result: Result, origins: dict[str, date]) -> None:
    assert len(origins) == 254
    for paramcd in ("OS", "PFS", "PFSIR", "PFS8", "PFS8IR", "IPFS"):
        records = result.adtte.filter(pl.col("PARAMCD") == paramcd)
        assert set(records["USUBJID"]) == set(origins), paramcd
        assert dict(records.select("USUBJID", "STARTDT").iter_rows()) == origins
    assert set(result.adrs.filter(pl.col("PARCAT1") != "TIMEPOINT")["USUBJID"]) == set(origins)


def test_names_of_parameters_are_short_and_unique(result: Result) -> None:
    for frame in (result.adtte, result.adrs):
        pairs = frame.select("PARAMCD", "PARAM").unique()
        assert pairs["PARAMCD"].is_unique().all()
        assert pairs["PARAM"].is_unique().all()
        assert pairs["PARAMCD"].str.len_chars().max() <= 8  # type: ignore[operator]
    assert set(result.adtte["PARAMCD"]) & set(result.adrs["PARAMCD"]) == set()


def test_overall_survival_has_the_three_deaths(result: Result) -> None:
    deaths = {row["USUBJID"]: day(row["DTHDT"]) for row in rows("adsl") if row["DTHDT"]}
    survival = result.adtte.filter(pl.col("PARAMCD") == "OS")
    assert dict(survival.filter(pl.col("CNSR") == 0).select("USUBJID", "ADT").iter_rows()) == deaths
    assert len(deaths) == 3


@pytest.mark.parametrize(("file", "evaluator", "suffix"), STREAMS)
def test_progression_free_survival_is_the_first_progression_or_death(
    result: Result, origins: dict[str, date], file: str, evaluator: str, suffix: str
) -> None:
    deaths = {row["USUBJID"]: day(row["DTHDT"]) for row in rows("adsl") if row["DTHDT"]}
    expected = {}
    for subject, timeline in timelines(origins, readings(file, evaluator)).items():
        progressions = [when for when, code in timeline if code == "PD"]
        events = sorted(found for found in [*progressions[:1], deaths.get(subject)] if found)
        adequate = [when for when, code in timeline if code not in ("PD", "NE")]
        expected[subject] = (events[0], True) if events else (max(adequate, default=origins[subject]), False)
    derived = result.adtte.filter(pl.col("PARAMCD") == f"PFS{suffix}")
    found = {
        row["USUBJID"]: (row["ADT"], row["CNSR"] == 0) for row in derived.iter_rows(named=True)
    }  # fmt: skip
    assert found == expected
    assert derived.filter(pl.col("AVAL") != (pl.col("ADT") - pl.col("STARTDT")).dt.total_days() + 1).is_empty()


@pytest.mark.parametrize(("file", "evaluator", "suffix"), STREAMS)
def test_best_overall_response_confirmed_or_not(
    result: Result, origins: dict[str, date], file: str, evaluator: str, suffix: str
) -> None:
    lines = timelines(origins, readings(file, evaluator))
    for paramcd, confirmed in ((f"BOR{suffix}", False), (f"CBOR{suffix}", True)):
        expected = {
            subject: best_response(timeline, origins[subject], confirmed=confirmed)
            for subject, timeline in lines.items()
        }
        found = result.adrs.filter(pl.col("PARAMCD") == paramcd)
        assert dict(found.select("USUBJID", "AVALC").iter_rows()) == expected
    responders = result.adrs.filter(pl.col("PARAMCD") == f"ORR{suffix}", pl.col("RSPFL") == "Y")["USUBJID"]
    unconfirmed = {
        subject: best_response(timeline, origins[subject], confirmed=False) for subject, timeline in lines.items()
    }
    assert set(responders) == {subject for subject, code in unconfirmed.items() if code in ("CR", "PR")}
    durations = result.adtte.filter(pl.col("PARAMCD") == f"DOR{suffix}")
    assert set(durations["USUBJID"]) == set(responders)


def test_the_eight_subjects_of_the_articles(result: Result) -> None:
    best = result.adrs.filter(pl.col("PARAMCD") == "BOR8", pl.col("AVALC") != "MISSING")
    assert dict(best.select("USUBJID", "AVALC").iter_rows()) == {
        "01-701-1015": "CR", "01-701-1028": "PD", "01-701-1034": "NON-CR/NON-PD", "01-701-1097": "NE", "01-701-1115":
        "CR", "01-701-1118": "PR", "01-701-1130": "SD", "01-701-1133": "CR",
    }  # fmt: skip


def test_a_response_that_is_none_is_a_finding(result: Result) -> None:
    found = result.findings.filter(pl.col("rule_id") == "data.code", pl.col("value") == "CHECK")
    subjects = {
        row["USUBJID"] for row in rows("rs_onco") if row["RSSTRESC"] == "CHECK" and row["RSTESTCD"] == "OVRLRESP"
    }
    assert set(found["subject"]) == subjects
    assert found["action"].unique().to_list() == ["the record is left out"]


def test_irecist_stays_in_its_own_codes(result: Result) -> None:
    best = set(result.adrs.filter(pl.col("PARAMCD") == "IBOR")["AVALC"])
    assert best <= {"iCR", "iPR", "iSD", "NON-iCR/NON-iUPD", "iCPD", "iUPD", "NE", "MISSING"}
    assert {"iCR", "iPR", "MISSING"} <= best
    responders = (
        result.adrs.filter(pl.col("PARAMCD") == "IORR", pl.col("RSPFL") == "Y")["AVALC"].unique().sort().to_list()
    )
    assert responders == ["iCR", "iPR"]


def test_severity_never_becomes_a_grade(result: Result) -> None:
    assert result.adae.height == len(rows("ae"))
    assert result.adae["ATOXGR"].null_count() == result.adae.height


def test_haemoglobin_is_graded_in_either_unit(result: Result) -> None:
    from_adlb = Engine("cdisc_pilot_adlb")
    analysed = from_adlb.run(read_study(FOLDER, ruleset=from_adlb.ruleset)).adlb
    for labs, unit in ((result.adlb, "g/dL"), (analysed, "mmol/L")):
        values = labs.filter(pl.col("PARAMCD") == "HGB", pl.col("AVAL").is_not_null())
        assert values["AVALU"].unique().to_list() == [unit]
        assert values["ATOXGR"].null_count() == 0
    # The publisher's own grades, for terms whose cut-offs are the same in the versions of CTCAE.
    published = pl.read_parquet(Path(FOLDER, "adlb.parquet")).filter(
        pl.col("DTYPE").is_null(), pl.col("LBSEQ").is_not_null()
    )
    both = analysed.filter(
        pl.col("APOBLFL") == "Y", pl.col("PARAMCD").is_in(["ALB", "K", "SODIUM", "PLAT", "WBC", "CHOL", "CK"])
    ).join(published.select("USUBJID", pl.col("LBSEQ").cast(pl.Int64), published="ATOXGR"), on=["USUBJID", "LBSEQ"])
    assert both.height > 10_000
    assert both.filter(pl.col("ATOXGR") != pl.col("published")).is_empty()
    assert both.filter(pl.col("ATOXGR") != pl.col("published")).is_empty()


def test_no_result_that_has_a_term_lacks_a_grade_for_its_unit(result: Result) -> None:
    reasons = result.adlb.filter(pl.col("GRREASON").is_not_null())
    assert set(reasons["GRREASON"]) == {"NO_TERM", "NOT_LAB_GRADABLE", "NO_BASELINE"}
    assert set(reasons.filter(pl.col("GRREASON") == "NO_BASELINE")["PARAMCD"]) == {"EOS"}
    assert set(reasons.filter(pl.col("GRREASON") == "NOT_LAB_GRADABLE")["PARAMCD"]) == {"PHOS"}
    with_term = [("ATOXDSCL", "GRREASNL"), ("ATOXDSCH", "GRREASNH")]
    for term, reason in with_term:
        assert set(result.adlb.filter(pl.col(term).is_not_null())[reason].drop_nulls()) <= {"NO_BASELINE"}

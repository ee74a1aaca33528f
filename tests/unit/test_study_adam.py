"""ADaM data sets: names, order, types, and what stands in each column."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from rules_engine.model import CriterionRules, EndpointDefinition, ResponseDefinition, Ruleset
from rules_engine.study import Study, adam, read_study
from rules_engine.study.labels import DATA_SETS
from rules_engine.study.manifest import ruleset_hash, ruleset_stamp
from rules_engine.study.parameters import endpoint_names, timepoint_parameters
from rules_engine.vocabulary import RESPONSE_SCHEMA, TIMEPOINT_SCHEMA, TTE_SCHEMA

MRECIST = CriterionRules("mrecist", "mrecist", {})


def ruleset(*streams: str, endpoints: dict[str, str] | None = None) -> Ruleset:
    return Ruleset(
        "trial", "protocol", "Trial", {"study": {"id": "S-1"}, "options": {"a": 1}},
        responses={name: ResponseDefinition(name, "derived", MRECIST, assessor="investigator") for name in streams},
        endpoints={
            code: EndpointDefinition(code, "kind", label, streams[0] if streams else None, {})
            for code, label in (endpoints or {}).items()
        },
    )  # fmt: skip


@pytest.fixture
def study() -> Study:
    return read_study({"subjects": pl.DataFrame({"subject": ["1", "2"], "arm": ["TACE", None]})}, ruleset=ruleset())


def rows(schema: dict[str, pl.DataType], *given: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(given), schema=schema)


def test_every_name_and_label_fits_what_cdisc_allows() -> None:
    for name, columns in DATA_SETS.items():
        for column, (_dtype, label) in columns.items():
            assert column == column.upper()
            assert len(column) <= 8 or column == "EVENT_TYPE", (name, column)
            assert 0 < len(label) <= 40, (name, column, label)


def test_adtte_carries_each_field_to_its_name(study: Study) -> None:
    row = {
        "subject": "1", "start_date": date(2024, 1, 1), "date": date(2024, 3, 1), "days": 61, "months": 2.0,
        "event": True,
        "cnsr": 0, "event_type": 1, "reason": "PD", "event_description": "PROGRESSIVE DISEASE", "source_domain": "ADRS",
        "source_variable": "ADT", "source_seq": 3, "source_id": "2024-03-01", "date_imputation": "D",
        "start_variable": "RANDDT", "entry_days": 5, "interval_left": date(2024, 2, 1),
        "interval_right": date(2024, 3, 1), "rule_id": "event.progression",
    }  # fmt: skip
    rules = ruleset("mrecist", endpoints={"PFS": "Progression-free survival"})
    (found,) = adam.adtte({"PFS": rows(TTE_SCHEMA, row)}, study, rules).to_dicts()
    assert found == {
        "STUDYID": "S-1", "USUBJID": "1", "TRT01A": "TACE", "PARAMCD": "PFS", "PARAM": "Progression-free survival",
        "STARTDT": date(2024, 1, 1), "STARTDTF": None, "ADT": date(2024, 3, 1), "ADTF": "D", "AVAL": 61,
        "AVALU": "DAYS",
        "CNSR": 0, "EVNTDESC": "PROGRESSIVE DISEASE", "CNSDTDSC": None, "EVENT_TYPE": 1, "REASON": "PD", "ENTRY": 5,
        "INT_L": date(2024, 2, 1), "INT_R": date(2024, 3, 1), "SRCDOM": "ADRS", "SRCVAR": "ADT", "SRCSEQ": 3,
        "RULEID": "event.progression", "RULESET": ruleset_stamp(rules),
    }  # fmt: skip


def test_data_sets_are_sorted_by_key_and_keep_their_types_without_rows(study: Study) -> None:
    rules = ruleset("mrecist", endpoints={"PFS": "PFS", "OS": "OS"})
    some = rows(TTE_SCHEMA, {"subject": "2"}, {"subject": "1"})
    found = adam.adtte({"PFS": some, "OS": some}, study, rules)
    assert found.select("USUBJID", "PARAMCD").rows() == [("1", "OS"), ("1", "PFS"), ("2", "OS"), ("2", "PFS")]
    for name, frame in {
        "adtte": adam.adtte({}, study, rules), "adrs": adam.adrs({}, {}, {}, study, rules),
        "adtr": adam.adtr({}, study, rules), "adae": adam.adae(None, study, rules), "adlb": adam.adlb(None, study,
        rules),
    }.items():  # fmt: skip
        assert dict(frame.schema) == {column: dtype for column, (dtype, _label) in DATA_SETS[name].items()}
        assert frame.is_empty()


def test_sums_of_diameters_are_exact_millimetres(study: Study) -> None:
    visit = {"subject": "1", "visit_date": date(2024, 3, 1), "sum_x100": 1470, "baseline_x100": 2100,
    "nadir_x100": 1225,
             "sum_complete": True, "overall": "PR", "rule_id": "r"}  # fmt: skip
    unknown = {**visit, "visit_date": date(2024, 5, 1), "sum_x100": None, "sum_complete": False}
    gone = {**visit, "visit_date": date(2024, 7, 1), "nadir_x100": 0}
    found = adam.adtr({"mrecist": rows(TIMEPOINT_SCHEMA, unknown, gone, visit)}, study, ruleset("mrecist")).to_dicts()
    first, second, third = found
    shown = ("PARAMCD", "AVAL", "AVALU", "BASE", "NADIR", "CHG", "PCHG", "CHGNAD", "PCHGNAD", "SDCMPFL")
    assert [first[name] for name in shown] == ["SDIAM", 14.7, "mm", 21.0, 12.25, -6.3, -30.0, 2.45, 20.0, "Y"]
    assert (second["AVAL"], second["CHG"], second["PCHG"], second["SDCMPFL"]) == (None, None, None, "N")
    assert (third["CHGNAD"], third["PCHGNAD"]) == (14.7, None)
    assert (first["RESPONSE"], first["CRITER"], first["EVAL"]) == ("mrecist", "mrecist", "investigator")


def test_every_sum_is_the_number_nearest_to_its_decimal(study: Study) -> None:
    sums = list(range(1, 100_000, 7))
    visits = pl.DataFrame({"subject": ["1"] * len(sums), "sum_x100": sums, "baseline_x100": [1] * len(sums)})
    typed = visits.with_columns(pl.int_range(pl.len()).cast(pl.Date).alias("visit_date")).lazy()
    frame = pl.concat([pl.LazyFrame(schema=TIMEPOINT_SCHEMA), typed], how="diagonal_relaxed").collect()
    found = adam.adtr({"mrecist": frame}, study, ruleset("mrecist"))
    assert found["AVAL"].to_list() == [n / 100 for n in sums]


def test_timepoint_and_endpoint_responses_stand_together(study: Study) -> None:
    rules = ruleset("mrecist", endpoints={"BOR": "Best overall response"})
    timepoints = rows({**TIMEPOINT_SCHEMA, "seq": pl.Int64()}, {
        "subject": "1", "visit_date": date(2024, 3, 1), "overall": "PD", "target": "SD", "nontarget": "PD",
        "new_lesion": True,
        "progression_date": date(2024, 3, 1), "rule_id": "overall.new_lesion", "seq": 4,
    })  # fmt: skip
    best = rows(RESPONSE_SCHEMA, {
        "subject": "1", "value": "PD", "responder": False, "date": date(2024, 3, 1), "source_domain": "ADRS",
        "source_variable": "ADT", "source_seq": 4, "rule_id": "response.best",
    })  # fmt: skip
    bor, overall = adam.adrs({"mrecist": timepoints}, {}, {"BOR": best}, study, rules).to_dicts()
    assert (bor["PARAMCD"], bor["AVALC"], bor["AVAL"], bor["SRCSEQ"], bor["PARCAT1"]) == (
        "BOR",
        "PD",
        0.0,
        4,
        "RESPONSE ENDPOINT",
    )
    assert (overall["PARAMCD"], overall["AVALC"], overall["ASEQ"], overall["PARCAT1"]) == ("OVR", "PD", 4, "TIMEPOINT")
    assert (overall["TRGRESP"], overall["NTRGRESP"], overall["NEWLFL"]) == ("SD", "PD", "Y")


def test_a_collected_response_without_its_day_has_no_adt(study: Study) -> None:
    rules = Ruleset(
        "trial", "protocol", "Trial", {},
        responses={"site": ResponseDefinition("site", "collected", collected_as="RECIST 1.1", assessor="investigator")},
    )  # fmt: skip
    collected = pl.DataFrame(
        {"subject": ["1", "1"], "seq": [1, 2], "date": ["2024-03", "2024-05-02"], "visit": [None, "WEEK 8"],
         "response": ["PD", "PD"], "iresponse": [None, "iUPD"]}
    )  # fmt: skip
    found = adam.adrs({}, {"site": collected}, {}, study, rules)
    assert found.select("ADT", "ADTC", "AVALC", "CRITER").rows() == [
        (date(2024, 5, 2), "2024-05-02", "iUPD", "RECIST 1.1"), (None, "2024-03", "PD", "RECIST 1.1"),
    ]  # fmt: skip


def test_graded_events_and_labs_get_their_cdisc_names(study: Study) -> None:
    events = pl.DataFrame(
        {"subject": ["1"], "aeseq": [1], "term": ["Nausea"], "grade": ["2"], "atoxgr": ["2"], "atoxgrn": [2],
         "astdt": [date(2024, 1, 5)], "aendt": [date(2024, 1, 7)], "treatment_emergent": [True], "serious": [False],
         "fatal": [None], "aoccfl": [False]},
        schema_overrides={"atoxgrn": pl.Int8, "fatal": pl.Boolean},
    )  # fmt: skip
    (row,) = adam.adae(events, study, ruleset("mrecist")).to_dicts()
    assert [row[name] for name in ("AETERM", "AETOXGR", "ATOXGR", "ATOXGRN", "ADURN", "ADURU")] == [
        "Nausea",
        "2",
        "2",
        2,
        3,
        "DAYS",
    ]
    assert [row[name] for name in ("TRTEMFL", "AOCCFL", "AESER", "AESDTH")] == ["Y", None, "N", None]
    labs = pl.DataFrame(
        {"subject": ["1"] * 3, "seq": [1, 2, 3], "date": [date(2024, 1, 5)] * 3, "analyte": ["HGB"] * 3,
        "value": ["<7", "9", "12"],
         "value_number": [7.0, 9.0, 12.0], "unit": ["g/dL"] * 3, "lln": [8.0, 8.0, None], "uln": [15.0] * 3,
         "base": [10.0] * 3, "base_unit": ["g/dL", "g/dL", "g/L"], "is_post_baseline": [True, True, True],
         "atoxgr": [-3, -2, None]},
    )  # fmt: skip
    found = adam.adlb(labs, study, ruleset("mrecist"))
    assert found.select("PARAMCD", "AVAL", "AVALC", "ANRIND", "CHG", "ATOXGR").rows() == [
        ("HGB", 7.0, "<7", "LOW", -3.0, "-3"), ("HGB", 9.0, "9", "NORMAL", -1.0, "-2"), ("HGB", 12.0, "12", None,
        None, None),
    ]  # fmt: skip


def test_a_shift_is_said_of_any_two_grades() -> None:
    before, after = pl.Series([0, 0, 1, None, 1, 0], dtype=pl.Int8), pl.Series([-3, 0, 2, 4, None, 4], dtype=pl.Int8)
    assert adam._shifts(before, after).to_list() == ["0 to -3", "0 to 0", "1 to 2", None, None, "0 to 4"]
    unknown = pl.Series([None] * 6, dtype=pl.Int8)
    assert adam._shifts(unknown, after).to_list() == adam._shifts(before, unknown).to_list() == [None] * 6


def test_columns_of_the_study_do_not_stand_in_for_what_the_engine_says(study: Study) -> None:
    rules = ruleset()
    events = pl.DataFrame(
        {"subject": ["1", "2"], "term": ["FEVER", "RASH"], "studyid": "OTHER", "ruleset": "theirs", "trt01a": "B"}
    )
    found = adam.adae(events, study, rules).select("STUDYID", "USUBJID", "TRT01A", "RULESET")
    assert found.rows() == [("S-1", "1", "TACE", ruleset_stamp(rules)), ("S-1", "2", None, ruleset_stamp(rules))]


def test_short_names_are_unique_short_and_stable() -> None:
    one = ruleset("overall", endpoints={"PFS": "PFS"})
    assert timepoint_parameters(one)["overall"][0] == "OVR"
    several = ruleset("overall", "overall_ir", "overall_ir2", "m", endpoints={"OVRM": "taken"})
    codes = [code for code, _label in timepoint_parameters(several).values()]
    assert codes == ["OVROVERA", "OVROVER2", "OVROVER3", "OVRM2"]
    assert len({*codes, "OVRM"}) == 5


def test_endpoints_with_one_label_are_told_apart() -> None:
    names = endpoint_names(ruleset("m", endpoints={"PFS": "Survival", "PFSX": "Survival", "OS": "Overall survival"}))
    assert names == {"PFS": "Survival (PFS)", "PFSX": "Survival (PFSX)", "OS": "Overall survival"}


def test_the_hash_follows_the_effective_rules_and_nothing_else() -> None:
    one = Ruleset("a", "protocol", "t", {"x": 1, "y": {"b": [1, 2], "a": None}}, files=("one.yaml",))
    same = Ruleset("a", "protocol", "t", {"y": {"a": None, "b": [1, 2]}, "x": 1}, files=("two.yaml",))
    other = Ruleset("a", "protocol", "t", {"x": 1, "y": {"b": [2, 1], "a": None}})
    assert ruleset_hash(one) == ruleset_hash(same) != ruleset_hash(other)
    assert ruleset_stamp(one) == f"a@{ruleset_hash(one)[:12]}"

"""From SDTM and ADaM files to input tables: each operation of `data`, the ready-made layout, what is refused."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import yaml
from rules_engine.errors import RulesetError, StudyError
from rules_engine.loading import load_ruleset
from rules_engine.loading.data_schema import data_schema
from rules_engine.model import Ruleset
from rules_engine.study import Study, read_study

VALIDATOR = jsonschema.Draft202012Validator(data_schema())


def read(data: str, **tables: pl.DataFrame) -> Study:
    """The study that a `data:` section (YAML) makes of the given files."""
    section = yaml.safe_load(data)
    assert list(VALIDATOR.iter_errors(section)) == []
    return read_study(tables, ruleset=Ruleset("trial", "protocol", "Trial", {"data": section}))


def values(study: Study, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return study.tables[table].sort("row").select(columns).collect().rows()


ADSL = pl.DataFrame({"USUBJID": ["1", "2"], "TRT01A": ["A", ""], "ACTARM": ["X", "Y"], "SAFFL": ["Y", "N"]})


def test_columns_are_picked_and_the_first_that_has_a_value_is_taken() -> None:
    study = read(
        """
        tables:
          subjects:
            adsl:
              from: adsl
              columns: {subject: USUBJID, arm: [TRT01A, NOWHERE if any, ACTARM], safety_population: SAFFL,
              sex: SEX if any}
              extra: {actarm: ACTARM}
        """,
        adsl=ADSL,
    )
    assert values(study, "subjects", "subject", "arm", "safety_population", "sex", "actarm") == [
        ("1", "A", True, None, "X"), ("2", "Y", False, None, "Y"),
    ]  # fmt: skip


def test_codes_are_translated_and_others_kept_or_dropped() -> None:
    section = """
        tables:
          subjects: {{adsl: {{from: adsl, columns: {{subject: USUBJID,
            arm: {{column: ACTARM, codes: {{x: Ten}}, others: {others}}}}}}}}}
    """
    assert values(read(section.format(others="keep"), adsl=ADSL), "subjects", "arm") == [("Ten",), ("Y",)]
    assert values(read(section.format(others="missing"), adsl=ADSL), "subjects", "arm") == [("Ten",), (None,)]


def test_conditions_choose_rows_and_give_flags() -> None:
    events = pl.DataFrame({"ID": ["1", "1", "1", "1"], "D": ["2024-01-01"] * 4, "K": ["a", "B", "c", ""]})
    section = """
        tables:
          subjects: {{s: {{from: s, columns: {{subject: ID}}}}}}
          clinical_events: {{e: {{from: e, where: [{condition}], columns: {{subject: ID, date: D, kind: {{value: x}},
          seq: N}}}}}}
    """
    numbered = events.with_columns(N=pl.int_range(1, 5))
    subjects = pl.DataFrame({"ID": ["1"]})
    for condition, chosen in {
        "{column: K, in: [A, b]}": [1, 2],
        "{column: K, not_in: [a]}": [2, 3, 4],
        "{column: K, missing: true}": [4],
        "{column: K, missing: false, not_in: [c]}": [1, 2],
        "{column: GONE if any, in: [a]}": [],
        "{column: GONE if any, not_in: [a]}": [1, 2, 3, 4],
    }.items():
        study = read(section.format(condition=condition), s=subjects, e=numbered)
        assert values(study, "clinical_events", "seq") == [(n,) for n in chosen], condition


def test_the_first_case_that_holds_gives_the_value() -> None:
    rows = pl.DataFrame({"ID": ["1", "2", "3"], "A": ["x", "y", "z"], "B": ["p", "q", "r"]})
    study = read(
        """
        tables:
          subjects:
            s:
              from: s
              columns:
                subject: ID
                arm: {cases: [{where: [{column: A, in: [x]}], column: B}, {where: [{column: A, in: [y]}],
                value: null}, {value: rest}]}
                safety_population: {where: [{column: A, in: [x, y]}]}
        """,
        s=rows,
    )
    assert values(study, "subjects", "arm", "safety_population") == [("p", True), (None, True), ("rest", False)]


def test_units_are_converted_exactly_and_unknown_units_are_reported() -> None:
    tr = pl.DataFrame(
        {
            "ID": ["1"] * 5,
            "L": list("abcde"),
            "N": ["1.21", "12.3", "7", "2", None],
            "U": ["cm", "MM", None, "in", "cm"],
        }
    )
    study = read(
        """
        tables:
          subjects: {s: {from: s, columns: {subject: ID}}}
          lesion_assessments:
            t:
              from: tr
              columns:
                subject: ID
                visit_date: {value: "2024-01-01"}
                is_baseline: {value: true}
                lesion_id: L
                role: {value: target}
                mm: {column: N, units: {column: U, factors: {mm: 1, cm: 10}, assumed: mm}}
        """,
        s=pl.DataFrame({"ID": ["1"]}),
        tr=tr,
    )
    assert values(study, "lesion_assessments", "mm_x100") == [(1210,), (1230,), (700,), (None,), (None,)]
    (finding,) = study.findings.collect().to_dicts()
    assert (finding["value"], finding["rule_id"]) == ("2 in", "data.length")


def test_a_lookup_takes_the_first_match_in_order_and_matches_missing_with_missing() -> None:
    rows = pl.DataFrame({"ID": ["1", "2", "3", "4"], "R": ["a", None, None, "a"]})
    other = pl.DataFrame(
        {"ID": ["1", "1", "2", "3", "1"], "WHO": ["a", "a", None, "a", "a"], "V": ["late", "early", "none", "no",
        "skip"],
         "N": ["10", "9", "1", "1", "0"], "K": ["use", "use", "use", "use", "other"]}
    )  # fmt: skip
    section = """
        tables:
          subjects:
            s:
              from: s
              lookups: {l: {from: o, where: [{column: K, in: [USE]}], match: {ID: ID, R: WHO}, order: [N],
              take: {FOUND: V}}}
              columns: {subject: ID, arm: FOUND}
    """
    for given in (other, other.reverse()):
        study = read(section, s=rows, o=given)
        assert values(study, "subjects", "subject", "arm") == [("1", "early"), ("2", "none"), ("3", None), ("4", None)]


def test_several_files_of_a_domain_and_several_parts_of_a_table_are_read_one_below_the_other() -> None:
    section = """
        domains: {rs: [rs_a, rs_b]}
        tables:
          subjects: {s: {from: s, columns: {subject: ID}}}
          clinical_events:
            one: {from: rs, columns: {subject: ID, date: D, kind: {value: one}}}
            two: {from: other, columns: {subject: ID, date: D, kind: K if any}}
    """
    a, b = (pl.DataFrame({"ID": ["1"], "D": [f"2024-0{n}-01"]}) for n in (1, 2))
    other = pl.DataFrame({"id": ["1"], "d": [date(2024, 3, 1)], "k": ["two"]})
    study = read(section, s=pl.DataFrame({"ID": ["1"]}), rs_a=a, rs_b=b, other=other)
    assert values(study, "clinical_events", "row", "kind", "date") == [
        (1, "one", date(2024, 1, 1)), (2, "one", date(2024, 2, 1)), (3, "two", date(2024, 3, 1)),
    ]  # fmt: skip


def test_a_table_that_is_not_mapped_is_read_as_it_is() -> None:
    section = "tables: {subjects: {s: {from: adsl, columns: {subject: USUBJID}}}}"
    events = pl.DataFrame({"subject": ["1"], "date": ["2024-01-01"], "kind": ["x"]})
    study = read(section, adsl=ADSL, clinical_events=events)
    assert values(study, "clinical_events", "kind") == [("x",)]


# What is refused


@pytest.mark.parametrize(
    ("section", "message", "meant"),
    [
        ("tables: {subjects: {s: {from: adsl, columns: {subject: USUBJD}}}}", "no column 'USUBJD'", "USUBJID"),
        ("tables: {subjects: {s: {from: adls, columns: {subject: USUBJID}}}}", "no file 'adls' for the domain 'adls'",
        ""),
        ("domains: {adsl: [adsl, more]}\ntables: {subjects: {s: {from: adsl, columns: {subject: USUBJID}}}}",
        "no file 'more'", ""),
        ("tables: {subjects: {s: {from: adsl, where: [{column: X, in: [a]}], columns: {subject: USUBJID}}}}",
        "no column 'X'", ""),
    ],
)  # fmt: skip
def test_what_the_study_does_not_have_is_named(section: str, message: str, meant: str) -> None:
    with pytest.raises(StudyError) as raised:
        read(section, adsl=ADSL)
    (problem,) = raised.value.problems
    assert message in problem.what
    assert problem.where == "data.tables.subjects.s"
    assert problem.meant == meant


@pytest.mark.parametrize(
    "section",
    [
        "{tables: {subject: {}}}", "{layout: send}", "{table: {}}",
        "{tables: {subjects: {s: {from: a, columns: {subjct: A}}}}}", "{domains: {rs: rs_onco}}",
        "{tables: {subjects: {s: {from: a, columns: {subject: A}, where: [{column: B, equals: 1}]}}}}",
        "{tables: {subjects: {s: {from: a, columns: {subject: {column: A, expression: a + b}}}}}}",
        "{tables: {subjects: {s: {from: a, columns: {subject: A}, lookups: {l: {from: b, take: {X: Y}}}}}}}",
    ],
)  # fmt: skip
def test_the_grammar_is_closed(section: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(section)))


def test_a_part_that_no_layout_completes_must_say_where_its_rows_come_from() -> None:
    with pytest.raises(RulesetError) as raised:
        read("{layout: sdtm, tables: {subjects: {adsl: {columns: {subject: A}}, dm: {from: demo}}}}", adsl=ADSL)
    (problem,) = raised.value.problems
    assert (problem.path, problem.what) == (
        "data.tables.subjects.adsl", "the part does not state 'from', and no layout does",
    )  # fmt: skip


# The ready-made layout


def test_the_layout_is_written_in_its_own_grammar() -> None:
    layout = yaml.safe_load(files("rules_engine.study").joinpath("sdtm.yaml").read_text("utf-8"))
    assert list(VALIDATOR.iter_errors(layout)) == []


DM = pl.DataFrame(
    {"USUBJID": ["1", "2"], "ACTARM": ["A", "B"], "DTHDTC": ["2024-05", None], "RFPENDTC": ["2024-05-02T10:00",
    "2024-06-01"],
     "RFXSTDTC": ["2024-01-02", None], "BRTHDTC": ["1950", "1960-02-03"], "SEX": ["F", "M"]}
)  # fmt: skip
DS = pl.DataFrame(
    {"USUBJID": ["1", "2", "2"], "DSDECOD": ["RANDOMIZED", "RANDOMIZED", "WITHDRAWAL BY SUBJECT"],
     "DSSTDTC": ["2024-01-01", "2024-01-03", "2024-06-01"], "DSSEQ": [1, 1, 2]}
)  # fmt: skip


def test_sdtm_demographics_and_disposition_become_subjects() -> None:
    study = read("layout: sdtm", dm=DM, ds=DS)
    assert values(study, "subjects", "subject", "arm", "randomisation_date", "death_date", "withdrawal_date",
    "safety_population") == [
        ("1", "A", date(2024, 1, 1), "2024-05", None, True), ("2", "B", date(2024, 1, 3), None, date(2024, 6, 1),
        False),
    ]  # fmt: skip
    assert not study.has("labs")


def test_sdtm_responses_are_chosen_by_evaluator_and_acceptance() -> None:
    def reading(
        evaluator: str, reader: str | None, accepted: str | None, response: str, first: int
    ) -> list[dict[str, Any]]:
        common = {"USUBJID": "1", "RSDTC": "2024-03-01", "RSCAT": "RECIST 1.1", "RSEVAL": evaluator, "RSEVALID": reader,
                  "RSACPTFL": accepted}  # fmt: skip
        return [
            {**common, "RSTESTCD": "TRGRESP", "RSSTRESC": "SD", "RSSEQ": first},
            {**common, "RSTESTCD": "OVRLRESP", "RSSTRESC": response, "RSSEQ": first + 1},
        ]

    rs = pl.DataFrame(
        reading("INVESTIGATOR", None, None, "PR", 1)
        + reading("INDEPENDENT ASSESSOR", "R1", None, "PD", 3)
        + reading("INDEPENDENT ASSESSOR", "R2", "Y", "SD", 5)
    )
    study = read("layout: sdtm", dm=DM, ds=DS, rs=rs)
    assert values(study, "response_assessments", "assessor", "reader", "response", "target", "seq") == [
        ("investigator", None, "PR", "SD", 2), ("independent", "R2", "SD", "SD", 6),
        ("independent reader", "R1", "PD", "SD", 4), ("independent reader", "R2", "SD", "SD", 6),
    ]  # fmt: skip


def test_sdtm_lesions_get_their_role_and_place_from_tu_and_nodes_their_short_axis() -> None:
    tu = pl.DataFrame(
        {"USUBJID": ["1"] * 4, "TULNKID": ["T1", "T2", "NT1", "N1"], "TUTESTCD": ["TUMIDENT"] * 4, "TUSEQ": [1, 2, 3,
        4],
         "TUSTRESC": ["TARGET", "TARGET", "NON-TARGET", "NEW"], "TULOC": ["LIVER", "LYMPH NODE", "BONE", None]}
    )  # fmt: skip

    def measured(link: str, test: str, result: str | None, **more: Any) -> dict[str, Any]:
        return {"USUBJID": "1", "TRLNKID": link, "TRTESTCD": test, "TRSTRESC": result, "TRSTRESU": "mm",
        "TRDTC": "2024-01-01",
                "VISIT": "SCREENING", "TREVAL": "INVESTIGATOR", "TRSTAT": None, **more}  # fmt: skip

    tr = pl.DataFrame(
        [
            measured("T1", "LDIAM", "21.5"), measured("T1", "LPERP", "10"), measured("T2", "LDIAM", "30"),
            measured("T2", "LPERP", "16"),
            measured("T1", "LDIAM", None, TRSTAT="NOT DONE", VISIT="WEEK 6", TRDTC="2024-02-15"),
            measured("T2", "LPERP", "TOO SMALL TO MEASURE", VISIT="WEEK 6", TRDTC="2024-02-15"),
            measured("NT1", "TUMSTATE", "PRESENT", TRSTRESU=None),
            measured("N1", "TUMSTATE", "EQUIVOCAL", TRSTRESU=None, VISIT="WEEK 6", TRDTC="2024-02-15"),
        ]
    )  # fmt: skip
    study = read("layout: sdtm", dm=DM, ds=DS, tr=tr, tu=tu)
    columns = ("lesion_id", "role", "organ", "node", "is_baseline", "mm_x100", "state", "status", "certainty")
    assert sorted(values(study, "lesion_assessments", *columns), key=str) == sorted(
        [
            ("T1", "target", "LIVER", False, True, 2150, None, None, "unequivocal"),
            ("T1", "target", "LIVER", False, False, None, "ne", None, "unequivocal"),
            ("T2", "target", "lymph_node", True, True, 1600, None, None, "unequivocal"),
            ("T2", "target", "lymph_node", True, False, None, "tstm", None, "unequivocal"),
            ("NT1", "non-target", "BONE", False, True, None, None, "present", "unequivocal"),
            ("N1", "new", "not stated", False, False, None, None, "present", "equivocal"),
        ],
        key=str,
    )  # fmt: skip
    assert study.findings.collect().is_empty()


def test_sdtm_laboratory_results_are_taken_as_reported_and_urine_is_not_blood() -> None:
    lb = pl.DataFrame(
        {"USUBJID": ["1", "1"], "LBSEQ": [1, 2], "LBTESTCD": ["HGB", "PH"], "LBCAT": ["HEMATOLOGY", "URINALYSIS"],
         "LBORRES": ["9.9", "5.5"], "LBORRESU": ["g/dL", None], "LBSTRESN": [6.14, 5.5], "LBSTRESU": ["mmol/L", None],
         "LBORNRLO": ["11.5", "5"], "LBORNRHI": ["15.8", "8"], "LBBLFL": ["Y", None], "LBDTC": ["2024-01-01T08:00",
         "2024-01-01"]}
    )  # fmt: skip
    study = read("layout: sdtm", dm=DM, ds=DS, lb=lb)
    assert values(study, "labs", "analyte", "value", "unit", "lln", "uln", "is_baseline", "date") == [
        ("HGB", "9.9", "g/dL", 11.5, 15.8, True, date(2024, 1, 1)),
    ]  # fmt: skip


def test_sdtm_adverse_events_take_the_reported_grade_and_never_the_severity() -> None:
    ae = pl.DataFrame(
        {"USUBJID": ["1", "1"], "AESEQ": [1, 2], "AETERM": ["Nausea", "Rash"], "AESEV": ["SEVERE", "MILD"],
        "AETOXGR": [None, "2"],
         "AESTDTC": ["2024-02", "2024-02-01"], "AEREL": ["POSSIBLE", "NONE"], "AESER": ["Y", "N"]}
    )  # fmt: skip
    study = read("layout: sdtm", dm=DM, ds=DS, ae=ae)
    assert values(study, "adverse_events", "term", "grade", "start_date", "related_to", "serious", "aeseq") == [
        ("Nausea", None, "2024-02", "other", True, 1), ("Rash", "2", "2024-02-01", "none", False, 2),
    ]  # fmt: skip


def test_a_protocol_changes_only_what_differs_from_the_layout() -> None:
    section = """
        layout: sdtm
        domains: {dm: [demographics]}
        tables:
          subjects:
            dm:
              columns: {arm: TREATED}
          treatments: null
    """
    ex = pl.DataFrame({"USUBJID": ["1"], "EXTRT": ["X"], "EXSTDTC": ["2024-01-01"]})
    study = read(section, demographics=DM.with_columns(TREATED=pl.lit("Z")), ds=DS, ex=ex)
    assert values(study, "subjects", "subject", "arm", "sex") == [("1", "Z", "F"), ("2", "Z", "M")]
    assert not study.has("treatments")


# Qualifiers, tests side by side, ADaM

SUPP = pl.DataFrame(
    {
        "RDOMAIN": ["AE"] * 5,
        "USUBJID": ["1", "1", "2", "2", "1"],
        "IDVAR": ["AESEQ", "AESEQ", "AESEQ", None, None],
        "IDVARVAL": ["1", " 2.0", "1", None, None],
        "QNAM": ["AEIMM", "AEIMM", "AEIMM", "SITE", "SITE"],
        "QVAL": ["Y", "N", "Y", "S2", "S1"],
    }
)
EVENTS = pl.DataFrame({"USUBJID": ["1", "1", "2"], "AESEQ": [1.0, 2.0, 2.0], "AETERM": ["a", "b", "c"]})
QUALIFIED = """
    tables:
      subjects: {s: {from: dm, columns: {subject: USUBJID}}}
      adverse_events:
        ae:
          from: ae
          qualifiers: [suppae, suppxx if any]
          columns: {subject: USUBJID, term: AETERM, aeseq: AESEQ, immune_related: AEIMM if any}
          extra: {site: SITE}
"""
BOTH = pl.DataFrame({"USUBJID": ["1", "2"]})


def test_qualifiers_stand_beside_the_record_that_they_qualify() -> None:
    study = read(QUALIFIED, dm=BOTH, ae=EVENTS, suppae=SUPP)
    found = values(study, "adverse_events", "subject", "term", "immune_related", "site")
    assert found == [("1", "a", True, "S1"), ("1", "b", False, "S1"), ("2", "c", None, "S2")]
    assert values(read(QUALIFIED, dm=BOTH, ae=EVENTS, suppae=SUPP.reverse()), "adverse_events", "subject", "term",
                  "immune_related", "site") == found  # fmt: skip


def test_a_qualifier_of_a_column_that_is_not_there_is_refused() -> None:
    wrong = SUPP.with_columns(IDVAR=pl.lit("AESPID"))
    with pytest.raises(StudyError, match="refers to 'AESPID'"):
        read(QUALIFIED, dm=BOTH, ae=EVENTS, suppae=wrong)


def test_tests_of_one_lesion_become_one_row() -> None:
    tr = pl.DataFrame(
        {
            "USUBJID": ["1"] * 4,
            "TRLNKID": ["T1", "T1", "T2", "T2"],
            "TRDTC": ["2024-01-01"] * 4,
            "TRTESTCD": ["LDIAM", "LPERP", "LPERP", "OTHER"],
            "TRSTRESC": ["40", "20", "15", "x"],
        }
    )
    section = """
        tables:
          subjects: {s: {from: dm, columns: {subject: USUBJID}}}
          lesion_assessments:
            tr:
              from: tr
              pivot: {by: [USUBJID, TRLNKID, TRDTC, TREVAL if any], name: TRTESTCD, values: [TRSTRESC],
                      where: [{column: TRTESTCD, in: [LDIAM, LPERP]}]}
              columns:
                subject: USUBJID
                visit_date: TRDTC
                is_baseline: {value: true}
                lesion_id: TRLNKID
                role: {value: target}
                mm: [LDIAM_TRSTRESC, LPERP_TRSTRESC]
    """
    expected = [("T1", 4000), ("T2", 1500)]
    assert values(read(section, dm=BOTH, tr=tr), "lesion_assessments", "lesion_id", "mm_x100") == expected
    with pytest.raises(StudyError, match="no column 'LDIAM_TRSTRESC'"):
        read(section, dm=BOTH, tr=tr.filter(pl.col("TRTESTCD") == "LPERP"))


def test_a_flag_in_one_part_and_text_in_another_are_one_column() -> None:
    section = """
        tables:
          subjects:
            a: {from: a, columns: {subject: USUBJID, safety_population: SAFFL}}
            b: {from: b, columns: {subject: USUBJID, safety_population: {where: [{column: EXDOSE, missing: false}]}}}
    """
    a = pl.DataFrame({"USUBJID": ["1"], "SAFFL": ["N"]})
    b = pl.DataFrame({"USUBJID": ["2"], "EXDOSE": ["5"]})
    assert values(read(section, a=a, b=b), "subjects", "subject", "safety_population") == [("1", False), ("2", True)]


def test_the_ready_mapping_of_adam() -> None:
    adsl = pl.DataFrame(
        {"USUBJID": ["1", "2"], "TRT01A": ["A", "B"], "TRTSDT": [date(2024, 1, 1), None], "EOSDT": [date(2024, 5, 1)] * 2,
         "DCSREAS": ["LOST TO FOLLOW-UP", None], "SAFFL": ["Y", "N"]}
    )  # fmt: skip
    adrs = pl.DataFrame(
        {"USUBJID": ["1", "1"], "PARAMCD": ["OVR", "BOR"], "ADT": [date(2024, 3, 1)] * 2, "AVALC": ["PR", "PR"],
         "RSEVAL": ["INVESTIGATOR"] * 2, "ASEQ": [1, 2]}
    )  # fmt: skip
    adlb = pl.DataFrame(
        {"USUBJID": ["1"] * 3, "PARAMCD": ["ALT"] * 3, "ADT": [date(2024, 1, 1)] * 3, "AVAL": [31.0, 32.0, 33.0],
         "LBORRES": ["0.5", None, None], "LBORRESU": ["ukat/L", None, None], "LBSTRESU": ["U/L"] * 3,
         "LBORNRHI": ["0.75", None, None], "ANRHI": [45.0] * 3, "DTYPE": [None, None, "LOV"], "ABLFL": ["Y", "", ""]}
    )  # fmt: skip
    study = read("layout: adam", adsl=adsl, adrs=adrs, adlb=adlb)
    assert values(study, "subjects", "subject", "arm", "lost_to_followup_date", "safety_population") == [
        ("1", "A", date(2024, 5, 1), True), ("2", "B", None, False),
    ]  # fmt: skip
    assert values(study, "treatments", "subject", "component", "start_date") == [("1", "other", "2024-01-01")]
    assert values(study, "response_assessments", "response", "criterion", "assessor", "seq") == [
        ("PR", "RECIST 1.1", "investigator", 1)
    ]
    assert values(study, "labs", "value", "unit", "uln", "is_baseline") == [
        ("0.5", "ukat/L", 0.75, True), ("32", "U/L", 45.0, False),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sdtm_ig", "adam_ig"])
def test_the_ready_mappings_are_rulesets_to_build_on(name: str) -> None:
    from rules_engine.loading import load_ruleset
    from rules_engine.study.mapping import mapping_of

    mapping = mapping_of(load_ruleset({"rules_engine": 1, "id": "x", "kind": "protocol", "extends": [name, "ema"]}))
    assert mapping is not None
    assert {"subjects", "treatments", "adverse_events", "labs"} <= set(mapping.tables)


PLUGIN_TABLE = """
rules_engine: 1
id: prostate
kind: protocol
title: Prostate
extends: [ema]
options: {origin: randomisation}
responses: {imaging: {criterion: pcwg3}}
endpoints: {BOR: {like: BOR, response: imaging}}
data:
  tables:
    subjects: {adsl: {from: adsl, columns: {subject: USUBJID, randomisation_date: RANDDT}}}
    pcwg3_assessments:
      visits:
        from: rs
        pivot: {by: [USUBJID, RSDTC], name: RSTESTCD, values: [RSSTRESC]}
        columns: {subject: USUBJID, date: RSDTC, soft_tissue: SFTSRESP_RSSTRESC, bone: BONERESP_RSSTRESC}
"""


def test_the_table_of_a_plugin_is_mapped_like_the_engines_own(tmp_path: Path) -> None:
    file = tmp_path / "prostate.yaml"
    file.write_text(PLUGIN_TABLE, encoding="utf-8")
    rs = [("1", "2024-03-01", "SFTSRESP", "PR"), ("1", "2024-03-01", "BONERESP", "NON-PD")]
    tables = {
        "adsl": pl.DataFrame({"USUBJID": ["1"], "RANDDT": ["2024-01-01"]}),
        "rs": pl.DataFrame(rs, schema=["USUBJID", "RSDTC", "RSTESTCD", "RSSTRESC"], orient="row"),
    }
    study = read_study(tables, ruleset=load_ruleset(file))
    rows = study.tables["pcwg3_assessments"].select("subject", "soft_tissue", "bone").collect()
    assert rows.rows() == [("1", "PR", "NON-PD")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("pcwg3_assessments:", "pcwg3_assesments:"), "did you mean 'pcwg3_assessments'"),
        (("bone: BONERESP", "bones: BONERESP"), "did you mean 'bone'"),
    ],
)
def test_a_misspelled_table_or_column_of_a_plugin_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    file = tmp_path / "prostate.yaml"
    file.write_text(PLUGIN_TABLE.replace(*change), encoding="utf-8")
    with pytest.raises(RulesetError, match=said):
        load_ruleset(file)

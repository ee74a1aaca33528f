"""Everything that a criterion says of a visit and of a subject reaches the data sets and the API."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from rules_engine import criteria
from rules_engine.errors import RulesetError

from tests.strategies.small_studies import LESIONS, codes, run, told, write_tables

RECIST = {"overall": {"criterion": "recist_1_1"}}
#: Columns of the specification of response criteria, by visit and by subject.
OF_VISIT = (
    "sum_mm", "sum_complete", "baseline_mm", "nadir_mm", "change_from_baseline_pct", "change_from_nadir_pct",
    "change_from_nadir_mm", "target", "nontarget", "new_lesion", "overall", "overall_as_read", "accepted",
    "irecist_state", "anchor_date", "confirmation_reasons", "trace",
)  # fmt: skip
OF_SUBJECT = (
    "bor", "bor_date", "response_date", "progression_date", "progression_status", "progression_reasons",
)  # fmt: skip
IUPD = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,viable_mm,state,status
A,2024-01-08,Y,T1,target,liver,50,50,,
A,2024-03-04,N,T1,target,liver,62,62,,
A,2024-03-18,N,T1,target,liver,63,63,,
A,2024-04-15,N,T1,target,liver,67.5,67.5,,
"""


def test_the_api_has_every_column_of_a_visit(tmp_path: Path) -> None:
    rows = run(write_tables(tmp_path), RECIST).timepoints
    assert rows.columns == ["response_name", *criteria.PUBLISHED_SCHEMA]
    assert set(OF_VISIT) <= set(rows.columns)
    last = rows.filter(pl.col("subject") == "A").sort("visit_date").row(1, named=True)
    assert (last["sum_mm"], last["baseline_mm"], last["nadir_mm"]) == (30.0, 40.0, 20.0)
    assert (last["change_from_baseline_pct"], last["change_from_nadir_pct"], last["change_from_nadir_mm"]) == (
        -25,
        50,
        10,
    )
    assert (last["target"], last["nontarget"], last["overall"]) == ("PD", "NA", "PD")
    assert last["trace"] == ["recist_1_1.target.pd", "recist_1_1.nontarget.na"]


def test_the_api_has_every_column_of_a_subject(tmp_path: Path) -> None:
    rows = run(write_tables(tmp_path), RECIST).subject_responses
    assert set(OF_SUBJECT) <= set(rows.columns)
    first, second = rows.sort("subject").iter_rows(named=True)
    assert (first["bor"], first["bor_date"], first["response_date"]) == ("PR", date(2024, 3, 4), date(2024, 3, 4))
    assert (first["progression_date"], first["progression_status"]) == (date(2024, 4, 29), "progressed")
    assert first["progression_reasons"] == ["recist_1_1.target.pd"]
    assert (second["bor"], second["progression_date"], second["progression_status"]) == ("SD", None, "none")
    assert first["reference_date"] == date(2024, 1, 10)  # the randomisation, from which PFS counts


def test_an_unconfirmed_progression_shows_its_anchor_what_was_disregarded_and_what_confirmed(tmp_path: Path) -> None:
    result = run(write_tables(tmp_path, lesion_assessments=IUPD), {"overall": {"criterion": "irecist"}})
    rows = result.timepoints.sort("visit_date")
    assert rows["overall"].to_list() == ["iUPD", "iUPD", "iCPD"]
    assert rows["accepted"].to_list() == [True, False, True]
    assert rows["irecist_state"].to_list() == ["PENDING", "PENDING", "CONFIRMED"]
    assert rows["anchor_date"].to_list() == [date(2024, 3, 4)] * 3
    assert rows["confirmation_reasons"].to_list() == [None, None, ["C1"]]
    subject = result.subject_responses.row(0, named=True)
    assert (subject["bor"], subject["progression_status"]) == ("iCPD", "confirmed")
    assert subject["progression_reasons"] == ["C1"]
    timepoints = result.adrs.filter(pl.col("PARCAT1") == "TIMEPOINT").sort("ADT")
    assert timepoints["ACCPTFL"].to_list() == ["Y", "N", "Y"]
    assert timepoints["CONFREAS"].to_list() == [None, None, "C1"]
    assert timepoints["IRSTATE"].to_list() == ["PENDING", "PENDING", "CONFIRMED"]
    assert timepoints["ANCHDT"].to_list() == [date(2024, 3, 4)] * 3


def test_sums_begin_with_the_baseline(tmp_path: Path) -> None:
    rows = run(write_tables(tmp_path), RECIST).adtr.filter(pl.col("USUBJID") == "A")
    assert rows["ADT"].to_list() == [date(2024, 1, 8), date(2024, 3, 4), date(2024, 4, 29)]
    assert rows["ABLFL"].to_list() == ["Y", None, None]
    assert rows["AVAL"].to_list() == [40, 20, 30]
    assert rows["BASE"].to_list() == [40, 40, 40]
    assert rows["CHG"].to_list() == [None, -20, -10]
    assert rows["PCHG"].to_list() == [None, -50, -25]
    assert rows["NADIR"].to_list() == [None, 40, 20]
    assert rows["PCHGNAD"].to_list() == [None, -50, 50]


def test_a_baseline_without_later_visits_stands_in_the_sums(tmp_path: Path) -> None:
    alone = "\n".join(LESIONS.strip().splitlines()[:2])
    rows = run(write_tables(tmp_path, lesion_assessments=alone), RECIST).adtr
    assert rows.select("USUBJID", "ABLFL", "AVAL").rows() == [("A", "Y", 40.0)]


def test_best_response_and_progression_by_the_criterion_are_records_of_adrs(tmp_path: Path) -> None:
    rows = run(write_tables(tmp_path), RECIST).adrs.filter(pl.col("PARCAT1") == "SUBJECT")
    mine = rows.filter(pl.col("USUBJID") == "A").sort("PARAMCD")
    assert mine["PARAMCD"].to_list() == ["BOROVERA", "PDOVERAL"]
    assert mine["AVALC"].to_list() == ["PR", "Y"]
    assert mine["ADT"].to_list() == [date(2024, 3, 4), date(2024, 4, 29)]
    assert mine["PDSTAT"].to_list() == [None, "progressed"]
    assert mine["RSPDT"].to_list() == [date(2024, 3, 4), None]


def test_what_is_read_after_the_cut_off_does_not_date_progression_back_before_it(tmp_path: Path) -> None:
    doubtful = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,certainty
A,2024-01-08,Y,T1,target,liver,40,
A,2024-03-04,N,T1,target,liver,40,
A,2024-03-04,N,N1,new,lung,6,equivocal
A,2024-04-29,N,T1,target,liver,40,
A,2024-04-29,N,N1,new,lung,9,unequivocal
"""
    folder = write_tables(tmp_path, lesion_assessments=doubtful)
    assert codes(run(folder, RECIST)) == {"A": ["PD", "PD"]}
    before = run(folder, RECIST, data_cutoff="2024-04-01")
    assert codes(before) == {"A": ["SD"]}
    assert before.adtte.filter(pl.col("USUBJID") == "A")["CNSR"].to_list() != [0]
    explained = before.explain("A", response="overall")
    assert "2024-04-29" not in str(explained)


def test_a_column_beyond_the_contract_reaches_the_criterion(tmp_path: Path) -> None:
    treated = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,viable_mm,Local_Therapy
A,2024-01-08,Y,T1,target,liver,40,40,
A,2024-03-04,N,T1,target,liver,20,20,OUTSIDE
A,2024-04-29,N,T1,target,liver,18,18,
B,2024-01-08,Y,T1,target,liver,40,40,
B,2024-03-04,N,T1,target,liver,20,20,study
B,2024-04-29,N,T1,target,liver,18,18,ablation
"""
    folder = write_tables(tmp_path, lesion_assessments=treated)
    kept = run(folder, {"overall": {"criterion": "mrecist"}})
    assert codes(kept) == {"A": ["NE", "NE"], "B": ["PR", "PR"]}
    odd = kept.findings.filter(pl.col("field") == "local_therapy").row(0, named=True)
    assert (odd["rule_id"], odd["subject"], odd["value"]) == ("data.code", "B", "ablation")
    assert odd["record"] == "row 6, visit 2024-04-29, lesion T1"
    excluded = run(folder, {"overall": {"criterion": "mrecist", "options": {"mrecist.on_study_local": "exclude"}}})
    assert codes(excluded) == {"A": ["NE", "NE"], "B": ["NE", "NE"]}


def test_a_column_that_the_criterion_measures_and_nobody_filled_is_pointed_out_once(tmp_path: Path) -> None:
    whole = "\n".join(",".join(line.split(",")[:7]) for line in LESIONS.strip().splitlines())
    folder = write_tables(tmp_path, lesion_assessments=whole)
    result = run(folder, {"overall": {"criterion": "mrecist"}, "whole": {"criterion": "recist_1_1"}})
    assert codes(result) == {"A": ["NE", "NE"], "B": ["NE"]}
    assert codes(result, "whole")["A"] == ["PR", "PD"]
    (said,) = result.findings.filter(pl.col("rule_id") == "lesions.column.empty").iter_rows(named=True)
    assert (said["severity"], said["subject"], said["value"]) == ("error", None, "viable_mm")


def test_a_window_of_confirmation_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    options = {"irecist.confirm_min_days": 42, "irecist.confirm_max_days": 28}
    with pytest.raises(RulesetError, match="42 days after the iUPD at the soonest and 28 days"):
        run(write_tables(tmp_path), {"overall": {"criterion": "irecist", "options": options}})


def test_an_old_baseline_is_pointed_out(tmp_path: Path) -> None:
    old = LESIONS.replace("A,2024-01-08", "A,2023-12-12")
    result = run(write_tables(tmp_path, lesion_assessments=old), RECIST)  # 29 days before the randomisation
    assert "lesions.baseline.too_old" in told(result, "A")
    assert "lesions.baseline.too_old" not in told(result, "B")
    longer = {"overall": {"criterion": "recist_1_1", "options": {"baseline.max_days": 29}}}
    assert "lesions.baseline.too_old" not in told(run(tmp_path, longer), "A")


def test_a_subject_without_disease_at_baseline_is_recorded_by_what_was_not_found(tmp_path: Path) -> None:
    cured = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,state
A,2024-01-08,Y,N1,new,lung,,absent
A,2024-03-04,N,N1,new,lung,,absent
A,2024-04-29,N,N1,new,lung,8,
B,2024-01-08,Y,N1,new,lung,8,
B,2024-03-04,N,N1,new,lung,9,
"""
    result = run(write_tables(tmp_path, lesion_assessments=cured), RECIST)
    assert codes(result) == {"A": ["NED", "PD"], "B": ["NED"]}
    assert not {rule for rule in told(result, "A") if rule.startswith("lesions.")}
    assert "lesions.role.new_at_baseline" in told(result, "B")

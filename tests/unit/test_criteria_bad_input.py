"""Bad lesion data as it comes in files: each fault is said with subject, visit and lesion, and no other subject is touched."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml
from rules_engine.cli import main
from rules_engine.engine import Result

from tests.strategies.small_studies import codes, protocol, run, write_tables

HEADER = "subject,visit_date,is_baseline,lesion_id,fragment_id,role,organ,kind,node,mm,state,into,status,certainty"
#: A sound subject beside the spoiled one: 30 to 18 mm is a decrease of 40 %.
SOUND = """
B,2024-01-08,Y,T1,,target,liver,,,30,,,,
B,2024-03-04,N,T1,,target,liver,,,18,,,,
"""
BASE = "A,2024-01-08,Y,T1,,target,liver,,,40,,,,"
LATER = "A,2024-03-04,N,T1,,target,liver,,,20,,,,"
#: What is wrong, the rows of the spoiled subject, the finding and how serious it is, the record that it names, and the
#: subject's overall responses all the same.
FAULTS: list[tuple[str, list[str], str, str, str | None, list[str]]] = [
    ("two baselines", [BASE, "A,2024-01-20,Y,T1,,target,liver,,,44,,,,", LATER],
     "lesions.baseline.several", "error", "visit 2024-01-20", ["PR"]),
    ("no baseline", [LATER],
     "lesions.baseline.missing", "error", None, ["NE"]),
    ("a visit before the baseline", [BASE, "A,2023-12-04,N,T1,,target,liver,,,60,,,,", LATER],
     "lesions.visit.before_baseline", "warning", "visit 2023-12-04, lesion T1", ["PR"]),
    ("a baseline after all other visits", ["A,2024-05-06,Y,T1,,target,liver,,,40,,,,", LATER],
     "lesions.visit.before_baseline", "warning", "visit 2024-03-04, lesion T1", []),
    ("a target without a diameter at baseline", [BASE, "A,2024-01-08,Y,T2,,target,lung,,,,,,,", LATER,
      "A,2024-03-04,N,T2,,target,lung,,,12,,,,"],
     "lesions.baseline.no_sum", "error", "visit 2024-01-08, lesion T2", ["NE"]),
    ("a target that the baseline does not have", [BASE, LATER, "A,2024-03-04,N,T2,,target,lung,,,12,,,,"],
     "lesions.role.not_at_baseline", "error", "visit 2024-03-04, lesion T2", ["PR"]),
    ("an effusion as target", [BASE, "A,2024-01-08,Y,E1,,target,pleura,effusion,,20,,,,", LATER,
      "A,2024-03-04,N,E1,,target,pleura,effusion,,20,,,,"],
     "lesions.target.not_measurable", "error", "visit 2024-01-08, lesion E1", ["PR"]),
    ("a thrombosis as target", [BASE, "A,2024-01-08,Y,V1,,target,portal_vein,pvt,,20,,,,", LATER,
      "A,2024-03-04,N,V1,,target,portal_vein,pvt,,20,,,,"],
     "lesions.target.not_measurable", "error", "visit 2024-01-08, lesion V1", ["PR"]),
    ("a target that is too small", ["A,2024-01-08,Y,T1,,target,liver,,,8,,,,", "A,2024-03-04,N,T1,,target,liver,,,8,,,,"],
     "lesions.target.too_small", "warning", "visit 2024-01-08, lesion T1", ["SD"]),
    ("a target too small to measure at baseline", [BASE, "A,2024-01-08,Y,T2,,target,lung,,,,tstm,,,", LATER,
      "A,2024-03-04,N,T2,,target,lung,,,,tstm,,,"],
     "lesions.target.too_small", "warning", "visit 2024-01-08, lesion T2", ["PR"]),
    ("a small target node", ["A,2024-01-08,Y,L1,,target,lymph_node,,Y,14,,,,", "A,2024-03-04,N,L1,,target,lymph_node,,Y,14,,,,"],
     "lesions.target.too_small", "warning", "visit 2024-01-08, lesion L1", ["SD"]),
    ("six targets", [f"A,{day},{at_baseline},T{k},,target,organ{k},,,20,,,," for day, at_baseline in
      (("2024-01-08", "Y"), ("2024-03-04", "N")) for k in range(6)],
     "lesions.target.too_many", "warning", None, ["SD"]),
    ("three targets in one organ", [f"A,{day},{at_baseline},T{k},,target,Liver,,,20,,,," for day, at_baseline in
      (("2024-01-08", "Y"), ("2024-03-04", "N")) for k in range(3)],
     "lesions.target.too_many_per_organ", "warning", "organ liver", ["SD"]),
    ("a role that changes", [BASE, LATER.replace("target", "non-target")],
     "lesions.role.changes", "error", "visit 2024-03-04, lesion T1", ["PR"]),
    ("a new lesion at baseline", [BASE, "A,2024-01-08,Y,N1,,new,lung,,,9,,,,", LATER],
     "lesions.role.new_at_baseline", "error", "visit 2024-01-08, lesion N1", ["PR"]),
    ("merged into a lesion that is not there", [BASE, "A,2024-03-04,N,T1,,target,liver,,,,merged,T9,,"],
     "lesions.merged.without_carrier", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("merged into itself", [BASE, "A,2024-03-04,N,T1,,target,liver,,,,merged,T1,,"],
     "lesions.merged.without_carrier", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("merged into nothing", [BASE, "A,2024-03-04,N,T1,,target,liver,,,,merged,,,"],
     "lesions.merged.without_carrier", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("two lesions merged into each other", [BASE, BASE.replace("T1", "T2"), "A,2024-03-04,N,T1,,target,liver,,,,merged,T2,,",
      "A,2024-03-04,N,T2,,target,liver,,,,merged,T1,,"],
     "lesions.merged.without_carrier", "error", "visit 2024-03-04, lesion T2", ["NE"]),
    ("fragments of a lesion that was never recorded", [BASE, LATER, "A,2024-03-04,N,T7,F1,target,liver,,,9,,,,",
      "A,2024-03-04,N,T7,F2,target,liver,,,7,,,,"],
     "lesions.role.not_at_baseline", "error", "visit 2024-03-04, lesion T7", ["PR"]),
    ("a fragment without the name of its lesion", [BASE, "A,2024-03-04,N,,F1,target,liver,,,9,,,,", LATER],
     "data.required_missing", "error", "visit 2024-03-04", ["PR"]),
    ("a lesion as a whole and in fragments", [BASE, LATER, "A,2024-03-04,N,T1,F1,target,liver,,,9,,,,"],
     "lesions.record.whole_and_fragments", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("a lesion recorded twice", [BASE, LATER, "A,2024-03-04,N,T1,,target,liver,,,22,,,,"],
     "lesions.record.repeated", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("a diameter with a comma", [BASE, 'A,2024-03-04,N,T1,,target,liver,,,"12,5",,,,'],
     "data.length", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("a diameter with its unit", [BASE, "A,2024-03-04,N,T1,,target,liver,,,12 mm,,,,"],
     "data.length", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("a negative diameter", [BASE, "A,2024-03-04,N,T1,,target,liver,,,-3,,,,"],
     "data.length", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("a diameter in tenths of a millimetre", [BASE, "A,2024-03-04,N,T1,,target,liver,,,501,,,,"],
     "data.length", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("no subject", [BASE, LATER, ",2024-04-29,N,T1,,target,liver,,,90,,,,"],
     "data.subject_missing", "error", "visit 2024-04-29, lesion T1", ["PR"]),
    ("an unknown role", [BASE, LATER, "A,2024-04-29,N,T1,,primary,liver,,,90,,,,"],
     "data.code", "error", "visit 2024-04-29, lesion T1", ["PR"]),
    ("an unknown state beside a diameter", [BASE, "A,2024-03-04,N,T1,,target,liver,,,20,vanished,,,"],
     "data.code", "error", "visit 2024-03-04, lesion T1", ["NE"]),
    ("an unknown state of a new lesion", [BASE, LATER, "A,2024-03-04,N,N1,,new,lung,,,,,,gone?,"],
     "data.code", "error", "visit 2024-03-04, lesion N1", ["PR"]),
    ("an unknown certainty", [BASE, LATER, "A,2024-03-04,N,N1,,new,lung,,,8,,,,perhaps"],
     "data.code", "error", "visit 2024-03-04, lesion N1", ["PR"]),
    ("a date that is none", [BASE, LATER, "A,2024-02-30,N,T1,,target,liver,,,90,,,,"],
     "data.date", "error", "visit 2024-02-30, lesion T1", ["PR"]),
    ("a diameter beside an absence", [BASE, "A,2024-03-04,N,T1,,target,liver,,,20,absent,,,"],
     "lesions.state.contradicts_number", "warning", "visit 2024-03-04, lesion T1", ["CR"]),
    ("a diameter of a non-target that is absent", [BASE, LATER, "A,2024-01-08,Y,P,,non-target,lung,,,9,,,present,",
      "A,2024-03-04,N,P,,non-target,lung,,,9,,,absent,"],
     "lesions.status.contradicts_number", "warning", "visit 2024-03-04, lesion P", ["PR"]),
    ("state and status of a new lesion at odds", [BASE, LATER, "A,2024-03-04,N,N1,,new,lung,,,,absent,,present,"],
     "lesions.state.contradicts_status", "warning", "visit 2024-03-04, lesion N1", ["PR"]),
    ("a cyst", [BASE, LATER, "A,2024-01-08,Y,C,,non-target,liver,cyst,,,,,present,",
      "A,2024-03-04,N,C,,non-target,liver,cyst,,,,,present,"],
     "lesions.cyst", "warning", "visit 2024-01-08, lesion C", ["PR"]),
]  # fmt: skip


SOUND_SUBJECT = "B"


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A study in which every subject but one has a fault of its own."""
    rows = [row.replace("A,", f"{name},", 1) for name, rows, *_more in FAULTS for row in rows]
    subjects = "\n".join(
        ["subject,randomisation_date,death_date", *(f"{name},2024-01-10," for name in (*(f[0] for f in FAULTS), "B"))]
    )
    table = "\n".join([HEADER, *rows]) + SOUND
    folder = write_tables(tmp_path_factory.mktemp("spoiled"), subjects=subjects, lesion_assessments=table)
    return run(folder, {"overall": {"criterion": "recist_1_1"}})


@pytest.mark.parametrize(
    ("name", "rule", "severity", "record", "overall"),
    [(name, *expected) for name, _rows, *expected in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_fault_is_said(
    spoiled: Result, name: str, rule: str, severity: str, record: str | None, overall: list[str]
) -> None:
    mine = pl.col("subject").is_null() if rule == "data.subject_missing" else pl.col("subject") == name
    found = spoiled.findings.filter(pl.col("rule_id") == rule, mine)
    assert set(found["severity"]) == {severity}
    assert any(said == record or (record and said.endswith(f", {record}")) for said in found["record"])
    assert codes(spoiled).get(name, []) == overall


def test_a_sound_subject_beside_all_these_faults_is_not_touched(spoiled: Result) -> None:
    assert codes(spoiled)[SOUND_SUBJECT] == ["PR"]
    assert not spoiled.findings.filter(pl.col("subject") == SOUND_SUBJECT).height


def test_two_readers_of_one_visit_are_pointed_out_where_the_ruleset_names_none(tmp_path: Path) -> None:
    table = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,assessor
A,2024-01-08,Y,T1,target,liver,40,investigator
A,2024-01-08,Y,T1,target,liver,41,independent
A,2024-03-04,N,T1,target,liver,20,investigator
A,2024-03-04,N,T1,target,liver,22,independent
B,2024-01-08,Y,T1,target,liver,30,investigator
B,2024-03-04,N,T1,target,liver,18,investigator
"""
    folder = write_tables(tmp_path, lesion_assessments=table)
    mixed = run(folder, {"overall": {"criterion": "recist_1_1"}})
    assert codes(mixed) == {"A": ["NE"], "B": ["PR"]}
    said = mixed.findings.filter(pl.col("rule_id") == "lesions.reading.several")
    assert set(said["record"]) == {"visit 2024-01-08", "visit 2024-03-04"}
    assert set(said["value"]) == {"independent; investigator"}
    chosen = run(folder, {"overall": {"criterion": "recist_1_1", "assessor": "independent"}})
    assert codes(chosen) == {"A": ["PR"]}
    assert "lesions.reading.several" not in set(chosen.findings["rule_id"])


def test_the_command_line_tells_of_bad_lesions_and_derives_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = "\n".join([HEADER, BASE, 'A,2024-03-04,N,T1,,target,liver,,,"12,5",,,,']) + SOUND
    folder = write_tables(tmp_path / "study", lesion_assessments=table)
    ruleset = tmp_path / "small.yaml"
    ruleset.write_text(yaml.safe_dump(protocol({"overall": {"criterion": "recist_1_1"}})), encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["run", str(ruleset), "--data", str(folder), "--out", str(tmp_path / "out")])
    assert left.value.code == 0
    assert "data.length" in capsys.readouterr().out
    findings = pl.read_parquet(tmp_path / "out" / "findings.parquet")
    assert findings.filter(rule_id="data.length")["value"].to_list() == ["12,5"]
    assert pl.read_parquet(tmp_path / "out" / "adtr.parquet").filter(USUBJID="B")["AVAL"].to_list() == [30, 18]

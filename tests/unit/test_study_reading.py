"""Studies from folders and frames: what is read, what is refused, and what is said."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from rules_engine.contracts import TABLES, canonical_schema
from rules_engine.errors import StudyError
from rules_engine.registry import build_registry
from rules_engine.study import Study, read_study
from rules_engine.study.sources import hash_file

from rules_engine_plugins import readers

SUBJECTS = "subject,arm,randomisation_date\n1,A,2024-01-01\n2,B,2024-02-01\n"
LESIONS = "subject,visit_date,is_baseline,lesion_id,role,mm\n1,2024-01-01,Y,T1,target,20.5\n"


READERS = build_registry([("readers", readers)])


def read(source: object) -> Study:
    return read_study(source, registry=READERS)


def folder(path: Path, files: Mapping[str, str | bytes]) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(source: object) -> str:
    with pytest.raises(StudyError) as raised:
        read(source)
    assert raised.value.exit_code == 3
    return str(raised.value)


def rules_found(source: object) -> list[str]:
    return read(source).findings.collect()["rule_id"].to_list()


# What is read


def test_a_folder_of_csv_files(tmp_path: Path) -> None:
    study = read(folder(tmp_path / "s", {"subjects.csv": SUBJECTS, "lesion_assessments.csv": LESIONS}))
    for name, table in TABLES.items():
        schema = study.tables[name].collect_schema()
        assert {column: schema[column] for column in canonical_schema(table)} == canonical_schema(table)
    row = study.tables["lesion_assessments"].collect().row(0, named=True)
    assert (row["mm_x100"], row["organ"], row["node"], row["assessor"]) == (2050, "liver", False, "investigator")
    assert row["row"] == 1
    assert study.findings.collect().is_empty()
    assert study.has("subjects")
    assert not study.has("labs")


def test_names_are_matched_without_regard_to_case_and_other_files_are_left_alone(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "s", {"Subjects.CSV": SUBJECTS.replace("subject,arm", " Subject ,ARM"), "notes.csv": "x\n1\n"}
    )
    study = read(path)
    assert study.tables["subjects"].collect()["arm"].to_list() == ["A", "B"]
    assert study.findings.collect().is_empty()


def test_bom_crlf_quotes_unicode_and_final_newline_change_nothing(tmp_path: Path) -> None:
    plain = 'subject,arm\n1,"Größe ""A"", µ"\n2,"two\nlines"\n'
    spreadsheet = b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").replace("two\r\nlines", "two\nlines").encode().rstrip()
    one = read(folder(tmp_path / "one", {"subjects.csv": plain}))
    two = read(folder(tmp_path / "two", {"subjects.csv": spreadsheet}))
    assert one.tables["subjects"].collect().equals(two.tables["subjects"].collect())
    assert one.tables["subjects"].collect()["arm"].to_list() == ['Größe "A", µ', "two\nlines"]


def test_identifiers_keep_their_leading_zeros_and_na_is_a_value(tmp_path: Path) -> None:
    study = read(folder(tmp_path / "s", {"subjects.csv": "subject,arm\n001,NA\n01-014,\n"}))
    assert study.tables["subjects"].select("subject", "arm").collect().rows() == [("001", "NA"), ("01-014", None)]


def test_csv_and_parquet_give_the_same_tables(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"subject": ["1", "1"], "visit_date": ["2024-01-01", "2024-03-01"], "is_baseline": ["true", "false"],
         "lesion_id": ["T1", "T1"], "role": ["target", "target"], "mm": ["12.3", "9.99"]}
    )  # fmt: skip
    native = rows.with_columns(
        pl.col("visit_date").str.to_date(), pl.col("mm").cast(pl.Float64), is_baseline=pl.col("is_baseline") == "true"
    )
    csv = folder(tmp_path / "csv", {"subjects.csv": "subject\n1\n", "lesion_assessments.csv": rows.write_csv()})
    parquet = folder(tmp_path / "parquet", {"subjects.csv": "subject\n1\n"})
    native.write_parquet(parquet / "lesion_assessments.parquet")
    one, two = (read(path).tables["lesion_assessments"].collect() for path in (csv, parquet))
    assert one.equals(two)
    assert one["mm_x100"].to_list() == [1230, 999]


def test_the_studys_own_columns_are_kept(tmp_path: Path) -> None:
    study = read(folder(tmp_path / "s", {"subjects.csv": "subject,BCLC,Row\n1, B ,x\n"}))
    assert study.tables["subjects"].select("subject", "bclc", "row").collect().rows() == [("1", "B", 1)]
    assert study.findings.collect()["rule_id"].to_list() == ["data.column_unread"]


def test_sources_are_named_counted_and_hashed(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": SUBJECTS})
    (source,) = read(path).sources
    assert source.as_dict() == {
        "name": "subjects",
        "file": "subjects.csv",
        "sha256": hash_file(path / "subjects.csv"),
        "rows": 2,
    }
    (in_memory,) = read({"subjects": pl.DataFrame({"subject": ["1"]})}).sources
    assert in_memory.as_dict() == {"name": "subjects", "file": None, "sha256": None, "rows": 1}


def test_a_study_of_one_subject_and_no_event(tmp_path: Path) -> None:
    study = read(folder(tmp_path / "s", {"subjects.csv": "subject\n1\n", "clinical_events.csv": "subject,date,kind\n"}))
    assert study.tables["subjects"].collect().height == 1
    assert study.tables["clinical_events"].collect().is_empty()
    assert study.has("clinical_events")


# What is refused


def test_a_missing_folder_names_the_nearest_one(tmp_path: Path) -> None:
    folder(tmp_path / "study", {"subjects.csv": SUBJECTS})
    text = refused(tmp_path / "studi")
    assert "there is no such folder" in text
    assert "did you mean 'study'?" in text


def test_one_file_is_a_study_of_one_table(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": SUBJECTS, "labs.csv": "broken"}) / "subjects.csv"
    study = read(path)
    assert study.tables["subjects"].collect()["subject"].to_list() == ["1", "2"]
    assert not study.has("labs")
    assert "no reader reads .doc files" in refused(folder(tmp_path / "d", {"subjects.doc": SUBJECTS}) / "subjects.doc")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": SUBJECTS})
    path.chmod(0)
    try:
        assert "cannot be read" in refused(path)
    finally:
        path.chmod(0o755)


def test_a_folder_without_tables_says_what_it_found_and_what_is_asked_for(tmp_path: Path) -> None:
    text = refused(folder(tmp_path / "s", {"dm.csv": "USUBJID\n1\n"}))
    assert "it holds no input table (found: dm.csv)" in text
    assert "subjects, lesion_assessments, response_assessments" in text
    assert "`data`" in text
    assert "nothing that can be read" in refused(folder(tmp_path / "empty", {}))
    assert "it holds no input table" in refused({})


def test_a_misspelt_table_is_pointed_out(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": SUBJECTS, "lesion_assesments.csv": LESIONS})
    (finding,) = read(path).findings.collect().to_dicts()
    assert (finding["rule_id"], finding["severity"], finding["value"]) == (
        "data.file_unread",
        "warning",
        "lesion_assesments.csv",
    )
    assert "did you mean lesion_assessments?" in finding["message"]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_required_column_that_is_missing_is_named(table: str) -> None:
    wanted = TABLES[table].required
    text = refused({"subjects": pl.DataFrame({"subject": ["1"]}), table: pl.DataFrame({"nothing": ["1"]})})
    assert text.count("which it needs") == len(wanted)
    for column in wanted:
        assert f"it has no column '{column}'" in text


def test_a_misspelt_column_is_recognised() -> None:
    lesions = pl.read_csv(LESIONS.encode(), infer_schema=False).rename({"visit_date": "visitdate"})
    text = refused({"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": lesions})
    assert "it has no column 'visit_date'" in text
    assert "did you mean 'visitdate'?" in text


def test_all_faults_of_a_study_are_told_at_once(tmp_path: Path) -> None:
    files = {
        "subjects.csv": "name\n1\n",
        "labs.csv": "subject,date,analyte,value,unit\n1,first,ALT,1,U/L\n1,second,ALT,1,U/L\n",
        "treatments.parquet": b"PAR1 cut off",
        "clinical_events.csv": "",
    }
    with pytest.raises(StudyError) as raised:
        read(folder(tmp_path / "s", files))
    said = [str(problem) for problem in raised.value.problems]
    assert len(said) == 4
    for word in ("'subject'", "none of its 2 values is a date", "the file cannot be read", "the file is empty"):
        assert sum(word in text for text in said) == 1, word


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("subject,Subject\n1,2\n", "two columns have one name: subject"),
        ("subject,arm,ARM \n1,a,b\n", "two columns have one name: arm"),
        ("subject;arm\n1;a\n", "not separated by commas"),
        ("subject,arm\n1,a,b\n", "the file cannot be read"),
        (b"subject,arm\n1,\xff\xfe\n", "the file cannot be read"),
        ("subject,arm\n1,a\n".encode("utf-16"), "not UTF-8"),
        (b"PK\x03\x04\x00\x00sheet", "its bytes are those of Workbook"),
        (b"", "the file is empty"),
        ("subject\n", "it has no subjects"),
        ("subject,arm\n,a\n", "it has no subjects"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    text = refused(folder(tmp_path / "s", {"subjects.csv": content}))
    assert message in text
    assert "subjects" in text


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": "subject\n1\n"})
    pl.read_csv(LESIONS.encode()).write_parquet(path / "lesion_assessments.parquet")
    whole = (path / "lesion_assessments.parquet").read_bytes()
    (path / "lesion_assessments.parquet").write_bytes(whole[: len(whole) // 2])
    assert "lesion_assessments.parquet" in refused(path)
    assert "the file cannot be read" in refused(path)


def test_a_table_given_twice_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "s", {"subjects.csv": SUBJECTS})
    pl.read_csv(SUBJECTS.encode()).write_parquet(path / "subjects.parquet")
    assert "it is there twice: subjects.csv and subjects.parquet" in refused(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("visit_date", pl.Series([1.5])), ("visit_date", pl.Series([True])), ("is_baseline", pl.Series([[1]])),
        ("lesion_id", pl.Series([{"a": 1}])), ("mm", pl.Series([True])), ("role", pl.Series([[b"x"]])),
    ],
)  # fmt: skip
def test_a_column_of_another_type_is_refused(column: str, value: pl.Series) -> None:
    rows = pl.read_csv(LESIONS.encode(), infer_schema=False).with_columns(value.alias(column))
    text = refused({"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": rows})
    assert f"column {column}" in text
    assert "cannot be read" in text


def test_a_column_in_which_nothing_is_of_its_kind_is_refused() -> None:
    lengths = pl.DataFrame(
        {"subject": ["1"] * 5, "visit_date": ["2024-01-01"] * 5, "is_baseline": ["Y"] * 5,
         "lesion_id": list("abcde"), "role": ["target"] * 5, "mm": [f"1{i},5" for i in range(5)]}
    )  # fmt: skip
    text = refused({"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": lengths})
    assert "none of its 5 values is a length in millimetres: '10,5', '11,5', '12,5'" in text
    dates = pl.DataFrame({"subject": ["1"], "date": ["May"], "analyte": ["ALT"], "value": ["1"], "unit": ["U/L"]})
    assert "none of its 1 values is a date: 'May'" in refused(
        {"subjects": pl.DataFrame({"subject": ["1"]}), "labs": dates}
    )


def test_what_is_no_frame_is_refused() -> None:
    assert "int is no frame that can be read" in refused({"subjects": 3})
    assert "neither a folder nor a mapping" in refused(7)


# What is said


def test_equal_rows_of_one_subject_become_one_and_differing_rows_are_refused() -> None:
    study = read({"subjects": pl.DataFrame({"subject": ["1", "2", "1"], "arm": ["A", "B", "A"]})})
    assert study.tables["subjects"].select("subject", "row").sort("row").collect().rows() == [("1", 1), ("2", 2)]
    (finding,) = study.findings.collect().to_dicts()
    assert (finding["rule_id"], finding["subject"], finding["record"]) == ("data.subject_duplicate", "1", "row 3")
    text = refused({"subjects": pl.DataFrame({"subject": ["1", "2", "1"], "arm": ["A", "B", "C"]})})
    assert "1 subject(s) have several rows that differ in arm: 1" in text


def test_two_deaths_of_one_subject_are_refused() -> None:
    twice = pl.DataFrame({"subject": ["1", "1"], "arm": ["A", "A"], "death_date": ["2024-05-01", "2024-06"]})
    assert "1 subject(s) have several rows that differ in death_date: 1" in refused({"subjects": twice})


def test_a_row_without_subject_is_left_out_and_said() -> None:
    study = read({"subjects": pl.DataFrame({"subject": ["1", None, "  "]})})
    assert study.tables["subjects"].collect()["subject"].to_list() == ["1"]
    findings = study.findings.collect()
    assert findings.select("rule_id", "record", "severity").rows() == [
        ("data.subject_missing", "row 2", "error"), ("data.subject_missing", "row 3", "error"),
    ]  # fmt: skip


def test_records_of_unknown_subjects_are_kept_out_and_said() -> None:
    events = pl.DataFrame({"subject": ["1", "9", "9"], "date": ["2024-01-01"] * 3, "kind": ["x", "y", "z"]})
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "clinical_events": events})
    assert study.tables["clinical_events"].collect()["kind"].to_list() == ["x"]
    (finding,) = study.findings.collect().to_dicts()
    assert (finding["rule_id"], finding["table"], finding["subject"]) == ("data.orphan", "clinical_events", "9")
    assert (finding["record"], finding["value"]) == ("row 2", "2 record(s)")


def test_a_record_without_its_date_is_left_out_and_said() -> None:
    events = pl.DataFrame({"subject": ["1", "1"], "date": ["2024-01-01", None], "kind": ["x", "y"]})
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "clinical_events": events})
    assert study.tables["clinical_events"].collect()["kind"].to_list() == ["x"]
    (finding,) = study.findings.collect().to_dicts()
    assert (finding["rule_id"], finding["field"], finding["action"]) == (
        "data.required_missing",
        "date",
        "the record is left out",
    )


def test_an_equal_lesion_row_counts_once() -> None:
    rows = pl.read_csv(LESIONS.encode(), infer_schema=False)
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": pl.concat([rows, rows])})
    assert study.tables["lesion_assessments"].collect()["row"].to_list() == [1]
    assert study.findings.collect()["rule_id"].to_list() == ["data.lesion_duplicate"]
    differing = pl.concat([rows, rows.with_columns(mm=pl.lit("30"))])
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": differing})
    assert study.tables["lesion_assessments"].collect().height == 2


SUBJECT = {"subject": ["1"], "randomisation_date": ["2024-01-01"], "death_date": ["2024-06-10"]}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"death_date": ["2023-12-31"]}, "data.death_before_start"),
        ({"death_date": ["2023-12"]}, "data.death_before_start"),
        ({"death_date": ["2024-01"]}, None),
        ({"death_date": ["2024-01-01"]}, None),
        ({"last_contact_date": ["2024-06-11"]}, "data.contact_after_death"),
        ({"last_contact_date": ["2024-06-10"]}, None),
        ({"birth_date": ["2024-01-02"]}, "data.birth_after"),
        ({"birth_date": ["2025"]}, "data.birth_after"),
        ({"birth_date": ["2024"]}, None),
        ({"birth_date": ["1950-05-05"]}, None),
    ],
)
def test_dates_of_a_subject_that_cannot_all_be_true(changes: dict[str, list[str]], rule: str | None) -> None:
    found = rules_found({"subjects": pl.DataFrame({**SUBJECT, **changes})})
    assert found == ([] if rule is None else [rule])


@pytest.mark.parametrize(
    ("start", "odd"), [("2024-06-11", True), ("2024-06-10", False), ("2024-06", False), ("2024-07", True)]
)
def test_a_death_before_the_first_treatment(start: str, odd: bool) -> None:
    treatments = pl.DataFrame({"subject": ["1"], "treatment": ["TACE"], "component": ["tace"], "start_date": [start]})
    found = rules_found({"subjects": pl.DataFrame(SUBJECT), "treatments": treatments})
    assert ("data.death_before_start" in found) is odd
    assert ("data.after_death" in found) is odd


def test_records_after_the_death_are_said_once_per_table_and_kept() -> None:
    events = pl.DataFrame({"subject": ["1"] * 3, "date": ["2024-06-12", "2024-06-10", "2024-06-11"], "kind": ["x"] * 3})
    study = read({"subjects": pl.DataFrame(SUBJECT), "clinical_events": events})
    assert study.tables["clinical_events"].collect().height == 3
    (finding,) = study.findings.collect().to_dicts()
    assert (finding["rule_id"], finding["severity"], finding["record"]) == ("data.after_death", "warning", "row 3")
    assert finding["message"] == "2 record(s) after the death (2024-06-10), the first on 2024-06-11"


@pytest.mark.parametrize(
    ("birth", "odd"), [("1950-05-05", True), ("1950-05", True), ("1950", True), ("1950-04-30", False), (None, False)]
)
def test_records_before_the_birth(birth: str | None, odd: bool) -> None:
    """A partial date is before the birth only where all of its days are."""
    events = pl.DataFrame({"subject": ["1", "1"], "date": ["1949-12-31", "2024-05-04"], "kind": ["x", "x"]})
    courses = pl.DataFrame({"subject": ["1"], "treatment": ["X"], "kind": ["systemic"], "start_date": ["1950"]})
    born = pl.DataFrame({"subject": ["1"], "birth_date": [birth]}, schema_overrides={"birth_date": pl.String})
    later = born.with_columns(birth_date=pl.lit("1940")) if birth == "1950-04-30" else born
    study = read({"subjects": later, "clinical_events": events, "treatments": courses})
    found = study.findings.collect()
    assert found.select("rule_id", "table", "record").rows() == (
        [("data.before_birth", "clinical_events", "row 1")] if odd else []
    )


def test_parts_of_an_assessment_out_of_order() -> None:
    parts = {
        "earliest_part_date": ["2024-03-05", "2024-03-01", "2024-03-01"],
        "latest_part_date": ["2024-03-01", "2024-03-05", "2024-03-05"],
        "earliest_pd_part_date": [None, "2024-03-09", "2024-03-05"],
    }
    rows = pl.DataFrame(
        {
            "subject": ["1"] * 3,
            "date": ["2024-03-01"] * 3,
            "criterion": ["RECIST 1.1"] * 3,
            "response": ["PD"] * 3,
            **parts,
        }
    )
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "response_assessments": rows})
    found = study.findings.collect().select("rule_id", "record", "message")
    assert found.rows() == [
        ("data.end_before_start", "row 1", "earliest_part_date is after latest_part_date"),
        ("data.end_before_start", "row 2", "earliest_pd_part_date is after latest_part_date"),
    ]


def test_an_end_before_its_start() -> None:
    events = pl.DataFrame(
        {"subject": ["1"] * 3, "term": ["Nausea"] * 3, "start_date": ["2024-03-10", "2024-03-10", "2024-03"],
         "end_date": ["2024-03-09", "2024-03", "2024-03-01"]}
    )  # fmt: skip
    study = read({"subjects": pl.DataFrame({"subject": ["1"]}), "adverse_events": events})
    assert study.findings.collect().select("rule_id", "record").rows() == [("data.end_before_start", "row 1")]


def test_findings_come_in_a_fixed_order_whatever_the_order_of_rows() -> None:
    rows = pl.DataFrame(
        {"subject": ["1", "2", "3"], "death_date": ["x", "2024-13", "1"], "last_contact_date": ["a", "b", "2024-01-01"]}
    )
    one = read({"subjects": rows}).findings.drop("record").collect()
    two = read({"subjects": rows.reverse()}).findings.drop("record").collect()
    assert one.sort(pl.all()).equals(two.sort(pl.all()))


def test_a_subject_without_arm_is_said_only_where_others_have_one() -> None:
    some = pl.DataFrame({"subject": ["1", "2"], "arm": ["A", None]})
    assert read({"subjects": some}).findings.select("rule_id", "subject").collect().rows() == [
        ("data.arm_missing", "2")
    ]
    assert rules_found({"subjects": some.with_columns(arm=pl.lit(None, pl.String))}) == []


@pytest.mark.parametrize(
    ("lln", "uln", "odd"), [("9.5", "3", True), ("3", "9.5", False), ("3", "3", False), ("", "3", False)]
)
def test_limits_of_normal_in_the_wrong_order(lln: str, uln: str, odd: bool) -> None:
    labs = pl.DataFrame(
        {
            "subject": ["1"],
            "date": ["2024-01-01"],
            "analyte": ["ALT"],
            "value": ["1"],
            "unit": ["U/L"],
            "lln": [lln],
            "uln": [uln],
        }
    )
    assert rules_found({"subjects": pl.DataFrame({"subject": ["1"]}), "labs": labs}) == ["data.range_swapped"] * odd


@pytest.mark.parametrize(("start", "odd"), [("2023-12-31", True), ("2024-01-01", False), ("2024-01", False)])
def test_a_baseline_scan_after_the_start_of_the_regimen(start: str, odd: bool) -> None:
    lesions = pl.read_csv(LESIONS.encode(), infer_schema=False)
    treatments = pl.DataFrame({"subject": ["1"], "treatment": ["TACE"], "component": ["tace"], "start_date": [start]})
    found = rules_found(
        {"subjects": pl.DataFrame({"subject": ["1"]}), "lesion_assessments": lesions, "treatments": treatments}
    )
    assert found == ["data.baseline_after_start"] * odd

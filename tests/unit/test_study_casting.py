"""What a cell means: every kind of column, from text and from the native types of a frame."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import polars as pl
import pytest
from rules_engine.study import Study, read_study

SUBJECTS = {"subjects": pl.DataFrame({"subject": ["1"]})}
_FILLERS: dict[str, dict[str, Any]] = {
    "lesion_assessments": {"visit_date": "2024-01-01", "is_baseline": "false", "lesion_id": "T1", "role": "target"},
    "response_assessments": {"date": "2024-01-01", "criterion": "RECIST 1.1", "response": "SD"},
    "subjects": {},
    "labs": {"date": "2024-01-01", "analyte": "ALT", "value": "1", "unit": "U/L"},
}


def read_column(table: str, column: str, values: Any, dtype: Any = pl.String) -> Study:
    """A study whose table has the given values in one column and something harmless in the others."""
    cells = pl.Series(column, values, dtype=dtype)
    rows = pl.DataFrame({"subject": ["1"] * len(cells)}) if table != "subjects" else pl.DataFrame(
        {"subject": [str(i) for i in range(len(cells))]}
    )  # fmt: skip
    if table == "lesion_assessments":
        rows = rows.with_columns(fragment_id=pl.int_range(pl.len()).cast(pl.String))
    rows = rows.with_columns(pl.lit(value).alias(name) for name, value in _FILLERS[table].items()).with_columns(cells)
    return read_study({**SUBJECTS, table: rows})


def held(study: Study, table: str, column: str) -> list[Any]:
    return study.tables[table].sort("row").collect()[column].to_list()


def messages(study: Study) -> list[tuple[str, str, str]]:
    rows = study.findings.sort("record", "field").collect()
    return list(rows.select("record", "value", "message").iter_rows())


# Lengths


@pytest.mark.parametrize(
    ("written", "hundredths"),
    [
        ("12", 1200), ("12.3", 1230), ("12.34", 1234), ("12.30", 1230), ("12.300", 1230), ("0", 0), ("0.01", 1),
        ("0.29", 29), ("1.15", 115), ("4.35", 435), ("500", 50000), (" 7.5 ", 750), ("+3", 300), ("8.05", 805),
    ],
)  # fmt: skip
def test_a_length_is_held_in_whole_hundredths(written: str, hundredths: int) -> None:
    study = read_column("lesion_assessments", "mm", [written])
    assert held(study, "lesion_assessments", "mm_x100") == [hundredths]
    assert messages(study) == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("12.345", "more than two decimals"), ("-3", "negative"), ("-0.5", "negative"), ("500.01",
        "longer than 500 mm"),
        ("1200", "longer than 500 mm"), ("99999999999999999999", "longer than 500 mm"), ("12,3", "not a number"),
        ("12 mm", "not a number"), ("1.2e1", "not a number"), ("NaN", "not a number"), ("inf", "not a number"),
        (".5", "not a number"), ("twelve", "not a number"), ("0x10", "not a number"), ("12.3.4", "not a number"),
    ],
)  # fmt: skip
def test_a_length_that_cannot_be_used_is_a_finding_and_missing(written: str, message: str) -> None:
    study = read_column("lesion_assessments", "mm", ["10", written])
    assert held(study, "lesion_assessments", "mm_x100") == [1000, None]
    ((record, value, said),) = messages(study)
    assert (record, value) == ("row 2, visit 2024-01-01, lesion T1", written)
    assert message in said
    row = study.findings.collect().row(0, named=True)
    assert (row["severity"], row["subject"], row["field"]) == ("error", "1", "mm")
    assert row["action"] == "the value is taken as missing"


def test_every_length_with_two_decimals_is_exact_from_a_binary_number() -> None:
    hundredths = list(range(50001))
    study = read_column("lesion_assessments", "mm", [n / 100 for n in hundredths], pl.Float64)
    assert held(study, "lesion_assessments", "mm_x100") == hundredths
    assert messages(study) == []


def test_lengths_come_in_any_numeric_type() -> None:
    whole = read_column("lesion_assessments", "mm", [12, None], pl.Int32)
    assert held(whole, "lesion_assessments", "mm_x100") == [1200, None]
    single = read_column("lesion_assessments", "mm", [12.3, 0.1, float("nan")], pl.Float32)
    assert held(single, "lesion_assessments", "mm_x100") == [1230, 10, None]
    decimal = read_column("lesion_assessments", "mm", ["12.34", "7.5"], pl.String)
    frame = decimal.tables["lesion_assessments"].select(mm=pl.col("mm_x100").cast(pl.Decimal(10, 2)) / 100).collect()
    again = read_column("lesion_assessments", "mm", frame["mm"], pl.Decimal(10, 2))
    assert held(again, "lesion_assessments", "mm_x100") == [1234, 750]
    assert messages(single) == []


@pytest.mark.parametrize(
    ("value", "message"), [(12.345, "decimals"), (-1.0, "negative"), (501.0, "longer"), (float("inf"), "")]
)
def test_a_number_that_is_no_length_is_a_finding(value: float, message: str) -> None:
    study = read_column("lesion_assessments", "mm", [5.0, value], pl.Float64)
    assert held(study, "lesion_assessments", "mm_x100") == [500, None]
    ((_record, _value, said),) = messages(study)
    assert message in said


# Dates


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-05-17", date(2024, 5, 17)), ("2024-05-17T11:45", date(2024, 5, 17)), ("2024-02-29", date(2024, 2, 29)),
        ("2024-05-17 08:00:00", date(2024, 5, 17)), (" 2024-05-17 ", date(2024, 5, 17)),
    ],
)  # fmt: skip
def test_a_date_is_a_calendar_day_and_its_time_is_cut(written: str, day: date) -> None:
    study = read_column("subjects", "last_contact_date", [written])
    assert held(study, "subjects", "last_contact_date") == [day]
    assert messages(study) == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("2024-02-30", "no such day"), ("2023-02-29", "no such day"), ("2024-13-01", "no such day"),
        ("2024-05", "incomplete"), ("2024", "incomplete"), ("17.05.2024", "ISO 8601"), ("05/17/2024", "ISO 8601"),
        ("2024-5-7", "ISO 8601"), ("20240517", "ISO 8601"), ("soon", "ISO 8601"), ("2024-05-17garbage", "ISO 8601"),
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_a_finding_and_missing(written: str, message: str) -> None:
    study = read_column("subjects", "last_contact_date", ["2024-01-01", written])
    assert held(study, "subjects", "last_contact_date") == [date(2024, 1, 1), None]
    ((_record, value, said),) = messages(study)
    assert value == written
    assert message in said


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("08:30", time(8, 30)), ("08:30:15", time(8, 30, 15)), ("2024-05-17T08:30", time(8, 30)),
        ("2024-05-17 23:59:59.5", time(23, 59, 59)), ("00:00", time(0, 0)), ("2024-05-17", None), ("2024-05", None), ("", None),
    ],
)  # fmt: skip
def test_a_time_is_read_alone_or_behind_its_date(written: str, clock: time | None) -> None:
    study = read_column("labs", "time", [written])
    assert held(study, "labs", "time") == [clock]
    assert messages(study) == []


@pytest.mark.parametrize("written", ["8:30", "25:00", "08:60", "2024-05-17T08", "noon", "0830"])
def test_a_time_that_is_none_is_a_finding_and_missing(written: str) -> None:
    study = read_column("labs", "time", [written])
    assert held(study, "labs", "time") == [None]
    ((_record, value, message),) = messages(study)
    assert (value, message[:22]) == (written, "not a time of the day ")


@pytest.mark.parametrize(
    ("written", "partial"),
    [
        ("2024-05-17", "2024-05-17"), ("2024-05", "2024-05"), ("2024", "2024"), ("2024-05-17T11:45", "2024-05-17"),
        ("2024-02-29", "2024-02-29"),
    ],
)  # fmt: skip
def test_a_partial_date_keeps_its_form(written: str, partial: str) -> None:
    study = read_column("subjects", "death_date", [written])
    assert held(study, "subjects", "death_date") == [partial]
    assert messages(study) == []


@pytest.mark.parametrize("written", ["2024-13", "2024-00", "2024-02-30", "UN-UNK-2024", "2024-UN-UN", "24", "2024-5"])
def test_a_partial_date_that_is_none_is_a_finding_and_missing(written: str) -> None:
    study = read_column("subjects", "death_date", ["2024", written])
    assert held(study, "subjects", "death_date") == ["2024", None]
    assert len(messages(study)) == 1


def test_a_date_without_its_month_is_known_to_the_year() -> None:
    study = read_column("subjects", "death_date", ["2024---15"])
    assert held(study, "subjects", "death_date") == ["2024"]
    assert study.findings.collect()["severity"].to_list() == ["note"]


def test_dates_come_in_native_types() -> None:
    days = [date(2024, 5, 17), None]
    assert held(read_column("subjects", "last_contact_date", days, pl.Date), "subjects", "last_contact_date") == days
    assert held(read_column("subjects", "death_date", days, pl.Date), "subjects", "death_date") == ["2024-05-17", None]
    moments = [datetime(2024, 5, 17, 23, 59), None]
    study = read_column("subjects", "last_contact_date", moments, pl.Datetime("us"))
    assert held(study, "subjects", "last_contact_date") == days
    assert held(read_column("subjects", "death_date", [2024, None], pl.Int64), "subjects", "death_date") == [
        "2024",
        None,
    ]


@pytest.mark.parametrize("written", ["2924-05-17", "0224-05-17", "1066-10-14"])
def test_a_year_out_of_this_world_is_kept_and_reported(written: str) -> None:
    for column in ("last_contact_date", "death_date"):
        study = read_column("subjects", column, [written])
        assert held(study, "subjects", column) == [date.fromisoformat(written) if column[0] == "l" else written]
        assert study.findings.collect().select("rule_id", "severity").rows() == [("data.implausible_date", "warning")]


# Codes, flags, numbers, text


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("CR", "CR"), ("pd", "PD"), (" Sd ", "SD"), ("NON_CR_NON_PD", "NON-CR/NON-PD"), ("non-cr/non-pd",
        "NON-CR/NON-PD"),
        ("iupd", "iUPD"), ("ICPD", "iCPD"), ("NON-iCR/NON-iUPD", "NON-iCR/NON-iUPD"), ("IR/SD", "NON-CR/NON-PD"),
    ],
)  # fmt: skip
def test_a_code_is_matched_without_regard_to_case_and_by_its_synonyms(written: str, code: str) -> None:
    study = read_column("response_assessments", "response", [written])
    assert held(study, "response_assessments", "response") == [code]


def test_an_unknown_response_is_left_out_and_said() -> None:
    study = read_column("response_assessments", "response", ["PR", "CHECK"])
    assert held(study, "response_assessments", "response") == ["PR"]
    ((_record, value, said),) = messages(study)
    assert value == "CHECK"
    assert said.startswith("not one of CR, PR, SD")
    assert study.findings.collect()["action"].to_list() == ["the record is left out"]


def test_an_unknown_code_does_not_become_the_default() -> None:
    study = read_column("lesion_assessments", "cytology", ["", "positive", "perhaps"])
    assert held(study, "lesion_assessments", "cytology") == ["not_done", "positive", None]


def test_an_unknown_word_for_what_was_seen_is_taken_for_what_claims_least() -> None:
    study = read_column("lesion_assessments", "certainty", ["", "equivocal", "perhaps"])
    assert held(study, "lesion_assessments", "certainty") == ["unequivocal", "equivocal", "equivocal"]
    assert study.findings.collect()["action"].to_list() == ["the value is taken as equivocal"]
    study = read_column("lesion_assessments", "status", ["absent", "gone"])
    assert held(study, "lesion_assessments", "status") == ["absent", "ne"]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("Y", True),
        ("yes", True),
        ("1", True),
        ("FALSE", False),
        ("n", False),
        ("No", False),
        ("0", False),
        ("", None),
    ],
)
def test_a_flag_is_read_from_the_words_for_yes_and_no(written: str, value: bool | None) -> None:
    study = read_column("subjects", "safety_population", [written])
    assert held(study, "subjects", "safety_population") == [value]
    assert messages(study) == []


def test_flags_come_in_native_types() -> None:
    assert held(
        read_column("subjects", "safety_population", [True, None], pl.Boolean), "subjects", "safety_population"
    ) == [True, None]
    assert held(read_column("subjects", "safety_population", [1, 0], pl.Int8), "subjects", "safety_population") == [
        True,
        False,
    ]
    assert held(
        read_column("subjects", "safety_population", [1.0, None], pl.Float64), "subjects", "safety_population"
    ) == [True, None]
    odd = read_column("subjects", "safety_population", ["Y", "maybe"])
    assert held(odd, "subjects", "safety_population") == [True, None]
    assert len(messages(odd)) == 1


def test_numbers_and_whole_numbers() -> None:
    assert held(read_column("labs", "uln", ["40", "1e2", "0.5"]), "labs", "uln") == [40.0, 100.0, 0.5]
    odd = read_column("labs", "uln", ["40", "1,5", "40 U/L", "inf", "nan"])
    assert held(odd, "labs", "uln") == [40.0, None, None, None, None]
    assert len(messages(odd)) == 4
    assert held(read_column("labs", "seq", ["7", "7.0", ""]), "labs", "seq") == [7, 7, None]
    assert held(read_column("labs", "seq", [7.0, None], pl.Float64), "labs", "seq") == [7, None]
    assert held(read_column("labs", "seq", ["1", "7.5"]), "labs", "seq") == [1, None]


def test_text_is_trimmed_and_empty_is_missing_and_nothing_else_is() -> None:
    study = read_column("subjects", "arm", [" TACE ", "", "   ", "NA", "NULL", "Größe ≥ 2 µm", "=1+1"])
    assert held(study, "subjects", "arm") == ["TACE", None, None, "NA", "NULL", "Größe ≥ 2 µm", "=1+1"]


def test_numbers_as_text_have_no_tail() -> None:
    assert held(read_column("labs", "value", [38.0, 0.29, None], pl.Float64), "labs", "value") == ["38", "0.29", None]
    assert held(
        read_column("lesion_assessments", "lesion_id", [1, 2], pl.Int64), "lesion_assessments", "lesion_id"
    ) == ["1", "2"]
    assert held(read_column("subjects", "arm", ["a", "b"], pl.Categorical), "subjects", "arm") == ["a", "b"]


# Words that come again


@pytest.mark.parametrize("other_words", [1, 5000])
def test_a_word_means_the_same_in_every_row_and_beside_any_other_words(other_words: int) -> None:
    words = ["2024-05-17", "2024-05", "2024---15", "2024-13-40", "17.05.2024", "1800-01-01", "", " 2024 ", None]
    others = [str(1905 + place % 190) + f"-{place % 12 + 1:02d}-{place % 28 + 1:02d}" for place in range(other_words)]
    study = read_column("response_assessments", "date", (words + others) * 2)
    kept = ["2024-05-17", "2024-05", "2024", "1800-01-01", "2024", *others]
    assert held(study, "response_assessments", "date") == kept * 2
    said = study.findings.collect().group_by("message", "value").len().sort("message", "value")
    assert list(said.iter_rows()) == [
        ("date is missing", None, 4),
        ("no such day in the calendar", "2024-13-40", 2),
        ("not a date in ISO 8601 form, such as 2024-05-17, 2024-05 or 2024", "17.05.2024", 2),
        ("the month is unknown, so the day says nothing", "2024---15", 2),
        ("the year is not between 1900 and 2100", "1800-01-01", 2),
    ]


def test_more_words_than_are_remembered_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules_engine.study.casting._MOST_WORDS", 3)
    days = [f"2024-01-{day:02d}" for day in range(1, 31)] * 3
    assert held(read_column("response_assessments", "date", days), "response_assessments", "date") == days


@pytest.mark.parametrize("odd", [" TACE", "TACE ", "", "   ", "\u00a0TACE", None])
def test_one_text_with_blanks_among_many_without_is_trimmed(odd: str | None) -> None:
    arms = ["TACE", "TACE+ICI", None] * 20
    trimmed = "TACE" if odd is not None and "TACE" in odd else None
    assert held(read_column("subjects", "arm", [*arms, odd, *arms]), "subjects", "arm") == [*arms, trimmed, *arms]


def test_one_unknown_code_among_many_known_ones_is_said_and_taken_as_missing() -> None:
    codes = ["target", "new"] * 20
    study = read_column("lesion_assessments", "role", [*codes, "Target", "aim"])
    assert held(study, "lesion_assessments", "role") == [*codes, "target"]  # the last row lacks what it needs
    assert [value for _record, value, _message in messages(study)] == ["aim"]

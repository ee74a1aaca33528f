"""Defects on request: records that break one rule each, put into the made-up study where a test can look for them.

Each defect touches records of one subject that no other defect touches. A placement says what was put where: defect,
table, subject as it stands there, the rows of the table (1 = first), column and value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from rules_engine.errors import Problem, UsageError, closest

Tables = dict[str, pl.DataFrame]

_ROW, _MARK = "_row", "_mark"


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect. `as_text` names the (table, column) pairs that must be text for it to be written down."""

    name: str
    meaning: str
    table: str
    column: str
    put: Callable[[Draft], Any]
    as_text: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Draft:
    """The tables while defects are put in. A defect's `put` uses it and returns the value that it wrote."""

    tables: Tables
    rng: np.random.Generator
    used: set[str] = field(default_factory=set)
    defect: str = ""
    subject: str | None = None

    def pick(self, table: str, condition: pl.Expr) -> dict[str, Any]:
        """A record that meets `condition`, of a subject without any defect so far; it is then this defect's subject."""
        found = self.tables[table].filter(condition, ~pl.col("subject").is_in(list(self.used)))
        if found.is_empty():
            raise UsageError.at(
                f"defect {self.defect!r}",
                f"no subject that is left has a record of {table} to put it into",
                "make up more subjects, or ask for fewer defects",
            )
        record = found.row(int(self.rng.integers(found.height)), named=True)
        self.subject = record["subject"]
        self.used.add(record["subject"])
        return record

    def set(self, table: str, rows: pl.Expr, **values: Any) -> None:
        """Overwrite columns of the rows that meet `rows`, and mark them."""
        frame = self.tables[table]
        changes = {
            name: pl.when(rows).then(pl.lit(value, dtype=frame.schema[name])).otherwise(name)
            for name, value in values.items()
        }
        marked = pl.when(rows).then(pl.lit(self.defect)).otherwise(_MARK).alias(_MARK)
        self.tables[table] = frame.with_columns(marked, **changes)

    def add(self, table: str, rows: pl.Expr, **values: Any) -> None:
        """Append a marked copy of the rows that meet `rows`, with some columns overwritten."""
        frame = self.tables[table]
        changes = {name: pl.lit(value, dtype=frame.schema[name]) for name, value in values.items()}
        copies = frame.filter(rows).with_columns(pl.lit(self.defect).alias(_MARK), **changes)
        self.tables[table] = pl.concat([frame, copies])

    def remove(self, table: str, rows: pl.Expr) -> None:
        """Take away the rows that meet `rows`."""
        self.tables[table] = self.tables[table].filter(~rows)


def is_record(record: dict[str, Any]) -> pl.Expr:
    """The row that `pick` chose."""
    chosen: pl.Expr = pl.col(_ROW) == record[_ROW]
    return chosen


def _overwrite(table: str, condition: pl.Expr, **values: Any) -> Callable[[Draft], Any]:
    """A defect that overwrites columns of one record."""

    def put(draft: Draft) -> Any:
        draft.set(table, is_record(draft.pick(table, condition)), **values)
        return next(iter(values.values()))

    return put


_MEASURED_TARGET = (pl.col("role") == "target") & (pl.col("state") == "measured") & pl.col("fragment_id").is_null()
_LATER_TARGET = _MEASURED_TARGET & ~pl.col("is_baseline")
_ANY = pl.lit(value=True)


def _duplicate_subject(draft: Draft) -> Any:
    record = draft.pick("subjects", _ANY)
    draft.add("subjects", is_record(record))
    return record["subject"]


def _orphan_record(draft: Draft) -> Any:
    draft.add("labs", is_record(draft.pick("labs", _ANY)), subject="HCC-NOBODY")
    draft.subject = "HCC-NOBODY"
    return "HCC-NOBODY"


def _missing_subject(draft: Draft) -> Any:
    draft.set("adverse_events", is_record(draft.pick("adverse_events", ~pl.col("fatal"))), subject=None)
    draft.subject = None
    return None


def _death_before_treatment(draft: Draft) -> Any:
    record = draft.pick("treatments", (pl.col("component") == "tace") & (pl.col("seq") == 1))
    earlier = pl.Series([record["start_date"]]).str.to_date().dt.offset_by("-9d").dt.strftime("%Y-%m-%d")[0]
    draft.set("subjects", pl.col("subject") == record["subject"], death_date=earlier, death_cause="unknown")
    return earlier


def _scan_after_death(draft: Draft) -> Any:
    has_scans = draft.tables["lesion_assessments"].filter(~pl.col("is_baseline"))["subject"].unique()
    record = draft.pick(
        "subjects", (pl.col("death_date").str.len_chars() == 10) & pl.col("subject").is_in(has_scans.to_list())
    )
    late = pl.Series([record["death_date"]]).str.to_date().dt.offset_by("20d")[0]
    theirs = pl.col("subject") == record["subject"]
    last = draft.tables["lesion_assessments"].filter(theirs)["visit_date"].max()
    draft.add("lesion_assessments", theirs & (pl.col("visit_date") == last), visit_date=late)
    return str(late)


def _two_baselines(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", ~pl.col("is_baseline"))
    same_visit = (pl.col("subject") == record["subject"]) & (pl.col("visit_date") == record["visit_date"])
    draft.set("lesion_assessments", same_visit, is_baseline=True)
    return str(record["visit_date"])


def _no_baseline(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", ~pl.col("is_baseline"))
    draft.remove("lesion_assessments", (pl.col("subject") == record["subject"]) & pl.col("is_baseline"))
    return None


def _baseline_after_treatment(draft: Draft) -> Any:
    several = pl.col("seq") > 1
    record = draft.pick("treatments", several & (pl.col("component") == "tace"))
    day = pl.Series([record["start_date"]]).str.to_date()[0]
    draft.set("lesion_assessments", (pl.col("subject") == record["subject"]) & pl.col("is_baseline"), visit_date=day)
    return str(day)


def _effusion_as_target(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", _MEASURED_TARGET)
    lesion = (pl.col("subject") == record["subject"]) & (pl.col("lesion_id") == record["lesion_id"])
    draft.set("lesion_assessments", lesion, kind="effusion")
    return "effusion"


def _role_change(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", (pl.col("role") == "non-target") & ~pl.col("is_baseline"))
    draft.set("lesion_assessments", is_record(record), role="new")
    return "new"


def _merged_into_itself(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", _LATER_TARGET)
    draft.set(
        "lesion_assessments", is_record(record), state="merged", into=record["lesion_id"], mm=None, viable_mm=None
    )
    return record["lesion_id"]


def _three_targets_in_liver(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", _MEASURED_TARGET & pl.col("is_baseline") & (pl.col("organ") == "liver"))
    lesion = (pl.col("subject") == record["subject"]) & (pl.col("lesion_id") == record["lesion_id"])
    draft.add("lesion_assessments", lesion, lesion_id="T8")
    draft.add("lesion_assessments", lesion, lesion_id="T9")
    return "T8, T9"


def _duplicate_lesion_row(draft: Draft) -> Any:
    record = draft.pick("lesion_assessments", _LATER_TARGET)
    draft.add("lesion_assessments", is_record(record), mm=record["mm"] + 5.0)
    return record["mm"] + 5.0


def _end_before_start(draft: Draft) -> Any:
    record = draft.pick("adverse_events", (pl.col("start_date").str.len_chars() == 10) & ~pl.col("fatal"))
    earlier = pl.Series([record["start_date"]]).str.to_date().dt.offset_by("-10d").dt.strftime("%Y-%m-%d")[0]
    draft.set("adverse_events", is_record(record), end_date=earlier)
    return earlier


def _swapped_range(draft: Draft) -> Any:
    record = draft.pick("labs", pl.col("lln").is_not_null() & (pl.col("lln") < pl.col("uln")))
    draft.set("labs", is_record(record), lln=record["uln"], uln=record["lln"])
    return record["uln"]


_LESIONS, _EVENTS = "lesion_assessments", "adverse_events"
_OUTSIDE = pl.col("component").is_null()
_NOT_FATAL = ~pl.col("fatal")

#: Every defect, by name.
DEFECTS: dict[str, Defect] = {
    defect.name: defect
    for defect in (
        Defect("duplicate_subject", "A subject stands in the table twice.", "subjects", "subject", _duplicate_subject),
        Defect(
            "missing_arm",
            "A subject has no treatment group.",
            "subjects",
            "arm",
            _overwrite("subjects", _ANY, arm=None),
        ),
        Defect(
            "death_before_treatment",
            "A subject died before the first treatment.",
            "subjects",
            "death_date",
            _death_before_treatment,
        ),
        Defect(
            "orphan_record",
            "A laboratory result belongs to no subject of the study.",
            "labs",
            "subject",
            _orphan_record,
        ),
        Defect(
            "missing_subject",
            "An adverse event has no subject.",
            _EVENTS,
            "subject",
            _missing_subject,
        ),
        Defect("two_baselines", "A second visit is marked as baseline.", _LESIONS, "is_baseline", _two_baselines),
        Defect("no_baseline", "The baseline visit is missing.", _LESIONS, "is_baseline", _no_baseline),
        Defect(
            "baseline_after_treatment",
            "The baseline scan was made after the first treatment.",
            _LESIONS,
            "visit_date",
            _baseline_after_treatment,
        ),
        Defect("scan_after_death", "A scan is dated after the death.", _LESIONS, "visit_date", _scan_after_death),
        Defect(
            "negative_diameter",
            "A diameter is negative.",
            _LESIONS,
            "mm",
            _overwrite(_LESIONS, _LATER_TARGET, mm=-12.0),
        ),
        Defect(
            "huge_diameter",
            "A diameter is larger than a body.",
            _LESIONS,
            "mm",
            _overwrite(_LESIONS, _LATER_TARGET, mm=1612.0),
        ),
        Defect(
            "diameter_with_comma",
            "A diameter is written with a decimal comma; the column is text.",
            _LESIONS,
            "mm",
            _overwrite(_LESIONS, _LATER_TARGET, mm="23,5"),
            ((_LESIONS, "mm"),),
        ),
        Defect(
            "small_target",
            "A target is below the size limit at baseline.",
            _LESIONS,
            "mm",
            _overwrite(_LESIONS, _MEASURED_TARGET & pl.col("is_baseline"), mm=7.0, viable_mm=7.0),
        ),
        Defect(
            "three_targets_in_liver",
            "More than two targets in one organ.",
            _LESIONS,
            "lesion_id",
            _three_targets_in_liver,
        ),
        Defect("effusion_as_target", "An effusion is a target.", _LESIONS, "kind", _effusion_as_target),
        Defect("role_change", "A non-target becomes a new lesion under the same name.", _LESIONS, "role", _role_change),
        Defect("merged_into_itself", "A lesion is merged into itself.", _LESIONS, "into", _merged_into_itself),
        Defect(
            "merged_into_unknown",
            "A lesion is merged into one that does not exist.",
            _LESIONS,
            "into",
            _overwrite(_LESIONS, _LATER_TARGET, into="T99", state="merged", mm=None, viable_mm=None),
        ),
        Defect(
            "unknown_code",
            "The state of a lesion is no word of the codelist.",
            _LESIONS,
            "state",
            _overwrite(_LESIONS, _LATER_TARGET, state="gone"),
        ),
        Defect(
            "duplicate_lesion_row",
            "Two rows for one lesion at one visit, with different diameters.",
            _LESIONS,
            "mm",
            _duplicate_lesion_row,
        ),
        Defect(
            "component_partial_start",
            "A course of the regimen lacks the day on which it began.",
            "treatments",
            "start_date",
            _overwrite("treatments", (pl.col("component") == "ici") & (pl.col("seq") > 1), start_date="2023-05"),
        ),
        Defect(
            "therapy_without_kind",
            "A therapy outside the regimen has no kind.",
            "treatments",
            "kind",
            _overwrite("treatments", _OUTSIDE, kind=None),
        ),
        Defect(
            "therapy_of_unknown_kind",
            "A therapy outside the regimen has a kind that is no word of the codelist.",
            "treatments",
            "kind",
            _overwrite("treatments", _OUTSIDE, kind="herbal"),
        ),
        Defect(
            "grade_roman",
            "An adverse event is graded III.",
            _EVENTS,
            "grade",
            _overwrite(_EVENTS, _NOT_FATAL, grade="III"),
        ),
        Defect(
            "grade_seven", "An adverse event is graded 7.", _EVENTS, "grade", _overwrite(_EVENTS, _NOT_FATAL, grade="7")
        ),
        Defect(
            "grade_not_defined",
            "Nausea is graded 4, a grade that CTCAE v5.0 does not have for it.",
            _EVENTS,
            "grade",
            _overwrite(_EVENTS, pl.col("decoded_term") == "Nausea", grade="4", serious=True),
        ),
        Defect(
            "grade_5_not_fatal",
            "An adverse event is graded 5, but nobody died of it.",
            _EVENTS,
            "grade",
            _overwrite(_EVENTS, _NOT_FATAL & (pl.col("decoded_term") == "Fever"), grade="5"),
        ),
        Defect(
            "unknown_term",
            "An adverse event has a term that CTCAE does not know.",
            _EVENTS,
            "term",
            _overwrite(_EVENTS, _NOT_FATAL, term="Feeling odd", decoded_term="Feeling odd"),
        ),
        Defect("end_before_start", "An adverse event ends before it starts.", _EVENTS, "end_date", _end_before_start),
        Defect(
            "impossible_partial_date",
            "An adverse event starts in month 13.",
            _EVENTS,
            "start_date",
            _overwrite(_EVENTS, _NOT_FATAL, start_date="2023-13"),
        ),
        Defect(
            "impossible_date",
            "A laboratory sample was taken on 30 February; the column is text.",
            "labs",
            "date",
            _overwrite("labs", ~pl.col("is_baseline"), date="2023-02-30"),
            (("labs", "date"),),
        ),
        Defect("missing_unit", "A laboratory result has no unit.", "labs", "unit", _overwrite("labs", _ANY, unit=None)),
        Defect(
            "unknown_unit",
            "A laboratory result has a unit that does not exist.",
            "labs",
            "unit",
            _overwrite("labs", pl.col("analyte") == "HGB", unit="g/furlong"),
        ),
        Defect(
            "text_result",
            "A laboratory result is a word.",
            "labs",
            "value",
            _overwrite("labs", _ANY, value="haemolysed"),
        ),
        Defect("swapped_range", "The lower limit of normal is above the upper one.", "labs", "lln", _swapped_range),
    )
}


def chosen_defects(names: bool | Sequence[str]) -> tuple[Defect, ...]:
    """The defects asked for, in the order of `DEFECTS`; True means all. An unknown one is a `UsageError`."""
    if isinstance(names, bool):
        return tuple(DEFECTS.values()) if names else ()
    problems = [
        Problem(
            f"defect {name!r}",
            "there is no such defect",
            f"use one of {', '.join(DEFECTS)}",
            meant=closest(name, DEFECTS),
        )
        for name in names
        if name not in DEFECTS
    ]
    if problems:
        raise UsageError(problems)
    return tuple(defect for name, defect in DEFECTS.items() if name in names)


def as_text(tables: Tables, defects: Sequence[Defect]) -> Tables:
    """The tables with those columns as text in which a defect cannot be written down otherwise."""
    columns = {pair for defect in defects for pair in defect.as_text}
    return {
        name: table.with_columns(pl.col(column).cast(pl.String) for owner, column in sorted(columns) if owner == name)
        for name, table in tables.items()
    }


def put_defects(
    tables: Tables, defects: Sequence[Defect], rng: np.random.Generator
) -> tuple[Tables, list[dict[str, Any]]]:
    """Put `defects` into `tables`; return the tables and one placement per defect.

    A placement's `rows` is empty where the defect is that something is missing. Raises `UsageError` where there are
    too few subjects.
    """
    marked = {
        name: table.with_columns(pl.int_range(pl.len()).alias(_ROW), pl.lit(None, pl.String).alias(_MARK))
        for name, table in tables.items()
    }
    draft = Draft(marked, rng)
    placements: list[dict[str, Any]] = []
    # Defects that must be written as text come last: until then, columns have their own types and can be reckoned with.
    for defect in sorted(defects, key=lambda one: bool(one.as_text)):
        if defect.as_text:
            draft.tables = as_text(draft.tables, [defect])
        draft.defect = defect.name
        value = defect.put(draft)
        placements.append(
            {
                "defect": defect.name,
                "meaning": defect.meaning,
                "table": defect.table,
                "subject": draft.subject,
                "rows": [],
                "column": defect.column,
                "value": value,
            }
        )
    for placement in placements:
        rows = draft.tables[placement["table"]].with_row_index("_place", offset=1)
        placement["rows"] = rows.filter(pl.col(_MARK) == placement["defect"])["_place"].to_list()
    return {name: table.drop(_ROW, _MARK) for name, table in draft.tables.items()}, placements

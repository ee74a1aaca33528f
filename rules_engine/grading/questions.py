"""Single questions with plain answers: each rule of event grading for one record, in the words of CDISC.

Every function takes a mapping and returns one, so that a rule can be asked from JSON and tested in isolation. The
rules are those of the frames; a question is a frame of one row. `version` may be given with each (default 5.0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from rules_engine import dates
from rules_engine.grading.causality import NONE, read_causality
from rules_engine.grading.combine import combined_grade
from rules_engine.grading.dictionary import Dictionary
from rules_engine.grading.documents import DEFAULT_VERSION, rules_of_version
from rules_engine.grading.emergence import is_emergent
from rules_engine.grading.event_dates import imputed_end, imputed_start
from rules_engine.grading.occurrence import FLAGS, derive_occurrence_flags
from rules_engine.grading.rules import GradingRules
from rules_engine.grading.validity import (
    GRADE_NOT_INTEGER,
    HIGHEST,
    LOWEST,
    OK,
    SEVERE,
    TERM_UNKNOWN,
    consistency_codes,
    event_grade,
    grade_code,
)

Record = Mapping[str, Any]
Answer = dict[str, Any]

YES: Final = "Y"
FATAL: Final = "FATAL"
NOT_GRADED: Final = "not graded"


def grade_validity(record: Record) -> Answer:
    """Is the grade one that the term has? `term`, `grade` → `valid`, `allowed`, `code`.

    A term that is in no dictionary is only checked to be graded from 1 to 5; its code says so.
    """
    rules = _rules(record)
    match = Dictionary(rules).match(_text(record.get("term")))
    allowed = rules.terms[match.term].allowed if match.term else tuple(range(LOWEST, HIGHEST + 1))
    digits = pl.lit("".join(map(str, allowed)) if match.term else None, pl.String)
    code = _ask(grade_code(pl.lit(_text(record.get("grade")), pl.String), digits)) or GRADE_NOT_INTEGER
    return {"valid": code in (OK, TERM_UNKNOWN), "allowed": list(allowed), "code": code}


def consistency(record: Record) -> Answer:
    """Do grade, outcome and seriousness fit? `term`, `grade`, `AESDTH`, `AEOUT`, `AESER`, `AESHOSP` → `flags`.

    Seriousness and hospitalisation are judged only where the record has their keys.
    """
    rules = _rules(record)
    match = Dictionary(rules).match(_text(record.get("term")))
    digits = "".join(map(str, rules.terms[match.term].allowed)) if match.term else None
    fatal = _is_yes(record, "AESDTH") or (_text(record.get("AEOUT")) or "").upper() == FATAL
    codes = consistency_codes(
        event_grade(pl.lit(_text(record.get("grade")), pl.String)),
        pl.lit(digits, pl.String),
        pl.lit(fatal),
        pl.lit(_is_yes(record, "AESER") if "AESER" in record else None, pl.Boolean),
        pl.lit(_is_yes(record, "AESHOSP") if "AESHOSP" in record else None, pl.Boolean),
    )
    found = _ask(codes)
    return {"flags": found.split(";") if found else []}


def term_match(record: Record) -> Answer:
    """Which dictionary term is meant? `text` → `canonical` (or null), `method`; `nearest` names for review."""
    match = Dictionary(_rules(record), record.get("synonyms")).match(_text(record.get("text")))
    return {"canonical": match.term, "method": match.method, "nearest": list(match.nearest)}


def combine_atoxgr(record: Record) -> Answer:
    """`ATOXDSCL`, `ATOXDSCH`, `ATOXGRL`, `ATOXGRH` → `ATOXGR`: `-n` for low, `n` for high, `0`, or null."""
    low, high = (pl.lit(_text(record.get(name)), pl.String).cast(pl.Int8) for name in ("ATOXGRL", "ATOXGRH"))
    term_low, term_high = (pl.lit(_text(record.get(name)), pl.String) for name in ("ATOXDSCL", "ATOXDSCH"))
    grade = _ask(combined_grade(term_low, term_high, low, high))
    return {"ATOXGR": None if grade is None else str(grade)}


def treatment_emergent(record: Record) -> Answer:
    """`TRTSDT`, `TRTEDT`, `ASTDT`, `AENDT`, `window_days`, `AEITOXGR`, `AETOXGR` → `TRTEMFL`: `Y` or null."""
    days = {name: pl.lit(_day(record.get(name)), pl.Date) for name in ("TRTSDT", "TRTEDT", "ASTDT", "AENDT")}
    grades = {name: event_grade(pl.lit(_text(record.get(name)), pl.String)) for name in ("AEITOXGR", "AETOXGR")}
    window = record.get("window_days")
    emergent = is_emergent(
        days["ASTDT"], days["AENDT"], days["TRTSDT"], days["TRTEDT"], grades["AEITOXGR"], grades["AETOXGR"],
        None if window is None else int(window),
    )  # fmt: skip
    return {"TRTEMFL": YES if _ask(emergent) else None}


def date_imputation(record: Record) -> Answer:
    """`AESTDTC` → `ASTDT`, `ASTDTF`; `AEENDTC` → `AENDT`, `AENDTF`, with `TRTSDT`, `DTHDT`, `EOSDT` and `DCUTDT`.

    The answer has the pair of each date that the record has a key for.
    """
    start, end = (pl.lit(_partial(record.get(name)), pl.String) for name in ("AESTDTC", "AEENDTC"))
    treatment, death, study_end, cutoff = (
        pl.lit(_day(record.get(name)), pl.Date) for name in ("TRTSDT", "DTHDT", "EOSDT", "DCUTDT")
    )
    answer: Answer = {}
    if "AESTDTC" in record:
        answer["ASTDT"] = _iso(_ask(imputed_start(start, end, treatment, death)))
        answer["ASTDTF"] = _ask(dates.imputed_unit(start))
    if "AEENDTC" in record:
        answer["AENDT"] = _iso(_ask(imputed_end(end, death, study_end, cutoff)))
        answer["AENDTF"] = _ask(dates.imputed_unit(end))
    return answer


def occurrence_flags(record: Record) -> Answer:
    """`records` of one subject → for each flag (AOCCFL …) the list of AESEQ that carry it."""
    events = _events(record["records"])
    flagged = derive_occurrence_flags(events)
    return {
        flag.upper(): [int(number) for number in flagged.filter(pl.col(flag))["aeseq"].sort().to_list()]
        for flag in FLAGS
    }


def summary(record: Record) -> Answer:
    """`N_safety`, `records` → counts of subjects and records, and subjects by worst grade per term and class.

    A subject counts once in a line, at the worst grade. Records that are marked as not emergent are left out.
    """
    events = _emergent(_events(record["records"]))
    population = int(record["N_safety"])
    subjects = events["subject"].n_unique()

    def having(condition: pl.Expr) -> int:
        return events.filter(condition.fill_null(value=False))["subject"].n_unique()

    return {
        "N": population,
        "n_records": events.height,
        "any": subjects,
        "grade_ge3": having(pl.col("atoxgrn") >= SEVERE),
        "grade5": having(pl.col("atoxgrn") == HIGHEST),
        "serious": having(pl.col("serious")),
        "related": having(pl.col("related")),
        "pct_any": round(100 * subjects / population, 1) if population else None,
        "worst_grade_by_term": _worst(events, "analysis_term"),
        "worst_grade_by_soc": _worst(events, "analysis_soc"),
    }


def sort_order(record: Record) -> list[list[Any]]:
    """`records` → lines `[label, subjects]` of a table: classes by subjects, the most first, ties by name; terms
    likewise.

    Terms are indented by two spaces below their class.
    """
    events = _emergent(_events(record["records"]))
    lines: list[list[Any]] = []
    for soc, count in _by_frequency(events, "analysis_soc"):
        lines.append([soc, count])
        of_class = events.filter(pl.col("analysis_soc") == soc)
        lines += [[f"  {term}", number] for term, number in _by_frequency(of_class, "analysis_term")]
    return lines


def eair(record: Record) -> Answer:
    """Exposure-adjusted rate: `subjects` (`event`, `years`), `per_patient_years` → `n`, `person_years`, `rate`.

    `years` is the time at risk, to the first event or the end of observation.
    """
    subjects: Sequence[Record] = record["subjects"]
    events = sum(1 for subject in subjects if _truth(subject["event"]))
    years = sum(float(subject["years"]) for subject in subjects)
    per = float(record.get("per_patient_years", 100))
    return {"n": events, "person_years": years, "rate": events / years * per if years > 0 else None}


# Plain values to frames and back --------------------------------------------------------------------------------------


def _rules(record: Record) -> GradingRules:
    return rules_of_version(str(record.get("version") or DEFAULT_VERSION))


def _ask(expression: pl.Expr) -> Any:
    return pl.select(expression).item()


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _is_yes(record: Record, name: str) -> bool:
    return _truth(record.get(name))


def _truth(value: Any) -> bool:
    return (
        value is True or value == 1 or (isinstance(value, str) and value.strip().upper() in (YES, "YES", "TRUE", "1"))
    )


def _day(value: Any) -> date | None:
    text = _text(value)
    return None if text is None else date.fromisoformat(text[:10])


def _partial(value: Any) -> str | None:
    """A date without its time, cut before the first part that is missing (`2024---15` is a year)."""
    text = _text(value)
    if text is None:
        return None
    day = text.split("T", 1)[0]
    for form in (10, 7, 4):
        part = day[:form]
        if len(part) == form and all(piece.isdigit() for piece in part.split("-")):
            return part
    return None


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _events(records: Iterable[Record]) -> pl.DataFrame:
    """Records in CDISC names as the frame that the rules read; a record without TRTEMFL counts as emergent, one without a
    causality as related.
    """
    words = rules_of_version(DEFAULT_VERSION).event_words
    rows = [
        {
            "row": position,
            "subject": _text(record.get("USUBJID")) or "",
            "analysis_term": _text(record.get("AEDECOD")),
            "analysis_soc": _text(record.get("AEBODSYS")),
            "grade": _text(record.get("ATOXGR", record.get("AETOXGR"))),
            "astdt": _day(record.get("ASTDT")),
            "aeseq": record.get("AESEQ"),
            "treatment_emergent": _is_yes(record, "TRTEMFL") if "TRTEMFL" in record else True,
            "serious": _is_yes(record, "AESER"),
            "related": read_causality(_text(record.get("AREL", record.get("AEREL"))) or "", words) != NONE,
        }
        for position, record in enumerate(records)
    ]
    schema = {
        "row": pl.Int64(), "subject": pl.String(), "analysis_term": pl.String(), "analysis_soc": pl.String(),
        "grade": pl.String(), "astdt": pl.Date(), "aeseq": pl.Int64(), "treatment_emergent": pl.Boolean(),
        "serious": pl.Boolean(), "related": pl.Boolean(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema).with_columns(atoxgrn=event_grade(pl.col("grade")))


def _emergent(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(pl.col("treatment_emergent"))


def _worst(events: pl.DataFrame, level: str) -> dict[str, dict[str, int]]:
    """Subjects by worst grade, for each term or class; `not graded` where a subject has no graded record."""
    worst = events.drop_nulls(level).group_by("subject", level).agg(pl.col("atoxgrn").max())
    counts = worst.group_by(level, "atoxgrn").agg(subjects=pl.len()).sort(level, "atoxgrn", nulls_last=True)
    found: dict[str, dict[str, int]] = {}
    for name, grade, subjects in counts.iter_rows():
        found.setdefault(name, {})[NOT_GRADED if grade is None else str(grade)] = subjects
    return found


def _by_frequency(events: pl.DataFrame, level: str) -> list[tuple[str, int]]:
    counts = events.drop_nulls(level).group_by(level).agg(subjects=pl.col("subject").n_unique())
    return [(name, number) for name, number in counts.sort(["subjects", level], descending=[True, False]).iter_rows()]

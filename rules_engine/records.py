"""From input tables and timepoint responses to the records that endpoints look at.

One row of each frame is described in `vocabulary.SubjectRecords`. Nothing is imputed here: partial dates stay partial, except that a
component of the regimen must have a complete start, because it may be the time origin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine import dates, terms
from rules_engine.contracts import CLINICAL_EVENTS, RESPONSE_ASSESSMENTS, TREATMENTS, Table
from rules_engine.findings import ERROR, concat_findings, derive_findings, phrase
from rules_engine.vocabulary import RECORD_FRAMES, SubjectRecords

#: Words of `treatments.component` and the origin that each one's first start is.
_COMPONENT_ORIGINS = {"tace": "first_tace", "ici": "first_ici", "other": "first_other"}

#: Columns of a stream of assessments: one row per subject and timepoint.
ASSESSMENT_SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "source_id": pl.String(),
    "seq": pl.Int64(),
    "date": pl.String(),
    "visit_date": pl.Date(),
    "visit": pl.String(),
    "earliest_part_date": pl.Date(),
    "latest_part_date": pl.Date(),
    "earliest_pd_part_date": pl.Date(),
    "response": pl.String(),
    "iresponse": pl.String(),
    "suspected_pseudoprogression": pl.Boolean(),
}


def subject_records(tables: Mapping[str, pl.LazyFrame], assessments: pl.LazyFrame) -> SubjectRecords:
    """Gather a study's canonical tables and one stream of assessments into the records that endpoints look at."""
    treatments = _named(tables["treatments"], TREATMENTS, "T", by="start_date")
    in_regimen = treatments.filter(pl.col("component").is_not_null())
    return SubjectRecords(
        subjects=tables["subjects"],
        origins=derive_origins(tables["subjects"], treatments),
        assessments=assessments,
        therapies=treatments.filter(pl.col("component").is_null() & pl.col("kind").is_not_null()).select(
            "subject", "source_id", "seq", "start_date", "kind"
        ),
        tace=in_regimen.filter(pl.col("component") == "tace", dates.is_complete(pl.col("start_date"))).select(
            "subject", "source_id", "seq", date=dates.first_possible_day(pl.col("start_date"))
        ),
        components=in_regimen.filter(pl.col("component") != "tace", dates.is_complete(pl.col("start_date"))).select(
            "subject",
            "source_id",
            "seq",
            "component",
            "last_date",
            "ended",
            start_date=dates.first_possible_day(pl.col("start_date")),
        ),
        clinical_events=_named(tables["clinical_events"], CLINICAL_EVENTS, "X", by="date").select(
            "subject", "date", "kind", "source_id", "seq"
        ),
        tables=tables,
    )


def in_memory(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame computed and held: steps that many endpoints share are small plans over frames that are there."""
    return in_order_of_subjects(frame.collect(engine="in-memory")).lazy()


def in_order_of_subjects(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in the order of `subject`, where it is a number, and known to be: joins and groups of sorted numbers cost a fraction.

    Rows of one subject keep their order.
    """
    if not rows.schema.get("subject", pl.Null()).is_integer():
        return rows
    if not rows["subject"].is_sorted():
        rows = rows.sort("subject", maintain_order=True)
    return rows.with_columns(pl.col("subject").set_sorted())


def collected(records: SubjectRecords) -> SubjectRecords:
    """The same records held in memory, and so all steps derived from them: several endpoints read the study once."""
    frames = pl.collect_all([getattr(records, name) for name in RECORD_FRAMES])
    held: dict[str, Any] = {name: frame.lazy() for name, frame in zip(RECORD_FRAMES, frames, strict=True)}
    return dataclasses.replace(records, **held, hold=in_memory)


def derive_origins(subjects: pl.LazyFrame, treatments: pl.LazyFrame) -> pl.LazyFrame:
    """Every named origin of every subject: one row per subject and origin that is known.

    A component's first start is unknown when a session whose day is missing may have been earlier.
    """
    dated = subjects.select("subject", randomisation="randomisation_date", enrolment="enrolment_date").unpivot(
        index="subject", variable_name="origin", value_name="date"
    )
    return pl.concat([dated, _first_starts(treatments), _first_resections(treatments)]).filter(
        pl.col("date").is_not_null()
    )


def _first_starts(treatments: pl.LazyFrame) -> pl.LazyFrame:
    """First start of each component: subject, origin, date (null where it cannot be known)."""
    return _first(
        treatments.filter(pl.col("component").is_in(list(_COMPONENT_ORIGINS))).with_columns(
            origin=pl.col("component").replace_strict(_COMPONENT_ORIGINS, return_dtype=pl.String)
        )
    )


def _first_resections(treatments: pl.LazyFrame) -> pl.LazyFrame:
    return _first(treatments.filter(pl.col("kind") == "resection").with_columns(origin=pl.lit("resection")))


def _first(courses: pl.LazyFrame) -> pl.LazyFrame:
    start = pl.col("start_date")
    complete = pl.when(dates.is_complete(start)).then(dates.first_possible_day(start))
    partial = pl.when(~dates.is_complete(start)).then(dates.first_possible_day(start))
    firsts = courses.group_by("subject", "origin").agg(complete=complete.min(), partial=partial.min())
    knowable = pl.col("partial").is_null() | (pl.col("partial") > pl.col("complete"))
    return firsts.select("subject", "origin", date=pl.when(knowable).then("complete"))


def treatment_findings(treatments: pl.LazyFrame) -> pl.LazyFrame:
    """Odd treatments: a component without a complete start, and a therapy outside the regimen of unknown kind."""
    record = phrase("row {}", "row")
    incomplete = treatments.filter(
        pl.col("component").is_not_null(), ~dates.is_complete(pl.col("start_date")).fill_null(value=False)
    )
    unknown = treatments.filter(pl.col("component").is_null() & pl.col("kind").is_null())
    return concat_findings(
        [
            derive_findings(
                incomplete,
                rule_id="data.treatments.component_start",
                severity=ERROR,
                table="treatments",
                message="the start of a component of the regimen must be a complete date",
                action="the course is not used; where it may have been the first, the origin is unknown",
                record=record,
                field="start_date",
                value=pl.col("start_date"),
            ),
            derive_findings(
                unknown,
                rule_id="data.treatments.kind",
                severity=ERROR,
                table="treatments",
                message="a therapy outside the regimen has no kind, so it is not known to be anticancer therapy",
                action="the therapy is not used",
                record=record,
                field="kind",
                value=pl.col("treatment"),
            ),
        ]
    )


def assessments_from_timepoints(timepoints: pl.LazyFrame, *, codes_are_irecist: bool) -> pl.LazyFrame:
    """Assessments from responses that a criterion derived: one row per subject and visit.

    Under a criterion whose codelist is iRECIST itself the response is the i-code; otherwise an i-code stands in `iresponse`
    beside its plain form, which is what a re-assessment of suspected pseudoprogression means.
    """
    overall = pl.col("overall")
    is_i_code = overall.is_in(list(terms.PLAIN_FORM))
    plain = overall.replace(terms.PLAIN_FORM)
    moved = pl.col("progression_date") != pl.col("visit_date")
    return timepoints.select(
        "subject",
        source_id=phrase("{}", "visit_date"),
        seq=pl.col("seq").cast(pl.Int64),
        date=pl.col("visit_date").cast(pl.String),
        visit_date="visit_date",
        visit=pl.lit(None, pl.String),
        earliest_part_date=pl.lit(None, pl.Date),
        latest_part_date=pl.lit(None, pl.Date),
        earliest_pd_part_date=pl.when(moved).then("progression_date"),
        response=overall if codes_are_irecist else plain,
        iresponse=pl.lit(None, pl.String) if codes_are_irecist else pl.when(is_i_code).then(overall),
        suspected_pseudoprogression=pl.col("suspected_pseudoprogression").fill_null(value=False),
    )


def assessments_from_collected(
    responses: pl.LazyFrame, *, collected_as: str | None, assessor: str | None, reader: str | None
) -> pl.LazyFrame:
    """Assessments from responses as collected: the rows of one criterion, assessor and reader (None = no selection)."""
    wanted = {"criterion": collected_as, "assessor": assessor, "reader": reader}
    chosen = [
        pl.col(column).str.to_lowercase() == value.lower() for column, value in wanted.items() if value is not None
    ]
    return (
        _named(responses, RESPONSE_ASSESSMENTS, "A", by="date")
        .filter(pl.col("response").is_not_null(), *chosen)
        .select(list(ASSESSMENT_SCHEMA))
    )


def sightings(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """The days on which a stream of assessments saw the subject (`SubjectRecords.sightings`): complete dates alone."""
    complete = pl.when(dates.is_complete(pl.col("date"))).then(dates.first_possible_day(pl.col("date")))
    days = ("date", "visit_date", "earliest_part_date", "latest_part_date", "earliest_pd_part_date")
    return (
        assessments.with_columns(date=complete)
        .select("subject", "source_id", "seq", *days)
        .unpivot(days, index=["subject", "source_id", "seq"], value_name="day")
        .filter(pl.col("day").is_not_null())
        .select("subject", "source_id", "seq", date="day")
        .unique()
    )


def _named(rows: pl.LazyFrame, table: Table, letter: str, *, by: str) -> pl.LazyFrame:
    """The rows of a table with `seq`, and `source_id`, a letter and that number.

    Of several records of one day the first counts, and the order of the rows must not decide which one that is. So a
    record that the study does not number is numbered by what it says, in order of its date, after the subject's numbered
    ones; where a number is there more than once, so are their names.
    """
    rows = rows.with_columns(pl.col("seq").cast(pl.Int64))
    numbered, others = rows.filter(pl.col("seq").is_not_null()), rows.filter(pl.col("seq").is_null())
    # Hashes first: two numbers with one hash only cost a closer look.
    hashed = numbered.with_columns(_again=pl.struct("subject", "seq").hash().is_duplicated())
    alone, suspects = (hashed.filter(which).drop("_again") for which in (~pl.col("_again"), pl.col("_again")))
    is_again = pl.len().over("subject", "seq") > 1
    content = [by, *(column.name for column in table.columns if column.name not in ("subject", "seq", by))]
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    highest = (
        numbered.join(others.select("subject").unique(), on="subject", how="semi")
        .group_by("subject")
        .agg(highest=pl.col("seq").max())
    )
    counted = (
        others.sort("subject", *content)
        .with_columns(place=place.over("subject"))
        .join(highest, on="subject", how="left")
        .with_columns(seq=pl.col("place") + pl.col("highest").fill_null(0))
        .drop("place", "highest")
    )
    repeated = (
        suspects.filter(is_again)
        .sort("subject", "seq", *content)
        .with_columns(source_id=phrase(f"{letter}{{}}.{{}}", "seq", place.over("subject", "seq")))
    )
    once = pl.concat([alone, suspects.filter(~is_again), counted])
    return pl.concat([once.with_columns(source_id=phrase(f"{letter}{{}}", "seq")), repeated])

"""The input tables: what one row is, and every column's meaning, type, codelist and whether it is required.

This is the one place where a table is declared; readers check against it, `schemas/` and the docs are generated from it.
Extra columns of a study are kept and may be used as strata or for selection.

Kinds of column and how the engine holds them:

=============  =============================================  ==========================================
kind           a study brings                                 the engine holds
=============  =============================================  ==========================================
text           text                                           String, trimmed; empty is missing
code           one of the codelist (case ignored)             String, as the codelist spells it
date           a calendar day, ISO 8601                       Date
partial_date   `2024-05-17`, `2024-05` or `2024`              String in that form (`rules_engine.dates`)
time           `08:30`, `08:30:15`, or an ISO 8601 date with  Time; a date alone has none
               such a time after `T`
integer        a whole number                                 Int64
number         a number                                       Float64
flag           true/false, yes/no, Y/N, 1/0                   Boolean
length         millimetres with at most two decimals          Int64 in hundredths of a millimetre,
                                                              column name + `_x100`
=============  =============================================  ==========================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

from rules_engine import terms

ColumnKind = Literal["text", "code", "date", "partial_date", "time", "integer", "number", "flag", "length"]

DTYPES: Final[dict[str, pl.DataType]] = {
    "text": pl.String(),
    "code": pl.String(),
    "date": pl.Date(),
    "partial_date": pl.String(),
    "time": pl.Time(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "length": pl.Int64(),
}

#: How many engine units make one millimetre: lengths are whole hundredths, so that sums and thresholds compare exactly.
UNITS_PER_MM: Final = 100


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an input table. `default` fills a missing value or a missing column (null where None).

    `if_unknown` is what a cell means that is there and is none of `codes`; without it such a cell is taken as missing.
    """

    name: str
    kind: ColumnKind
    meaning: str
    required: bool = False
    codes: tuple[str, ...] = ()
    default: str | bool | None = None
    unit: str = ""
    if_unknown: str | None = None

    @property
    def held_as(self) -> str:
        """The column's name inside the engine."""
        return f"{self.name}_x100" if self.kind == "length" else self.name

    @property
    def dtype(self) -> pl.DataType:
        """The column's Polars type inside the engine."""
        return DTYPES[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """One input table: what a row is, its columns, and the columns that together name a row (`key`).

    An empty `key` means that rows have no natural name; two equal rows are then two records.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name, as that of a named object."""
        return self.name

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which the table cannot be used."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Name and type of every declared column as the engine holds it."""
        return {column.held_as: column.dtype for column in self.columns}

    def column(self, name: str) -> Column:
        """The column called `name` (as a study calls it)."""
        return next(column for column in self.columns if column.name == name)


SUBJECT = Column("subject", "text", "Subject identifier, the same in every table (USUBJID).", required=True)
#: Every canonical table also carries the source row number (1 = first data row), so that findings can name a record.
ROW = Column("row", "integer", "Number of the row in the study's own table, 1 = first; the engine adds it.")

SUBJECTS = Table(
    "subjects",
    "subject",
    (
        SUBJECT,
        Column("arm", "text", "Treatment group to analyse by (TRT01A)."),
        Column("randomisation_date", "date", "Day of randomisation."),
        Column("enrolment_date", "date", "Day of enrolment or registration."),
        Column("baseline_date", "date", "Day of the baseline tumour assessment."),
        Column("baseline_adequate", "flag", "All target and non-target disease assessed before the time origin."),
        Column("birth_date", "partial_date", "Day, month or year of birth."),
        Column("sex", "text", "Sex."),
        Column("death_date", "partial_date", "Day of death from any cause; the day or month may be unknown."),
        Column("death_cause", "text", "Cause of death as recorded."),
        Column("last_contact_date", "date", "Last day on which the subject is known to have been alive."),
        Column("withdrawal_date", "date", "Day on which consent was withdrawn."),
        Column("lost_to_followup_date", "date", "Administrative day on which the subject was declared lost."),
        Column("end_of_study_date", "date", "Administrative day on which the subject left the study."),
        Column("safety_population", "flag", "Received at least one dose or session (SAFFL)."),
    ),
    key=("subject",),
)

LESION_ASSESSMENTS = Table(
    "lesion_assessments",
    "subject × visit × lesion × fragment (per assessor and reader)",
    (
        SUBJECT,
        Column("visit_date", "date", "Day of the imaging assessment.", required=True),
        Column("is_baseline", "flag", "Belongs to the one baseline visit of the subject.", required=True),
        Column("lesion_id", "text", "Name of the lesion, stable over time.", required=True),
        Column("role", "code", "Part the lesion plays; fixed at its first record.", required=True,
               codes=terms.LESION_ROLES),
        Column("organ", "text", "Organ; all lymph nodes are one organ `lymph_node`.", default="liver"),
        Column("node", "flag", "Lymph node: `mm` is the short axis.", default=False),
        Column("kind", "code", "Kind of disease where it changes a rule.", codes=terms.LESION_KINDS),
        Column("site", "text", "Site where it changes a rule, such as `porta_hepatis`."),
        Column("nl", "code", "For new lesions under iRECIST: measured (`target`) or not.",
               codes=terms.NEW_LESION_ROLES),
        Column("mm", "length", "Longest diameter of the whole lesion; short axis of a node.", unit="mm"),
        Column("viable_mm", "length", "Longest diameter of the arterially enhancing part.", unit="mm"),
        Column("state", "code", "State of a target or measured new lesion; a number implies `measured`.",
               codes=terms.LESION_STATES, if_unknown="ne"),
        Column("into", "text", "For `merged`: the lesion that carries the measurement of the coalesced mass."),
        Column("fragment_id", "text", "For a split lesion: one row per fragment."),
        Column("status", "code", "State of a non-target or unmeasured new lesion.", codes=terms.LESION_STATUSES,
               if_unknown="ne"),
        Column("vs_last", "code", "Change since the last accepted assessment.", codes=terms.VS_LAST, default="same"),
        Column("certainty", "code", "For a new lesion: is it certain?", codes=terms.CERTAINTIES,
               default="unequivocal", if_unknown="equivocal"),
        Column("pattern", "code", "For a new intrahepatic lesion: enhancement pattern.", codes=terms.PATTERNS),
        Column("cytology", "code", "For an effusion.", codes=terms.CYTOLOGIES, default="not_done"),
        Column("reason", "code", "Why the visit took place.", codes=terms.VISIT_REASONS, default="scheduled"),
        Column("suspected_pseudoprogression", "flag", "The investigator suspected pseudoprogression at this visit.",
               default=False),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
    ),
    key=("subject", "assessor", "reader", "visit_date", "lesion_id", "fragment_id"),
)  # fmt: skip

RESPONSE_ASSESSMENTS = Table(
    "response_assessments",
    "subject × timepoint × criterion × assessor: responses as collected",
    (
        SUBJECT,
        Column("date", "partial_date", "Day of the assessment; the day may be unknown.", required=True),
        Column("visit_date", "date", "Nominal day of the visit."),
        Column("visit", "text", "Name of the visit (VISIT)."),
        Column("earliest_part_date", "date", "Earliest scan of an assessment spread over days."),
        Column("latest_part_date", "date", "Latest scan of an assessment spread over days."),
        Column("earliest_pd_part_date", "date", "Earliest scan that showed progression."),
        Column("criterion", "text", "Criterion of the reading, such as `RECIST 1.1`.", required=True),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
        Column("target", "text", "Target response."),
        Column("non_target", "text", "Non-target response."),
        Column("new_lesion", "text", "New lesion seen."),
        Column("response", "code", "Overall response of the timepoint.", required=True, codes=terms.RESPONSES),
        Column("iresponse", "code", "Response of the iRECIST re-assessment, where one was made.",
               codes=terms.RESPONSES),
        Column("suspected_pseudoprogression", "flag", "The investigator suspected pseudoprogression at this visit.",
               default=False),
        Column("seq", "integer", "Sequence number of the record (RSSEQ)."),
    ),
)  # fmt: skip

TREATMENTS = Table(
    "treatments",
    "subject × course or procedure",
    (
        SUBJECT,
        Column("treatment", "text", "Name of the drug or procedure.", required=True),
        Column("component", "text", "Part of the regimen: `tace`, `ici`, `other`; missing = outside the regimen."),
        Column("kind", "code", "Kind of anticancer therapy outside the regimen.", codes=terms.THERAPY_KINDS),
        Column("start_date", "partial_date", "First day; the day may be unknown for therapy outside the regimen.",
               required=True),
        Column("start_time", "time", "Clock time of the start, where it is recorded."),
        Column("last_date", "date", "Last dose or session."),
        Column("ended", "flag", "The course has ended."),
        Column("seq", "integer", "Sequence number of the record."),
    ),
)  # fmt: skip

CLINICAL_EVENTS = Table(
    "clinical_events",
    "subject × dated fact",
    (
        SUBJECT,
        Column("date", "date", "Day of the event.", required=True),
        Column("kind", "text", "What happened, such as `clinical_progression`, `vascular_invasion`.", required=True),
        Column("seq", "integer", "Sequence number of the record."),
    ),
)

ADVERSE_EVENTS = Table(
    "adverse_events",
    "subject × adverse event record",
    (
        SUBJECT,
        Column("term", "text", "Reported or coded term (AETERM, AELLT or the CTCAE term).", required=True),
        Column("specification", "text", "What was specified where the term is `… - Other, specify`."),
        Column("decoded_term", "text", "Dictionary term (AEDECOD)."),
        Column("soc", "text", "System organ class (AEBODSYS)."),
        Column("grade", "text", "Reported grade, kept as written (AETOXGR)."),
        Column("initial_grade", "text", "Grade at onset (AEITOXGR)."),
        Column("start_date", "partial_date", "First day; parts may be unknown."),
        Column("end_date", "partial_date", "Last day; parts may be unknown; missing = ongoing."),
        Column("serious", "flag", "Serious (AESER)."),
        Column("fatal", "flag", "Resulted in death (AESDTH)."),
        Column("hospitalised", "flag", "Hospitalisation or its prolongation (AESHOSP)."),
        Column(
            "related_to",
            "text",
            "Components the event is related to, separated by `;` (such as `tace;ici`), or `none`; missing counts as related.",
        ),
        Column(
            "action_taken",
            "text",
            "Action taken with treatment (AEACN); of several components `ici: DRUG WITHDRAWN; tace: DOSE NOT CHANGED`.",
        ),
        Column("immune_related", "flag", "Immune-related, in the judgement of investigator or adjudicator."),
        Column(
            "treated_with",
            "text",
            "Treatments given for the event, separated by `;`: `steroid`, `high_dose_steroid`, `immunosuppressant`, `hormone`.",
        ),
        Column("treated_from", "partial_date", "First day of that treatment; parts may be unknown."),
        Column("outcome", "text", "Outcome (AEOUT)."),
        Column("episode", "text", "Link between records of one episode (AEGRPID, AESPID)."),
        Column("aeseq", "integer", "Sequence number of the record (AESEQ)."),
    ),
)

LABS = Table(
    "labs",
    "subject × sample × analyte",
    (
        SUBJECT,
        Column("date", "date", "Day of the sample.", required=True),
        Column("time", "time", "Clock time of the sample, where it is recorded."),
        Column("analyte", "text", "Analyte (LBTESTCD-like), such as `ALT`, `BILI`, `HGB`.", required=True),
        Column("value", "text", "Result as reported: a number, or `<5`, `>1000`.", required=True),
        Column("unit", "text", "Unit of value and limits as reported.", required=True),
        Column("lln", "number", "Lower limit of normal, in `unit`."),
        Column("uln", "number", "Upper limit of normal, in `unit`."),
        Column("is_baseline", "flag", "Marked as baseline by the study."),
        Column("fasting", "flag", "Sample taken fasting."),
        Column("symptomatic", "flag", "Symptoms of the abnormality present."),
        Column("intervention", "flag", "Intervention for the abnormality started."),
        Column("on_anticoagulant", "flag", "Subject is on an anticoagulant."),
        Column(
            "laboratory",
            "text",
            "Laboratory that did the test (LBNAM); missing ranges are filled only from the same one.",
        ),
        Column("seq", "integer", "Sequence number of the record (LBSEQ)."),
    ),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        SUBJECTS,
        LESION_ASSESSMENTS,
        RESPONSE_ASSESSMENTS,
        TREATMENTS,
        CLINICAL_EVENTS,
        ADVERSE_EVENTS,
        LABS,
    )
}


def canonical_schema(table: Table) -> dict[str, pl.DataType]:
    """Columns and types of a table as every derivation receives it: the declared ones and `row`."""
    return {**table.schema, ROW.name: ROW.dtype}


def empty_table(name: str) -> pl.LazyFrame:
    """The table called `name` without rows."""
    return pl.LazyFrame(schema=canonical_schema(TABLES[name]))

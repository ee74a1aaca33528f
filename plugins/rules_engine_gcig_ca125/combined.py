"""RECIST 1.1 and CA-125 to one response (Rustin 2011, tables of best overall response)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from rules_engine.contracts import SUBJECT, Column, Table
from rules_engine.criteria import complete_timepoints, derive_combined, table_objections, table_schema, worst_of_day
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need

RECIST = ("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PD", "NE", "ND")
CA125 = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE", "ND")
RESPONSES = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
COMPONENTS = {"recist": RECIST, "ca125": CA125}

ASSESSMENTS = Table(
    "gcig_assessments",
    "subject × visit (per assessor and reader): RECIST and CA-125",
    (
        SUBJECT,
        Column("date", "date", "Day of the assessment.", required=True),
        Column("recist", "code", "Overall response by RECIST 1.1.", codes=RECIST),
        Column(
            "ca125", "code",
            "Response by CA-125: CR within the normal range, PR not within it, SD neither response nor progression, "
            "NON-CR/NON-PD where a response cannot be judged and there is no progression.",
            codes=CA125,
        ),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
    ),
)  # fmt: skip


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and day of assessment."""
    return (
        tables["gcig_assessments"]
        .with_columns(visit_date="date")
        .pipe(derive_combined, rules["overall.table"], COMPONENTS)
        .pipe(worst_of_day, ("PD", "NON-CR/NON-PD", "SD", "PR", "CR", "NE"))
        .pipe(complete_timepoints)
    )


def check(rules: CriterionRules) -> Sequence[tuple[str, str, str]]:
    """A table that leaves a combination open."""
    return table_objections(rules, "overall.table", COMPONENTS)


GCIG_COMBINED = Criterion(
    id="gcig_combined",
    version="1.0",
    title="GCIG, RECIST 1.1 and CA-125",
    reference="Rustin GJS et al. Int J Gynecol Cancer 2011;21:419-423",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {"overall.table": table_schema(COMPONENTS, RESPONSES, "Overall response by RECIST and CA-125.")},
    },
    responses=RESPONSES,
    tables=[Need("gcig_assessments", "", "RECIST and CA-125 by GCIG")],
    assess_tables=assess,
    check=check,
)

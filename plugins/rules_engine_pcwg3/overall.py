"""Soft tissue by RECIST 1.1 and bone by PCWG3 to one timepoint response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from rules_engine.contracts import SUBJECT, Column, Table
from rules_engine.criteria import complete_timepoints, derive_combined, table_objections, table_schema, worst_of_day
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need

from rules_engine_pcwg3.bone import derive_bone

SOFT_TISSUE = ("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PD", "NE", "ND")
BONE = ("NED", "NON-PD", "PDu", "PD", "NE", "ND")
TARGETS = ("YES", "NO", "ND")
RESPONSES = ("CR", "PR", "SD", "NON-CR/NON-PD", "NED", "PDu", "PD", "NE")
COMPONENTS = {"soft_tissue": SOFT_TISSUE, "bone": BONE, "targets": TARGETS}

ASSESSMENTS = Table(
    "pcwg3_assessments",
    "subject × visit (per assessor and reader): soft tissue and bone",
    (
        SUBJECT,
        Column("date", "date", "Day of the assessment.", required=True),
        Column("soft_tissue", "code", "Response of soft tissue by RECIST 1.1.", codes=SOFT_TISSUE),
        Column("bone", "code", "Response of bone as the reader gave it; where it is missing, the counts decide.", codes=BONE),
        Column("bone_new", "integer", "Lesions on the bone scan that were not on the baseline scan."),
        Column("bone_new_since_first", "integer", "Lesions on the bone scan that were not on the first scan after baseline."),
        Column("targets_at_baseline", "flag", "Soft tissue had target lesions at baseline."),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
    ),
)  # fmt: skip


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and day of assessment."""
    targets = pl.when("targets_at_baseline").then(pl.lit("YES")).when(~pl.col("targets_at_baseline")).then(pl.lit("NO"))
    visits = (
        tables["pcwg3_assessments"]
        .with_columns(visit_date="date", targets=targets)
        .pipe(derive_bone, rules)
        .pipe(derive_combined, rules["overall.table"], COMPONENTS)
        .pipe(worst_of_day, ("PD", "PDu", "NON-CR/NON-PD", "SD", "PR", "NED", "CR", "NE"))
    )
    return visits.with_columns(
        progression_date=pl.when(pl.col("overall") == "PD").then(_progression_day()),
        trace=pl.concat_str("bone_rule", "rule_id", separator=";", ignore_nulls=True),
    ).pipe(complete_timepoints)


def _progression_day() -> pl.Expr:
    """The scan that first showed the new bone lesions, where bone is why the visit is progression."""
    by_bone = (pl.col("bone") == "PD") & (pl.col("soft_tissue") != "PD")
    return pl.when(by_bone).then(pl.coalesce("bone_date", "visit_date")).otherwise("visit_date")


def check(rules: CriterionRules) -> Sequence[tuple[str, str, str]]:
    """A table that leaves a combination open."""
    return table_objections(rules, "overall.table", COMPONENTS)


PCWG3 = Criterion(
    id="pcwg3",
    version="1.0",
    title="PCWG3, soft tissue and bone",
    reference="Scher HI et al. J Clin Oncol 2016;34:1402-1418",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "overall.table": table_schema(COMPONENTS, RESPONSES, "Overall response by soft tissue and bone."),
            "bone.new_lesions": {
                "type": "integer", "minimum": 1,
                "description": "New bone lesions that make a scan progression, not yet confirmed.",
            },
            "bone.further_lesions": {
                "type": "integer", "minimum": 1,
                "description": "Further new lesions by which the next scan confirms progression of the first one after baseline.",
            },
            "bone.confirm_min_days": {
                "type": "integer", "minimum": 0,
                "description": "Least time from a scan to the one that confirms it. In days.",
            },
        },
    },
    responses=RESPONSES,
    tables=[Need("pcwg3_assessments", "", "soft tissue and bone by PCWG3")],
    assess_tables=assess,
    check=check,
    # Endpoints know no unconfirmed progression of bone: the visit counts as seen, and not as progression.
    plain_forms={"PDu": "NON-CR/NON-PD"},
)  # fmt: skip

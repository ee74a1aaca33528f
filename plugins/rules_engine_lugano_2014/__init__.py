"""Lugano 2014 (Cheson et al., J Clin Oncol 2014;32:3059-3068): response of lymphoma by PET-CT and CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import rules_engine
from rules_engine.contracts import SUBJECT, Column, Table
from rules_engine.criteria import complete_timepoints, derive_combined, table_objections, table_schema, worst_of_day
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need, RulesetFolder

RULES_ENGINE_HOOKS = "1.1"

PET = ("CMR", "PMR", "NMR", "PMD", "NE", "ND")
CT = ("CAR", "PAR", "SAD", "PAD", "NE", "ND")
UPTAKE = ("decreased", "unchanged", "increased")
RESPONSES = ("CR", "PR", "SD", "PD", "NE")
COMPONENTS = {"pet": PET, "ct": CT}

ASSESSMENTS = Table(
    "lugano_assessments",
    "subject × visit (per assessor and reader): PET-CT and CT",
    (
        SUBJECT,
        Column("date", "date", "Day of the assessment.", required=True),
        Column("pet", "code", "Metabolic response by PET-CT; where it is missing, the score decides.", codes=PET),
        Column("deauville", "integer", "Highest score on the five-point scale (Deauville)."),
        Column("uptake", "code", "Uptake compared with baseline.", codes=UPTAKE),
        Column("new_foci", "flag", "New foci of uptake consistent with lymphoma.", default=False),
        Column("ct", "code", "Anatomic response by CT: complete (CAR), partial (PAR), stable (SAD), progression (PAD).", codes=CT),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
    ),
)  # fmt: skip


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One timepoint response per subject and day of assessment."""
    return (
        tables["lugano_assessments"]
        .with_columns(visit_date="date")
        .pipe(derive_metabolic_response, rules)
        .pipe(derive_combined, rules["overall.table"], COMPONENTS)
        .with_columns(trace=pl.concat_str("pet_rule", "rule_id", separator=";", ignore_nulls=True))
        .pipe(worst_of_day, ("PD", "SD", "PR", "CR", "NE"))
        .pipe(complete_timepoints)
    )


def derive_metabolic_response(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Fill `pet` from the five-point score where the reader gave none (Cheson 2014, Table 3); add `pet_rule`."""
    score, low = pl.col("deauville"), rules["pet.complete_max_score"]
    scored = pl.col("pet").is_null() & score.is_between(1, 5)
    steps = (
        (pl.col("new_foci").fill_null(value=False), "PMD", "lugano_2014.pet.new_foci"),
        (score <= low, "CMR", "lugano_2014.pet.cmr"),
        (pl.col("uptake") == "decreased", "PMR", "lugano_2014.pet.pmr"),
        (pl.col("uptake") == "unchanged", "NMR", "lugano_2014.pet.nmr"),
        (pl.col("uptake") == "increased", "PMD", "lugano_2014.pet.pmd"),
        (pl.lit(value=True), "NE", "lugano_2014.pet.uptake_unknown"),
    )
    return visits.with_columns(
        pet_rule=pl.when(scored).then(pl.coalesce(pl.when(holds).then(pl.lit(rule)) for holds, _code, rule in steps)),
        pet=pl.when(scored)
        .then(pl.coalesce(pl.when(holds).then(pl.lit(code)) for holds, code, _rule in steps))
        .otherwise("pet"),
    )


def check(rules: CriterionRules) -> Sequence[tuple[str, str, str]]:
    """A table that leaves a combination open."""
    return table_objections(rules, "overall.table", COMPONENTS)


LUGANO = Criterion(
    id="lugano_2014",
    version="1.0",
    title="Lugano 2014, PET-CT and CT",
    reference="Cheson BD et al. J Clin Oncol 2014;32:3059-3068",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "overall.table": table_schema(COMPONENTS, RESPONSES, "Overall response by PET-CT and CT."),
            "pet.complete_max_score": {
                "type": "integer", "minimum": 1, "maximum": 4,
                "description": "Highest score on the five-point scale that is a complete metabolic response.",
            },
        },
    },
    responses=RESPONSES,
    tables=[Need("lugano_assessments", "", "PET-CT and CT by Lugano 2014")],
    assess_tables=assess,
    check=check,
)  # fmt: skip


@rules_engine.hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer Lugano 2014."""
    return [LUGANO]


@rules_engine.hookimpl
def rules_engine_tables() -> Sequence[Table]:
    """Offer the table of assessments."""
    return [ASSESSMENTS]


@rules_engine.hookimpl
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer the ruleset of this folder."""
    return [RulesetFolder("lugano_2014", Path(__file__).parent / "rulesets")]

"""IMWG (Kumar et al., Lancet Oncol 2016;17:e328-e346): confirmed response of myeloma from responses as collected.

Every response but stable disease needs two consecutive assessments; a patient stays in the best category that was confirmed until a better
one or progression is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import rules_engine
from rules_engine.contracts import SUBJECT, Column, Table
from rules_engine.criteria import complete_timepoints, worst_of_day
from rules_engine.model import CriterionRules
from rules_engine.vocabulary import Criterion, Need, RulesetFolder

RULES_ENGINE_HOOKS = "1.1"

RESPONSES = ("sCR", "CR", "VGPR", "PR", "MR", "SD", "PD", "NE")
#: How much a category says, to carry the highest that was confirmed forward: progression ends everything.
RANK = {"PD": 7, "sCR": 6, "CR": 5, "VGPR": 4, "PR": 3, "MR": 2, "SD": 1, "NE": 0}
CODE = {rank: code for code, rank in RANK.items()}
IMPROVED = ("sCR", "CR", "VGPR", "PR", "MR")

ASSESSMENTS = Table(
    "imwg_assessments",
    "subject × visit (per assessor and reader): response as collected, not confirmed",
    (
        SUBJECT,
        Column("date", "date", "Day of the assessment.", required=True),
        Column("response", "code", "Response at this visit, not confirmed.", codes=RESPONSES),
        Column("pd_by_imaging", "flag", "Progression was shown by imaging.", default=False),
        Column("death_from_pd", "flag", "The patient died of this progression.", default=False),
        Column("new_therapy_date", "date", "First day of the next therapy of the myeloma."),
        Column("assessor", "text", "Who assessed: `investigator`, `independent`.", default="investigator"),
        Column("reader", "text", "Which reader, where an assessor has several."),
    ),
)  # fmt: skip


def assess(tables: Mapping[str, pl.LazyFrame], rules: CriterionRules) -> pl.LazyFrame:
    """One confirmed response per subject and day of assessment."""
    return (
        tables["imwg_assessments"]
        .with_columns(visit_date="date", overall=pl.col("response").fill_null("NE"), rule_id=pl.lit(""))
        .pipe(worst_of_day, ("PD", "SD", "MR", "PR", "VGPR", "CR", "sCR", "NE"))
        .with_columns(overall_as_read="overall")
        .pipe(derive_next)
        .pipe(derive_confirmed, rules)
        .pipe(carry_forward)
        .pipe(complete_timepoints)
    )


def derive_next(visits: pl.LazyFrame) -> pl.LazyFrame:
    """Add `next_code`, `next_date` of the subject's next evaluable visit (null: none), and `therapy_date`, its first new therapy."""
    evaluable = pl.col("overall") != "NE"
    later = {
        name: pl.when(evaluable).then(column).shift(-1).fill_null(strategy="backward")
        .over("subject", order_by="visit_date")
        for name, column in (("next_code", "overall"), ("next_date", "visit_date"))
    }  # fmt: skip
    return visits.with_columns(**later, therapy_date=pl.col("new_therapy_date").min().over("subject"))


def derive_confirmed(visits: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Add `rank` and `own_rule`: the category that this visit confirms by itself.

    A response that a lower one follows confirms the lower one. One that nothing follows, or progression, is stable disease.
    """
    code, following = pl.col("overall"), pl.col("next_code")
    in_time = pl.col("therapy_date").is_null() | (pl.col("next_date") <= pl.col("therapy_date"))
    counts = in_time if rules["confirm.before_new_therapy"] else pl.lit(value=True)
    is_followed = following.is_in([*IMPROVED, "SD"]) & counts
    sure = (pl.col("pd_by_imaging") & pl.lit(rules["pd.imaging_is_sure"])) | (
        pl.col("death_from_pd") & pl.lit(rules["pd.death_is_sure"])
    )
    own, next_rank = (column.replace_strict(RANK, default=None, return_dtype=pl.Int8) for column in (code, following))
    steps = (
        (code == "NE", 0, "imwg.ne"),
        ((code == "PD") & sure.fill_null(value=False), RANK["PD"], "imwg.pd.sure"),
        ((code == "PD") & (following == "PD"), RANK["PD"], "imwg.pd.confirmed"),
        (code == "PD", RANK["NE"], "imwg.pd.unconfirmed"),
        (code == "SD", RANK["SD"], "imwg.sd"),
        (is_followed & (next_rank < own), next_rank, "imwg.response.lower"),
        (is_followed, own, "imwg.response.confirmed"),
        (pl.lit(value=True), RANK["SD"], "imwg.response.unconfirmed"),
    )
    ranks = ((holds, pl.lit(rank, pl.Int8) if isinstance(rank, int) else rank) for holds, rank, _rule in steps)
    return visits.with_columns(
        rank=pl.coalesce(pl.when(holds).then(rank) for holds, rank in ranks),
        own_rule=pl.coalesce(pl.when(holds).then(pl.lit(rule)) for holds, _rank, rule in steps),
    )


def carry_forward(visits: pl.LazyFrame) -> pl.LazyFrame:
    """The highest category that was confirmed up to each visit, and the rule that gave it."""
    best = pl.col("rank").cum_max().over("subject", order_by="visit_date")
    progressed = pl.when(pl.col("rank") == RANK["PD"]).then("visit_date").min().over("subject")
    return visits.with_columns(best=best).with_columns(
        overall=pl.col("best").replace_strict(CODE, return_dtype=pl.String),
        rule_id=pl.when(pl.col("best") > pl.col("rank")).then(pl.lit("imwg.carried_forward")).otherwise("own_rule"),
        trace=pl.when(pl.col("best") > pl.col("rank"))
        .then(pl.concat_str("own_rule", pl.lit(";imwg.carried_forward")))
        .otherwise("own_rule"),
        progression_date=pl.when(pl.col("best") == RANK["PD"]).then(progressed),
    )


def _flag(description: str) -> Mapping[str, object]:
    return {"type": "boolean", "description": description}


IMWG = Criterion(
    id="imwg",
    version="1.0",
    title="IMWG, confirmed response of multiple myeloma",
    reference="Kumar S et al. Lancet Oncol 2016;17:e328-e346",
    options_schema={
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "confirm.before_new_therapy": _flag(
                "Only an assessment up to the first day of the next therapy confirms a response."
            ),
            "pd.imaging_is_sure": _flag("Progression shown by imaging needs no second assessment."),
            "pd.death_is_sure": _flag("Progression of which the patient died needs no second assessment."),
        },
    },
    responses=RESPONSES,
    tables=[Need("imwg_assessments", "", "responses by IMWG")],
    assess_tables=assess,
    # Endpoints read the categories of myeloma as those that count the same towards response.
    plain_forms={"sCR": "CR", "VGPR": "PR", "MR": "SD"},
)


@rules_engine.hookimpl
def rules_engine_criteria() -> Sequence[Criterion]:
    """Offer IMWG."""
    return [IMWG]


@rules_engine.hookimpl
def rules_engine_tables() -> Sequence[Table]:
    """Offer the table of assessments."""
    return [ASSESSMENTS]


@rules_engine.hookimpl
def rules_engine_rulesets() -> Sequence[RulesetFolder]:
    """Offer the ruleset of this folder."""
    return [RulesetFolder("imwg", Path(__file__).parent / "rulesets")]

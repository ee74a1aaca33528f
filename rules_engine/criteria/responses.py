"""Target, non-target and overall response of a visit, as the papers' tables have them (Eisenhauer 2009 §4.3, Tables 1 and 2).

The judgements read one row per visit with the facts of `visits` and what went before:

=====================  ====================================================================
nadir_x100             smallest complete sum before this visit; null where there is none
cr_before              an earlier overall complete response
target_cr_before       an earlier complete response of the targets
pr_established         a partial response was established, and no progression since
new_lesion             an unequivocal new lesion
=====================  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rules_engine.criteria.numbers import has_fallen_by, has_risen_by
from rules_engine.model import CriterionRules

#: How a response is called inside the id of a rule.
RULE_WORDS = {
    "CR": "cr", "PR": "pr", "SD": "sd", "NON-CR/NON-PD": "non_cr_non_pd", "PD": "pd", "NE": "ne", "NED": "ned",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleNames:
    """The prefixes under which a criterion's rules are known in its ruleset."""

    target: str
    nontarget: str
    new_lesion: str
    overall: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """A condition, the response it gives, and the name of the rule."""

    name: str
    condition: pl.Expr
    response: str


def _first_match(rules: list[_Rule], response: str, rule: str, prefix: str) -> list[pl.Expr]:
    """Columns `response` and `rule`: those of the first rule whose condition is true."""
    which = pl.lit(None, pl.UInt8)
    for number, candidate in reversed(list(enumerate(rules))):
        which = pl.when(candidate.condition).then(pl.lit(number, pl.UInt8)).otherwise(which)

    def told(words: list[str]) -> pl.Expr:
        return which.replace_strict(dict(enumerate(words)), default=None, return_dtype=pl.String)

    return [
        told([candidate.response for candidate in rules]).alias(response),
        told([f"{prefix}.{candidate.name}" for candidate in rules]).alias(rule),
    ]


def has_complete_target_response() -> pl.Expr:
    """All targets known, every other lesion gone, every node normal (Eisenhauer 2009 §4.3.1); the sum need not be 0."""
    return pl.col("sum_complete") & (pl.col("nodes_back") == 0) & (pl.col("others_back") == 0)


def has_target_growth(rules: CriterionRules) -> pl.Expr:
    """The complete sum has grown from its nadir far enough for progression."""
    return has_risen_by(pl.col("sum_x100"), pl.col("nadir_x100"), rules["pd.pct"], rules["pd.abs_mm"])


def has_target_return(rules: CriterionRules) -> pl.Expr:
    """Some target is seen again after a complete response, and the ruleset calls that progression."""
    is_back = (pl.col("nodes_back") > 0) | (pl.col("others_back") > 0)
    overall = pl.col("cr_before") if rules["cr.reappearance"] == "pd" else pl.lit(value=False)
    targets_only = (
        pl.col("target_cr_before") & ~pl.col("cr_before")
        if rules["cr.target_only_return"] == "pd"
        else pl.lit(value=False)
    )
    return is_back & (overall | targets_only)


def target_response(rules: CriterionRules, names: RuleNames) -> list[pl.Expr]:
    """Columns `target` and `target_rule`; the first rule that holds decides (Eisenhauer 2009 §4.3.1, §4.3.2, §4.4.1).

    Progression is asked before partial response, growth is measured from the nadir and shrinkage from the baseline. Where some
    target is unknown only progression can be proven, by the sum of those that are known.
    """
    baseline, total = pl.col("baseline_x100"), pl.col("sum_x100")
    growth = _Rule("pd", has_target_growth(rules), "PD")
    complete = _Rule("cr", has_complete_target_response(), "CR")
    stays = pl.lit(rules["pr.persistence"] == "after_established")
    known_growth = has_risen_by(pl.col("partial_x100"), pl.col("nadir_x100"), rules["pd.pct"], rules["pd.abs_mm"])
    return _first_match(
        [
            _Rule("na", ~pl.col("has_targets"), "NA"),
            _Rule("no_baseline", baseline.is_null(), "NE"),
            _Rule("reappearance", has_target_return(rules), "PD"),
            *([complete, growth] if rules["cr.before_pd"] else [growth, complete]),
            _Rule("pr", has_fallen_by(total, baseline, rules["pr.pct"]), "PR"),
            _Rule("pr_persists", pl.col("sum_complete") & pl.col("pr_established") & stays, "PR"),
            _Rule("sd", pl.col("sum_complete"), "SD"),
            _Rule("pd_partial", known_growth, "PD"),
            _Rule("ne", pl.lit(value=True), "NE"),
        ],
        "target",
        "target_rule",
        names.target,
    )


def nontarget_response(names: RuleNames) -> list[pl.Expr]:
    """Columns `nontarget` and `nontarget_rule` (Eisenhauer 2009 §4.3.3, §4.3.4): progression only where a reader calls it so."""
    return _first_match(
        [
            _Rule("na", ~pl.col("has_nontargets"), "NA"),
            _Rule("pd", pl.col("nontarget_progressed"), "PD"),
            _Rule("reappearance", pl.col("cr_before") & pl.col("nontarget_seen"), "PD"),
            _Rule("ne", pl.col("nontarget_unknown"), "NE"),
            _Rule("cr", pl.col("nontarget_gone"), "CR"),
            _Rule("non_cr_non_pd", pl.lit(value=True), "NON-CR/NON-PD"),
        ],
        "nontarget",
        "nontarget_rule",
        names.nontarget,
    )


def lesion_response(target: pl.Expr, nontarget: pl.Expr) -> pl.Expr:
    """Target and non-target response taken together, new lesions aside (Eisenhauer 2009 Tables 1 and 2)."""
    no_more_disease = nontarget.is_in(["CR", "NA"])
    return (
        pl.when((target == "PD") | (nontarget == "PD"))
        .then(pl.lit("PD"))
        .when((target == "CR") & no_more_disease)
        .then(pl.lit("CR"))
        .when(target.is_in(["CR", "PR"]))
        .then(pl.lit("PR"))
        .when(target.is_in(["SD", "NE"]))
        .then(target)
        .when(nontarget == "NA")
        .then(pl.lit("NED"))
        .otherwise(nontarget)
    )


def overall_response(names: RuleNames) -> list[pl.Expr]:
    """Columns `overall_as_read` and `rule_id`: the truth table with new lesions, and the rule that decided it."""
    together = lesion_response(pl.col("target"), pl.col("nontarget"))
    decided = {code: f"{names.overall}.{word}" for code, word in RULE_WORDS.items()}
    return [
        pl.when("new_lesion").then(pl.lit("PD")).otherwise(together).alias("overall_as_read"),
        pl.when("new_lesion")
        .then(pl.lit(f"{names.new_lesion}.pd"))
        .when(pl.col("target") == "PD")
        .then("target_rule")
        .when(pl.col("nontarget") == "PD")
        .then("nontarget_rule")
        .otherwise(together.replace(decided))
        .alias("rule_id"),
    ]


def trace(*rules: str | pl.Expr) -> pl.Expr:
    """The rules that fired, joined by `;`, each once and in this order."""
    fired = [pl.col(rule) if isinstance(rule, str) else rule for rule in rules]
    once = [
        pl.when(~pl.any_horizontal(pl.lit(value=False), *(rule.eq_missing(earlier) for earlier in fired[:place]))).then(
            rule
        )
        for place, rule in enumerate(fired)
    ]
    return pl.concat_str(once, separator=";", ignore_nulls=True).alias("trace")

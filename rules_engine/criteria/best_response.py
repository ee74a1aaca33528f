"""Best overall response of a subject (Eisenhauer 2009 §4.4.2, §4.4.3, Table 3; Seymour 2017 Table 3)."""

from __future__ import annotations

import polars as pl

from rules_engine import terms
from rules_engine.criteria.confirmation import derive_confirmed_pairs
from rules_engine.criteria.options import waits_for_confirmation, waits_only_if_suspected
from rules_engine.criteria.responses import RULE_WORDS
from rules_engine.model import CriterionRules

#: Columns of the answer: one row per subject of `reference_dates`.
SCHEMA: dict[str, pl.DataType] = {
    "subject": pl.String(),
    "bor": pl.String(),
    "bor_date": pl.Date(),
    "response_date": pl.Date(),
    "rule_id": pl.String(),
}

#: A subject without disease (NED) has nothing that could respond. Eisenhauer 2009 §4.4.2 knows no such best response: it stands only
#: where nothing came that is progression.
_BEST_FIRST = ("CR", "PR", "SD", "NON-CR/NON-PD", "iCPD", "iUPD", "PD", "NED", "NE")

#: An iRECIST code for each plain one, for the answer of a criterion that speaks iRECIST.
_IRECIST_FORM = {terms.PLAIN_FORM[code]: code for code in (terms.ICR, terms.IPR, terms.ISD, terms.NON_ICR_NON_IUPD)}


def best_overall_response(
    timepoints: pl.LazyFrame, reference_dates: pl.LazyFrame, rules: CriterionRules
) -> pl.LazyFrame:
    """The best overall response of each subject.

    In: `timepoints` of one criterion; `reference_dates` with `subject`, `reference_date` (day 0 of the least duration of SD) and,
    where responses after it are not to count, `new_therapy_date`. Out: one row per subject of `reference_dates` with `bor`,
    `bor_date` (the first assessment that gave it; for a confirmed response the first of its pair; null without assessments),
    `response_date` (first counting CR or PR) and `rule_id`.
    """
    assessed = _assessments_that_count(timepoints, reference_dates, rules)
    required = rules["bor.confirmation"] == "required"
    candidates = _confirmed_candidates(assessed, rules) if required else _unconfirmed_candidates(assessed)
    best = (
        candidates.group_by("subject", "rank", "bor")
        .agg(bor_date=pl.col("date").min())
        .group_by("subject")
        .agg(pl.col("bor", "bor_date").sort_by("rank").first())
    )
    responses = (
        candidates.filter(pl.col("bor").is_in(["CR", "PR"])).group_by("subject").agg(response_date=pl.col("date").min())
    )
    spoken = pl.col("bor").replace(_IRECIST_FORM) if _speaks_irecist(rules) else pl.col("bor")
    words = {**RULE_WORDS, "iCPD": "icpd", "iUPD": "iupd"}
    decided = {code: f"{_family(rules)}.bor.{word}" for code, word in words.items()}
    return (
        reference_dates.select("subject")
        .join(best, on="subject", how="left")
        .join(responses, on="subject", how="left")
        .with_columns(rule_id=pl.col("bor").fill_null("NE").replace(decided), bor=spoken.fill_null("NE"))
        .select(*(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()))
    )


def _speaks_irecist(rules: CriterionRules) -> bool:
    """Every progression waits for its confirmation, so that even the best response is an i-code."""
    return waits_for_confirmation(rules) and not waits_only_if_suspected(rules)


def _family(rules: CriterionRules) -> str:
    return "irecist" if _speaks_irecist(rules) else "recist_1_1"


def _assessments_that_count(
    timepoints: pl.LazyFrame, reference_dates: pl.LazyFrame, rules: CriterionRules
) -> pl.LazyFrame:
    """Accepted assessments up to and with the progression that ends the search, with plain `code` and `days` since reference.

    Under iRECIST the search ends with the first iCPD and an iUPD before it does not. In the hybrid it ends with the first
    progression that is not void: a suspected progression that was reset counts as nothing said.
    """
    rows = timepoints.filter(pl.col("accepted")).select(
        "subject", "visit_date", "overall", "state", "anchor_date", "target",
        number="visit_date",
    )  # fmt: skip
    if _speaks_irecist(rules):
        code = pl.col("overall").replace({k: v for k, v in terms.PLAIN_FORM.items() if v != "PD"})
        ends = code == "iCPD"
    else:
        if waits_only_if_suspected(rules):
            rows = _without_void_progression(rows)
        code = pl.col("overall").replace(terms.PLAIN_FORM)
        ends = code == "PD"
    ended = (ends.cum_sum().over("subject", order_by="number") - ends.cast(pl.UInt32)) > 0
    counted = rows.with_columns(code=code).filter(~ended).join(reference_dates, on="subject", how="inner")
    if "new_therapy_date" in reference_dates.collect_schema().names():
        counted = counted.filter((pl.col("visit_date") < pl.col("new_therapy_date")).fill_null(value=True))
    return counted.with_columns(
        code=pl.col("code").replace({"ND": "NE"}),
        long_enough=(pl.col("visit_date") - pl.col("reference_date")).dt.total_days() >= rules["bor.sd_min_days"],
        has_target=pl.col("target") != "NA",
    )


def _without_void_progression(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The same rows, with NE for an iUPD whose block was reset: the suspicion came to nothing."""
    # A block is closed once, at the visit that is OPEN again and still names its anchor.
    reset = rows.filter(pl.col("state") == "OPEN").select("subject", "anchor_date", void=pl.lit(value=True))
    return rows.join(reset, on=["subject", "anchor_date"], how="left").with_columns(
        overall=pl.when(pl.col("void") & (pl.col("overall") == "iUPD")).then(pl.lit("NE")).otherwise("overall")
    )


def _candidates(rows: pl.LazyFrame, bor: pl.Expr, date: str = "visit_date") -> pl.LazyFrame:
    """One candidate per row: the best response that it stands for."""
    rank = pl.col("bor").replace_strict({code: place for place, code in enumerate(_BEST_FIRST)}, return_dtype=pl.Int32)
    return rows.select("subject", bor=bor, date=pl.col(date)).with_columns(rank=rank)


def _lesser(stable: pl.Expr, without_target: pl.Expr) -> pl.Expr:
    """What an assessment is worth below PR, the best first: SD and its like after the least duration, progression, not evaluable."""
    code, long_enough = pl.col("code"), pl.col("long_enough")
    return (
        pl.when(stable & long_enough)
        .then(pl.lit("SD"))
        .when(without_target & long_enough)
        .then(pl.lit("NON-CR/NON-PD"))
        .when(code.is_in(["iCPD", "iUPD", "PD", "NED"]))
        .then(code)
        .otherwise(pl.lit("NE"))
    )


def _unconfirmed_candidates(rows: pl.LazyFrame) -> pl.LazyFrame:
    code = pl.col("code")
    lesser = _lesser(code == "SD", code == "NON-CR/NON-PD")
    return _candidates(rows, pl.when(code.is_in(["CR", "PR"])).then(code).otherwise(lesser))


def _confirmed_candidates(rows: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """CR and PR where another assessment confirms them; an unconfirmed one is as good as SD (Eisenhauer 2009 Table 3).

    A subject without target lesions never has SD: an unconfirmed CR is non-CR/non-PD there (Table 2).
    """
    complete = derive_confirmed_pairs(rows, rules, first=["CR"], second=["CR"], max_sd=0)
    partial = derive_confirmed_pairs(rows, rules, first=["PR"], second=["PR", "CR"], max_sd=rules["bor.confirm_max_sd"])
    code = pl.col("code")
    controlled = code.is_in(["CR", "PR", "SD"])
    # Without targets: with them it is SD, which is better.
    lesser = _lesser(controlled & pl.col("has_target"), (code == "NON-CR/NON-PD") | controlled)
    return pl.concat(
        [
            _candidates(complete, pl.lit("CR"), "first_date"),
            _candidates(partial, pl.lit("PR"), "first_date"),
            _candidates(rows, lesser),
        ]
    )

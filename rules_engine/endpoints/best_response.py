"""What each assessment shows, its confirmation, and the best overall response.

Sources: Eisenhauer 2009, section 4.6; Seymour 2017, Table 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from rules_engine import terms
from rules_engine.endpoints import response_reasons as reasons
from rules_engine.endpoints.days import DAYS, flagged, least_of_each
from rules_engine.endpoints.progression import derive_scanned, effective_response
from rules_engine.vocabulary import Observation

MISSING = terms.MISSING

#: Best first. The iRECIST form of a code ranks with it. A subject without disease (NED) has nothing that could respond, so it stands
#: only where nothing but NE stands beside it.
ORDER = (terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD, terms.PD, terms.ICPD, terms.IUPD, terms.NED, terms.NE)
_PLAIN = {code: plain for code, plain in terms.PLAIN_FORM.items() if code not in (terms.IUPD, terms.ICPD)}
_I_FORM = {plain: code for code, plain in _PLAIN.items()}
_CLASS = {**_PLAIN, terms.ND: terms.NE, terms.RECUR: terms.PD}


def response_class(effective: pl.Expr) -> pl.Expr:
    """The effective response without its i prefix: CR, PR, SD, NON-CR/NON-PD, PD, iCPD, iUPD, NED or NE."""
    return effective.fill_null(terms.NE).replace(_CLASS)


def response_rank(code: pl.Expr) -> pl.Expr:
    """Position of a code in the order of best response, 0 = best."""
    return code.cast(pl.Enum(ORDER), strict=False).to_physical().cast(pl.Int64).fill_null(len(ORDER))


def as_reported(code: pl.Expr, options: Mapping[str, Any]) -> pl.Expr:
    """The code with its i prefix where the endpoint follows iRECIST."""
    return code.replace(_I_FORM) if options["pd_rule"] == "irecist" else code


def derive_window(
    scan: pl.LazyFrame, progression: pl.LazyFrame, options: Mapping[str, Any], *, whole: bool = False
) -> pl.LazyFrame:
    """Usable assessments (`derive_scanned`) up to and including progression (`whole`: all), with `code`, what each one shows.

    Where a suspected progression waits for its answer or was overturned, the assessment shows iUPD; an assessment at
    which progression is certain shows PD (iCPD under iRECIST).
    """
    irecist, effective = options["pd_rule"] == "irecist", effective_response(options)
    is_progression = pl.col("date") == pl.col("p_date")
    is_certain = is_progression & pl.col("certain_date").is_not_null()
    code = (
        pl.when(is_certain)
        .then(pl.lit(terms.ICPD if irecist else terms.PD))
        .when(is_progression & pl.lit(not irecist))
        .then(pl.lit(terms.PD))
        .when(effective.is_in(list(terms.PROGRESSION_TYPE)))
        .then(pl.lit(terms.IUPD))
        .otherwise(response_class(effective))
    )
    return (
        scan.join(progression, on="subject", how="left", maintain_order="left")
        .filter(_up_to_progression() | pl.lit(whole))
        .with_columns(code=code)
    )


def observed_window(observation: Observation, *, whole: bool = False) -> pl.LazyFrame:
    """`derive_window` of an observation, shared by the endpoints that have the same."""
    progression, options = observation.progression, observation.options
    everything = observation.step(
        "window", lambda: derive_window(derive_scanned(observation), progression, options, whole=True)
    )
    return everything if whole else everything.filter(_up_to_progression())


def _up_to_progression() -> pl.Expr:
    return pl.col("p_date").is_null() | (pl.col("date") <= pl.col("p_date"))


def derive_confirmed(window: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """CR and PR of the window that count as responses: subject, date, code.

    With confirmation required, CR needs a later CR and PR a later CR or PR, `confirm_days` or more after it. Between
    them CR allows only CR and NE, PR only CR, PR, NE and up to `accept_sd` SD, with no PR after a CR; NE at most
    `max_ne` times.
    """
    rules = options["response"]
    responses = window.filter(pl.col("code").is_in([terms.CR, terms.PR])).select("subject", "date", "code")
    if rules["confirmation"] == "none":
        return responses
    later = window.select("subject", later_date="date", later_code="code").join(
        responses.select("subject").unique(), on="subject", how="semi"
    )
    pairs = (
        responses.join(later, on="subject")
        .filter(pl.col("later_date") > pl.col("date"))
        .sort("subject", "date", "later_date")
    )
    seen = pl.col("later_code")

    def times(condition: pl.Expr) -> pl.Expr:
        """How often the condition held after the response, up to and including this assessment."""
        return condition.cast(pl.Int32).cum_sum().over("subject", "date", order_by="later_date")

    def before(condition: pl.Expr) -> pl.Expr:
        """How often the condition held between the response and this assessment."""
        return times(condition) - condition.cast(pl.Int32)

    allowed_for_cr = seen.is_in([terms.CR, terms.NE])
    allowed_for_pr = seen.is_in([terms.CR, terms.PR, terms.NE, terms.SD])
    checked = pairs.with_columns(_crs=times(seen == terms.CR)).with_columns(
        _ne=before(seen == terms.NE),
        _sd=before(seen == terms.SD),
        _no_cr=before(~allowed_for_cr),
        _no_pr=before(~allowed_for_pr),
        # A PR after a CR ends the chain, also as the confirming assessment.
        _fell=times((seen == terms.PR) & (pl.col("_crs") > 0)),
    )
    far_enough = (pl.col("later_date") - pl.col("date")).dt.total_days() >= rules["confirm_days"]
    few_ne = pl.col("_ne") <= rules["max_ne"]
    confirms_cr = (seen == terms.CR) & (pl.col("_no_cr") == 0)
    confirms_pr = (
        seen.is_in([terms.CR, terms.PR])
        & (pl.col("_no_pr") == 0)
        & (pl.col("_sd") <= rules["accept_sd"])
        & (pl.col("_fell") == 0)
    )
    confirms = pl.when(pl.col("code") == terms.CR).then(confirms_cr).otherwise(confirms_pr)
    return checked.filter(far_enough & few_ne & confirms).select("subject", "date", "code").unique()


def derive_first_response(window: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The first CR or PR that counts, before progression: subject, response_date."""
    before = window.filter(pl.col("p_date").is_null() | (pl.col("date") < pl.col("p_date")))
    return derive_confirmed(before, options).group_by("subject").agg(response_date=pl.col("date").min())


def derive_best_response(window: pl.LazyFrame, clock: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The best response of each subject with an assessment in the window: subject, value, date, rule_id.

    CR and PR that do not count, and SD, are SD from `sd_min_days` on and NE before; so is NON-CR/NON-PD. Ties go to
    the earliest date. `rule_id` says what made the value of the assessment that won (`response_reasons`).
    """
    late = (pl.col("date") - pl.col("t0")).dt.total_days() >= options["response"]["sd_min_days"]
    code = pl.col("code")
    is_response = code.is_in([terms.CR, terms.PR])
    counts = is_response & pl.col("counts")
    needs_time = ~counts & (is_response | code.is_in([terms.SD, terms.NON_CR_NON_PD]))
    stable = pl.when(code == terms.NON_CR_NON_PD).then(code).otherwise(pl.lit(terms.SD))
    value = pl.when(needs_time).then(pl.when(late).then(stable).otherwise(pl.lit(terms.NE))).otherwise(code)
    seen = reasons.OBSERVED if options["response"]["confirmation"] == "none" else reasons.CONFIRMED
    rule = (
        pl.when(counts)
        .then(pl.lit(seen))
        .when(needs_time & ~late)
        .then(pl.lit(reasons.TOO_EARLY))
        .when(is_response)
        .then(pl.lit(reasons.UNCONFIRMED))
        .when(code == terms.NE)
        .then(pl.lit(reasons.NOT_EVALUABLE))
        .otherwise(pl.lit(reasons.OBSERVED))
    )
    return (
        _with_counts(window.select("subject", "date", "code"), options)
        .join(clock.select("subject", "t0"), on="subject", maintain_order="left")
        .with_columns(value=value)
        .pipe(least_of_each, response_rank(pl.col("value")) * DAYS + pl.col("date").to_physical())
        .select("subject", value=as_reported(pl.col("value"), options), date="date", rule_id=rule)
    )


def _with_counts(window: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The window with `counts`: the assessment is a CR or PR that counts (`derive_confirmed`)."""
    if options["response"]["confirmation"] == "none":
        return window.with_columns(counts=pl.col("code").is_in([terms.CR, terms.PR]))
    confirmed = derive_confirmed(window, options).select("subject", "date", counts=pl.lit(value=True))
    return window.join(confirmed, on=["subject", "date"], how="left", maintain_order="left").with_columns(
        pl.col("counts").fill_null(value=False)
    )


def derive_best_or_missing(window: pl.LazyFrame, observation: Observation) -> pl.LazyFrame:
    """The best response of every subject; MISSING, without a date, where the window holds no assessment."""
    best = derive_best_response(window, observation.clock, observation.options)
    ended = flagged(observation.assessments, "_assessed")
    why = (
        pl.when("no_baseline")
        .then(pl.lit(reasons.NO_BASELINE))
        .when(pl.col("_assessed").is_not_null())
        .then(pl.lit(reasons.ENDED_BEFORE))
        .otherwise(pl.lit(reasons.NO_ASSESSMENT))
    )
    return (
        observation.clock.select("subject", "no_baseline")
        .join(best, on="subject", how="left")
        .join(ended, on="subject", how="left")
        .select(
            "subject",
            pl.col("value").fill_null(MISSING),
            "date",
            rule_id=pl.coalesce("rule_id", why),
        )
    )

"""Parameters of ADRS: responses, clinical benefit, best response, progression, death and last assessment.

A record is the assessment that won: its day, number and visit are those of the record. A subject without any has N, or
the value of `no_assessment`, and no day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import polars as pl
from rules_engine import terms
from rules_engine.endpoints.sharing import named, numbered
from rules_engine.endpoints.sources import ASSESSMENT, DEATH, record_source, source
from rules_engine.findings import phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import RESPONSE_SCHEMA, SubjectRecords, Words

from rules_engine_plugins.admiralonco.assessments import Prepared, prepare
from rules_engine_plugins.admiralonco.confirmation import derive_confirmed
from rules_engine_plugins.admiralonco.options import BLOCK

YES: Final = "Y"
NO: Final = "N"
_RESPONSES: Final = (terms.CR, terms.PR)
_CONTROLLED: Final = (terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD)
#: How a best response is written where responses are collected by iRECIST.
_I_FORM: Final = {plain: code for code, plain in terms.PLAIN_FORM.items() if plain != terms.PD}


def derive_parameter(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """One row per subject (`vocabulary.RESPONSE_SCHEMA`, and `number`, `visit`) of one parameter of ADRS."""
    options = endpoint.options
    prepared = prepare(numbered(records), options, cutoff, words)
    rows = _published(prepared.subjects, _won(prepared, options), options)
    return named(rows, records, [*RESPONSE_SCHEMA, "number", "visit"])


def _won(prepared: Prepared, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The record that decides the parameter, of each subject that has one."""
    rules, wanted, confirmed = options[BLOCK], options["parameter"], options["confirmed"]
    if wanted == "death":
        return _deaths(prepared.subjects)
    if wanted == "last_assessment":
        return last_assessments(prepared.flagged)
    if wanted == "progression":
        return derive_progressions(prepared, options)
    if wanted == "unconfirmed_progression":
        return derive_unconfirmed(prepared.counted)
    assessments = with_responses(prepared, rules, confirmed=confirmed)
    if wanted == "response":
        return derive_responses(assessments)
    return {"best_response": derive_best, "clinical_benefit": derive_benefits}[wanted](assessments, rules)


# Winners: one row per subject that has one ----------------------------------------------------------------------------


def with_responses(prepared: Prepared, rules: Mapping[str, Any], *, confirmed: bool) -> pl.LazyFrame:
    """The assessments that count, with `counts`: a CR or PR is a response, where asked only if it is confirmed."""
    if not confirmed:
        return prepared.counted.with_columns(counts=pl.lit(value=True))
    return prepared.step("confirmed", lambda: derive_confirmed(prepared.counted, rules))


def derive_responses(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """The first CR or PR of each subject that counts: the assessment, with `answer` Y."""
    return _first(assessments.filter(_is_response())).with_columns(answer=pl.lit(YES))


def derive_benefits(assessments: pl.LazyFrame, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """The first response, or CR, PR, SD or NON-CR/NON-PD late enough, whichever is earlier: with `answer` Y."""
    is_controlled = pl.col("code").is_in(_CONTROLLED) & _is_late(rules)
    return _first(assessments.filter(_is_response() | is_controlled)).with_columns(answer=pl.lit(YES))


def derive_best(assessments: pl.LazyFrame, rules: Mapping[str, Any]) -> pl.LazyFrame:
    """The best response of each subject with assessments, earliest day first: the assessment, with `answer`.

    Each assessment may stand for several responses: a CR or PR that counts for itself, and a late enough CR, PR or SD
    for SD; CR, PR, SD and NON-CR/NON-PD that come too early stand for NE.
    """
    code = pl.col("code")
    is_first_of_run = pl.col("is_confirmed_progression")
    candidates: list[tuple[pl.Expr, str]] = [
        ((code == terms.CR) & _is_response(), terms.CR),
        ((code == terms.PR) & _is_response(), terms.PR),
        (code.is_in([terms.CR, terms.PR, terms.SD]) & _is_late(rules), terms.SD),
        ((code == terms.NON_CR_NON_PD) & _is_late(rules), terms.NON_CR_NON_PD),
        (code == terms.PD, terms.PD),
        ((code == terms.IUPD) & is_first_of_run, terms.ICPD),
        (code == terms.IUPD, terms.IUPD),
        (code.is_in([*_CONTROLLED, terms.NE]), terms.NE),
    ]
    rank, answer = pl.lit(None, pl.Int8), pl.lit(None, pl.String)
    for number, (condition, value) in reversed(list(enumerate(candidates))):
        rank = pl.when(condition).then(pl.lit(number, pl.Int8)).otherwise(rank)
        answer = pl.when(condition).then(pl.lit(value)).otherwise(answer)
    # An iCPD that confirms nothing stands for no response at all.
    return (
        with_confirmed_progression(assessments)
        .with_columns(_rank=rank, answer=answer)
        .filter(pl.col("_rank").is_not_null())
        .sort("subject", "_rank", "day")
        .unique("subject", keep="first", maintain_order=True)
        .drop("_rank")
    )


def derive_progressions(prepared: Prepared, options: Mapping[str, Any]) -> pl.LazyFrame:
    """The first progression: the first PD; under iRECIST the first iUPD of the run that iCPD ends. With `answer` Y."""
    if options[BLOCK]["codes"] == "recist":
        # Looked for among all flagged assessments: the cut is made at its day.
        found = prepared.flagged.filter(pl.col("code") == terms.PD)
    else:
        found = with_confirmed_progression(prepared.counted).filter("is_confirmed_progression")
    return _first(found).with_columns(answer=pl.lit(YES))


def derive_unconfirmed(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """The last iUPD, where nothing but NE follows it: the assessment, with `answer` Y."""
    is_last = pl.col("day") == pl.col("day").max().over("subject")
    return (
        assessments.filter(pl.col("code") != terms.NE)
        .filter(is_last & (pl.col("code") == terms.IUPD))
        .with_columns(answer=pl.lit(YES))
    )


def last_assessments(flagged: pl.LazyFrame) -> pl.LazyFrame:
    """The last flagged assessment of each subject, whatever it showed, with `answer` its code."""
    return (
        flagged.sort("subject", "day").unique("subject", keep="last", maintain_order=True).with_columns(answer="code")
    )


def with_confirmed_progression(assessments: pl.LazyFrame) -> pl.LazyFrame:
    """The assessments with `is_confirmed_progression`: an iUPD after which only iUPD and NE come before an iCPD."""
    decides = pl.when(~pl.col("code").is_in([terms.IUPD, terms.NE])).then("code")
    next_decision = decides.shift(-1).backward_fill().over("subject")
    is_confirmed = (pl.col("code") == terms.IUPD) & (next_decision == terms.ICPD).fill_null(value=False)
    return assessments.sort("subject", "day").with_columns(is_confirmed_progression=is_confirmed)


def _is_response() -> pl.Expr:
    return pl.col("code").is_in(_RESPONSES) & pl.col("counts")


def _is_late(rules: Mapping[str, Any]) -> pl.Expr:
    return pl.col("day") >= pl.col("reference_date") + pl.duration(days=int(rules["sd_min_days"]))


def _first(assessments: pl.LazyFrame) -> pl.LazyFrame:
    return assessments.sort("subject", "day").unique("subject", keep="first", maintain_order=True)


def _deaths(subjects: pl.LazyFrame) -> pl.LazyFrame:
    return subjects.filter(pl.col("death_date").is_not_null()).select(
        "subject", day="death_date", answer=pl.lit(YES), visit=pl.lit(None, pl.String), **source(DEATH)
    )


# The record as published ----------------------------------------------------------------------------------------------


def _published(subjects: pl.LazyFrame, won: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    rules, wanted = options[BLOCK], options["parameter"]
    without = {"best_response": rules["no_assessment"], "last_assessment": None}.get(wanted, NO)
    is_value = wanted in ("best_response", "last_assessment")
    origin = source(DEATH) if wanted == "death" else record_source(ASSESSMENT)
    name = f"{'confirmed_' if options['confirmed'] else ''}{wanted}"
    answer = pl.col("answer")
    winners = won.select("subject", "day", "visit", "answer", **origin)
    spelled = answer.replace(_I_FORM) if rules["codes"] == "irecist" else answer
    responder = answer.is_in(_RESPONSES) if is_value else answer == YES
    rows = (
        subjects.select("subject")
        .join(winners, on="subject", how="left")
        .with_columns(value=spelled.fill_null(without) if without is not None else spelled)
        .with_columns(
            date="day",
            number=pl.col("value").replace_strict(
                {code: float(number) for code, number in rules["numbers"].items()},
                default=None,
                return_dtype=pl.Float64,
            ),
            # Only a response makes a responder: neither a death nor a progression does.
            responder=responder.fill_null(value=False) if wanted in _ABOUT_RESPONSE else pl.lit(None, pl.Boolean),
            rule_id=phrase(
                "admiralonco." + name + ".{}",
                pl.col("value").str.to_lowercase().fill_null("none") if is_value else _found(answer),
            ),
        )
    )
    return rows.select(
        "subject", *[pl.col(column).cast(kind) for column, kind in RESPONSE_SCHEMA.items() if column != "subject"],
        "number", "visit",
    )  # fmt: skip


_ABOUT_RESPONSE: Final = ("response", "clinical_benefit", "best_response")


def _found(answer: pl.Expr) -> pl.Expr:
    return pl.when(answer.is_not_null()).then(pl.lit("first")).otherwise(pl.lit("none"))

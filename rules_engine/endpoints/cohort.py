"""What is odd about the subjects of an endpoint together: counted in any part of a cohort, concluded from all of them.

A tally has one row per quantity and value (`TALLY_SCHEMA`): how many subjects or assessments have it. Tallies of parts of a
cohort add up to that of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl

from rules_engine.endpoints.observation import assessments_key, clock_key, observe
from rules_engine.endpoints.origin import days_apart, derive_components, latest_of_all
from rules_engine.endpoints.sharing import numbered
from rules_engine.endpoints.truncation import is_usable
from rules_engine.endpoints.words import WordsInUse, words_in_use
from rules_engine.findings import NOTE, WARNING, concat_findings, derive_findings, phrase
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import Observation, SubjectRecords, Words

#: Columns of a tally.
TALLY_SCHEMA: dict[str, pl.DataType] = {
    "quantity": pl.String(),
    "value": pl.Int64(),
    "number": pl.Int64(),
}
#: Quantities: days from the first component to the last; whether every component is there (1) or not (0); and whether the next
#: scan overturned (1) a progression that was suspected to be pseudoprogression, or one that was not.
_SPAN, _COMPLETE, _SUSPECTED, _PLAIN = "span", "complete", "suspected progression", "plain progression"
#: And the days from the last assessment to a death without progression.
_LATE_DEATH = "late death"


def tally_endpoint(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> pl.LazyFrame:
    """Count in some subjects' records what `conclude_endpoint` judges: `TALLY_SCHEMA`."""
    by_number = numbered(records)
    used = words_in_use(words, endpoint.options)
    observation = observe(by_number, endpoint, cutoff, used)
    options = endpoint.options
    counted = [pl.LazyFrame(schema=TALLY_SCHEMA)]

    def shared(key: str, quantities: Callable[[], Mapping[str, pl.LazyFrame]]) -> pl.LazyFrame:
        """Counted once for all endpoints of this key."""
        return by_number.step(f"tally {key}", lambda: _counted(quantities()))

    if _is_combination(options, words):
        by_clock = clock_key(options, cutoff, used)
        counted.append(shared(by_clock, lambda: _of_components(observation, words)))
    if options["pd_rule"] == "first_pd_pseudo_confirm":
        counted.append(shared(f"flags {assessments_key(options, cutoff, used)}", lambda: _flags(observation)))
    if options["report_deaths_after_days"] is not None and _ends_with_progression_or_death(used):
        counted.append(_counted({_LATE_DEATH: _deaths_without_progression(observation)}))
    return pl.concat(counted)


def _counted(quantities: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """How many have each value of each quantity, from its values (`value`)."""
    return pl.concat(
        values.group_by("value")
        .agg(number=pl.len().cast(pl.Int64))
        .select(pl.lit(quantity).alias("quantity"), "value", "number")
        for quantity, values in quantities.items()
    )


def conclude_endpoint(tallies: pl.LazyFrame, endpoint: EndpointDefinition) -> pl.LazyFrame:
    """Findings about the cohort, from the stacked tallies of its parts."""
    whole = tallies.group_by("quantity", "value").agg(pl.col("number").sum())
    # What was not counted is concluded from nothing.
    found = [_immortal_time(_of(whole, _SPAN)), _incomplete_combination(_of(whole, _COMPLETE), endpoint.options)]
    if endpoint.options["pd_rule"] == "first_pd_pseudo_confirm":
        found += _flags_that_know_the_outcome(whole)
    if endpoint.options["report_deaths_after_days"] is not None:
        found.append(_late_deaths(_of(whole, _LATE_DEATH), endpoint.options["report_deaths_after_days"]))
    return concat_findings(found)


def _of(tally: pl.LazyFrame, quantity: str) -> pl.LazyFrame:
    return tally.filter(pl.col("quantity") == quantity).sort("value")


def _is_combination(options: Mapping[str, Any], words: Words) -> bool:
    """The clock starts before all that its origin is made of has begun."""
    origin = words.origins[options["origin"]]
    return origin.starts_early and origin.parts is not None and len(origin.parts(options)) > 1


def _ends_with_progression_or_death(used: WordsInUse) -> bool:
    """Death without an assessment before it is an event of the endpoint, which otherwise looks at assessments."""
    classes = {event.missed_visits for event in used.events}
    return "death" in classes and any(event.is_assessment for event in used.events)


# Counted --------------------------------------------------------------------------------------------------------------


def _of_components(observation: Observation, words: Words) -> dict[str, pl.LazyFrame]:
    """What is counted of the components that the origin is made of."""
    return {_SPAN: _spans(observation, words), _COMPLETE: _completeness(observation, words)}


def _spans(observation: Observation, words: Words) -> pl.LazyFrame:
    """Days between the first and the last component of each subject that has them apart."""
    components = derive_components(observation.records, observation.options, words)
    # Membership is defined by whichever components a subject has; the span runs to the last of these.
    apart = days_apart(components).join(observation.clock.select("subject"), on="subject", how="semi")
    return apart.select(value="days").filter(pl.col("value") > 0)


def _completeness(observation: Observation, words: Words) -> pl.LazyFrame:
    """For each subject on the clock, whether it ever had every component (1) or not (0)."""
    components = derive_components(observation.records, observation.options, words)
    complete = latest_of_all(components).select("subject", complete=True)
    return (
        observation.clock.select("subject")
        .join(complete, on="subject", how="left")
        .select(value=pl.col("complete").is_not_null().cast(pl.Int64))
    )


def _flags(observation: Observation) -> dict[str, pl.LazyFrame]:
    """For each progression that was scanned again, suspected or plain, whether the next scan overturned it."""
    evaluable = observation.assessments.filter("evaluable")  # in the order of subjects and days
    scanned_again = pl.col("subject") == pl.col("subject").shift(-1)
    following = (
        evaluable.with_columns(value=pl.when(scanned_again).then(~pl.col("progression").shift(-1)).cast(pl.Int64))
        .filter(pl.col("progression"), pl.col("value").is_not_null())
        .select("suspected", "value")
    )
    return {_SUSPECTED: following.filter("suspected"), _PLAIN: following.filter(~pl.col("suspected"))}


def _deaths_without_progression(observation: Observation) -> pl.LazyFrame:
    """For each death that counts and that no progression precedes, the days since the last assessment, or the origin."""
    last = observation.usable.group_by("subject").agg(last=pl.col("date").max())
    progressed = observation.progression.filter(pl.col("p_date").is_not_null())
    return (
        observation.clock.filter("died")
        .join(observation.truncation, on="subject", how="left")
        .filter(is_usable(pl.col("death_date"), observation.options))
        .join(progressed, on="subject", how="anti")
        .join(last, on="subject", how="left")
        .select(
            value=(pl.col("death_date") - pl.coalesce("last", "t0")).dt.total_days(),
        )
    )


# Concluded ------------------------------------------------------------------------------------------------------------


def _immortal_time(spans: pl.LazyFrame) -> pl.LazyFrame:
    """Between first and last component nobody can die, which lengthens survival (CEBP 2022;31:2079)."""
    each = spans.select(span=pl.col("value").repeat_by("number")).explode("span")
    summary = each.select(
        n=pl.col("span").count(),
        low=pl.col("span").min(),
        q1=pl.col("span").quantile(0.25, "nearest"),
        median=pl.col("span").median(),
        q3=pl.col("span").quantile(0.75, "nearest"),
        high=pl.col("span").max(),
    ).filter(pl.col("n") > 0)
    return derive_findings(
        summary,
        rule_id="endpoint.origin.immortal_time",
        severity=WARNING,
        table="subjects",
        subject=None,
        message=phrase(
            "the clock starts at the first component; {} subjects had to live until a later one: "
            "days between them {} (minimum), {} (lower quartile), {} (median), {} (upper quartile), {} (maximum)",
            "n", "low", "q1", "median", "q3", "high",
        ),
        action="none; compare with origin last_component or delayed_entry last_component",
        field="origin",
        value=pl.col("median"),
    )  # fmt: skip


def _incomplete_combination(completeness: pl.LazyFrame, options: Mapping[str, Any]) -> pl.LazyFrame:
    """How many subjects never had every component of the combination whose first component starts the clock."""
    number = pl.col("number")
    summary = completeness.select(n=number.filter(pl.col("value") == 0).sum(), of=number.sum()).filter(pl.col("n") > 0)
    return derive_findings(
        summary,
        rule_id="endpoint.origin.incomplete_combination",
        severity=NOTE,
        table="subjects",
        subject=None,
        message=phrase(
            f"{{}} of {{}} subjects never had every one of {', '.join(options['origin_components'])}", "n", "of"
        ),
        action="they are in endpoints whose clock starts at the first component",
        field="origin",
        value=pl.col("n"),
    )


def _flags_that_know_the_outcome(whole: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Suspicion must be recorded at the scan. Where it fits the next scan without exception, it may have been set after it,
    which makes progression-free survival too long.
    """
    number, is_overturned = pl.col("number"), pl.col("value") == 1
    suspected, plain = pl.col("quantity") == _SUSPECTED, pl.col("quantity") == _PLAIN
    summary = whole.select(
        flagged=number.filter(suspected).sum(),
        plain=number.filter(plain).sum(),
        flagged_overturned=number.filter(suspected & is_overturned).sum(),
        plain_overturned=number.filter(plain & is_overturned).sum(),
    ).filter(pl.col("flagged") > 0)
    fits = (
        (pl.col("flagged_overturned") == pl.col("flagged")) & (pl.col("plain") > 0) & (pl.col("plain_overturned") == 0)
    )
    return [
        derive_findings(
            summary.filter(fits if severity == WARNING else ~fits),
            rule_id="endpoint.flag.outcome_dependent",
            severity=severity,
            table="assessments",
            subject=None,
            message=phrase(
                "of {} progressions that were suspected to be pseudoprogression and scanned again, {} were overturned by "
                "the next scan; of {} that were not suspected, {}",
                "flagged", "flagged_overturned", "plain", "plain_overturned",
            ),
            action="the flags are used; make sure that they were recorded before the next scan",
            field="suspected_pseudoprogression",
            value=pl.col("flagged"),
        )
        for severity in (WARNING, NOTE)
    ]  # fmt: skip


def _late_deaths(deaths: pl.LazyFrame, days: int) -> pl.LazyFrame:
    """Any death is an event on its day, however long nobody has looked: a reader must know how many such there are."""
    number, is_late = pl.col("number"), pl.col("value") > days
    summary = deaths.select(
        n=number.filter(is_late).sum(), of=number.sum(), longest=pl.col("value").filter(is_late).max()
    ).filter(pl.col("n") > 0)
    return derive_findings(
        summary,
        rule_id="endpoint.death.long_after_assessment",
        severity=NOTE,
        table="subjects",
        subject=None,
        message=phrase(
            f"{{}} of {{}} deaths without progression came more than {days} days after the last assessment, the latest {{}} days",
            "n", "of", "longest",
        ),
        action="none; `missed_visits` says whether such a death counts",
        field="death_date",
        value=pl.col("n"),
    )  # fmt: skip

"""Is a cut-off met? Three answers: true, false, unknown (null).

A comparison with a missing limit is unknown, and false dominates unknown: exactly how Polars' `&` and `|` treat null.
The grade is the worst one with a cut-off that is met (a semicolon inside a CTCAE grade means "or").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_

import polars as pl

from rules_engine.grading.rules import Bound, Cutoff, Scale

#: Columns that a scale may look at.
VALUE, ULN, LLN, BASELINE, MI_CUTOFF = "value", "uln", "lln", "baseline", "mi_cutoff"
BASE_ULN, BASE_LLN = "base_uln", "base_lln"
FACTS = ("symptomatic", "intervention", "on_anticoagulant", "prolonged", "fasting")

WORST_CASE, LAB_MINIMUM, UNDECIDED = "worst_case", "lab_minimum", "undecided"


@dataclass(frozen=True, slots=True)
class Policy:
    """How a value is judged: the tolerance of comparisons, what an unknown fact means, and whether a range must be
    present.
    """

    tolerance: float
    on_unknown: str
    require_current_range: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """How records of one scale are judged: is each cut-off met (`answers`), and what follows for the grade (`outcome`).

    `outcome` is `grade` (null = not gradable), `rule` (number of the cut-off, null for 0), and the flags. The records hold value,
    limits and baseline in the unit of the scale. `baseline` must be null where the record is not after the baseline: the
    baseline itself is graded by the limits alone.
    """

    answers: Sequence[pl.Expr]
    outcome: Sequence[pl.Expr]

    def of(self, facts: pl.LazyFrame) -> pl.LazyFrame:
        """The records with the columns of `outcome`."""
        return facts.with_columns(self.answers).with_columns(self.outcome)


def judgement_of(scale: Scale, policy: Policy, numbers: Mapping[str, int]) -> Judgement:
    """How records of a scale are judged; `numbers` gives the number of each cut-off by its row id."""
    names = [f"_cutoff_{number}" for number in range(len(scale.cutoffs))]
    answers = [_is_met(cutoff, scale, policy).alias(name) for name, cutoff in zip(names, scale.cutoffs, strict=True)]
    return Judgement(answers, _grade_expressions(scale, names, policy, numbers))


def _grade_expressions(scale: Scale, names: Sequence[str], policy: Policy, numbers: Mapping[str, int]) -> list[pl.Expr]:
    """Grade, rule and flags out of the answers to all cut-offs, which stand in the columns `names`."""
    answers = [(cutoff, pl.col(name)) for cutoff, name in zip(scale.cutoffs, names, strict=True)]
    by_grade = {
        grade: reduce(or_, [answer for cutoff, answer in answers if cutoff.grade == grade])
        for grade in sorted({cutoff.grade for cutoff in scale.cutoffs}, reverse=True)
    }
    gradable = pl.col(VALUE).is_not_null()
    if scale.all_need_baseline:
        gradable &= pl.col(BASELINE).is_not_null()
    # From the mildest grade up, so that the worst one that is met stands last.
    unknown = pl.any_horizontal(answer.is_null() for answer in by_grade.values())
    grade = pl.when(~unknown).then(pl.lit(0, pl.Int8))
    result: pl.Expr = grade
    higher_unknown: pl.Expr = pl.lit(value=False)
    for number, answer in reversed(by_grade.items()):
        higher = [other.is_null() for other_number, other in by_grade.items() if other_number > number]
        result = pl.when(answer).then(pl.lit(number, pl.Int8)).otherwise(result)
        higher_unknown = (
            pl.when(answer).then(pl.any_horizontal(higher) if higher else pl.lit(value=False)).otherwise(higher_unknown)
        )
    rule: pl.Expr = pl.lit(None, pl.UInt16)
    for cutoff, answer in sorted(answers, key=lambda pair: pair[0].grade):
        rule = pl.when(answer).then(pl.lit(numbers[cutoff.row_id], pl.UInt16)).otherwise(rule)
    if scale.refers_to("mi_cutoff"):
        higher_unknown = higher_unknown | (pl.col(MI_CUTOFF).is_null() & (result >= 1).fill_null(value=False))
    return [
        pl.when(gradable).then(result).alias("grade"),
        pl.when(gradable).then(rule).alias("rule"),
        (gradable & higher_unknown).alias("partial_evidence"),
        (gradable & _is_assumed(scale, policy)).alias("qualifier_assumed"),
        _is_baseline_wanted(scale).alias("base_missing"),
        _is_status_borrowed(scale).alias("status_borrowed"),
        _is_beyond_text(answers, policy).alias("beyond_text"),
    ]


def _is_met(cutoff: Cutoff, scale: Scale, policy: Policy) -> pl.Expr:
    """True, false or unknown (null)."""
    parts = [_is_number_met(cutoff, policy)]
    qualifier = _qualifier(cutoff)
    if qualifier is not None:
        parts.append(_decided(cutoff, policy))
    condition = _condition(cutoff, scale, policy)
    if condition is not None:
        parts.append(condition)
    met = reduce(and_, parts)
    if cutoff.needs_baseline:
        if policy.require_current_range and not scale.all_need_baseline:
            limit = pl.col(ULN if scale.direction == "high" else LLN)
            met = met & pl.when(limit.is_not_null()).then(pl.lit(value=True))
        # A missing baseline never makes an alternative unknown; it drops out.
        met = pl.col(BASELINE).is_not_null() & met
    return met


def _is_number_met(cutoff: Cutoff, policy: Policy) -> pl.Expr:
    parts = []
    if cutoff.lower is not None:
        lower = _compare(cutoff.lower, policy.tolerance, above=True)
        # Without the level of an infarction nothing can be said to reach it, and nothing bounds the grade below it.
        parts.append(lower.fill_null(value=False) if cutoff.lower.reference == "mi_cutoff" else lower)
    if cutoff.upper is not None:
        upper = _compare(cutoff.upper, policy.tolerance, above=False)
        is_open = pl.col(MI_CUTOFF).is_null()
        parts.append((upper | is_open) if cutoff.upper.reference == "mi_cutoff" else upper)
    if cutoff.and_above is not None:
        parts.append(_compare(cutoff.and_above, policy.tolerance, above=True))
    return reduce(and_, parts)


def _compare(bound: Bound, tolerance: float, *, above: bool) -> pl.Expr:
    """Value above (or below) the bound, equality as wide as the tolerance; null where value or limit is missing."""
    value, limit = pl.col(VALUE), _limit(bound)
    slack = tolerance * pl.max_horizontal(pl.lit(1.0), value.abs(), limit.abs())
    distance = value - limit if above else limit - value
    return distance >= -slack if bound.inclusive else distance > slack


def _limit(bound: Bound) -> pl.Expr:
    if bound.reference == "number":
        return pl.lit(bound.offset, pl.Float64)
    reference = pl.col(bound.reference)
    multiplied = reference if bound.multiple == 1.0 else reference * bound.multiple
    return multiplied if bound.offset == 0.0 else multiplied + bound.offset


# Clinical facts -----------------------------------------------------------------------------------------------------


def _qualifier(cutoff: Cutoff) -> pl.Expr | None:
    """The fact that must hold beside the number, three-valued; None where the number suffices."""
    symptomatic, intervention, prolonged = pl.col("symptomatic"), pl.col("intervention"), pl.col("prolonged")
    known = {
        "symptomatic": symptomatic,
        "asymptomatic": ~symptomatic,
        "with physiologic consequences": symptomatic,
        "without physiologic consequences": ~symptomatic,
        "no intervention initiated": ~intervention,
        "symptomatic or intervention indicated": symptomatic | intervention,
        "asymptomatic and no intervention indicated": ~symptomatic & ~intervention,
        "duration>24h": prolonged,
        "duration<=24h": ~prolonged,
    }
    if cutoff.needs:
        return known[cutoff.needs]
    if cutoff.fasting:
        return pl.col("fasting")
    return None


def _decided(cutoff: Cutoff, policy: Policy) -> pl.Expr:
    """The qualifier after the policy: under `worst_case` an unknown one counts as met.

    Under `lab_minimum` the facts themselves were filled before (`fill_facts`), so that nothing is unknown here.
    """
    qualifier = _qualifier(cutoff)
    assert qualifier is not None  # noqa: S101  (the caller asked)
    return qualifier.fill_null(value=True) if policy.on_unknown == WORST_CASE else qualifier


def fill_facts(policy: Policy) -> list[pl.Expr]:
    """Under `lab_minimum` an unknown fact is absent: no symptoms, intervention or anticoagulant; short; not fasting."""
    return [pl.col(fact).fill_null(value=False) for fact in FACTS] if policy.on_unknown == LAB_MINIMUM else []


def _condition(cutoff: Cutoff, scale: Scale, policy: Policy) -> pl.Expr | None:
    """Does the arm hold for this record? A baseline that is missing or cannot be judged counts as normal."""
    has_baseline = pl.col(BASELINE).is_not_null()
    match cutoff.when:
        case "any":
            return None
        case "normal":
            return ~_is_baseline_abnormal(policy, is_high=scale.direction == "high")
        case "abnormal_high" | "abnormal_low":
            return _is_baseline_abnormal(policy, is_high=cutoff.when == "abnormal_high")
        case "baseline_missing":
            return ~has_baseline
        case "baseline_available":
            return has_baseline
        case "on_anticoagulation":
            treated = pl.col("on_anticoagulant")
            return treated.fill_null(value=True) if policy.on_unknown == WORST_CASE else treated
        case "not_on_anticoagulation":
            # A subject on an anticoagulant without a baseline has only the absolute arm left.
            untreated = ~pl.col("on_anticoagulant")
            if policy.on_unknown == WORST_CASE:
                untreated = untreated.fill_null(value=True)
            return untreated | ~has_baseline
    raise ValueError(cutoff.when)


def _is_baseline_abnormal(policy: Policy, *, is_high: bool, times: float = 1.0) -> pl.Expr:
    """Baseline beyond the limit of its own record (or a multiple of it), else of the current record; a baseline at the
    limit is normal.
    """
    limit = times * (pl.coalesce(BASE_ULN, ULN) if is_high else pl.coalesce(BASE_LLN, LLN))
    baseline = pl.col(BASELINE)
    slack = policy.tolerance * pl.max_horizontal(pl.lit(1.0), baseline.abs(), limit.abs())
    distance = baseline - limit if is_high else limit - baseline
    return (distance > slack).fill_null(value=False)


# Flags --------------------------------------------------------------------------------------------------------------


def _is_assumed(scale: Scale, policy: Policy) -> pl.Expr:
    """A cut-off would be met by its number, and whether its clinical fact holds is not known (before the policy)."""
    doubts: list[pl.Expr] = []
    for cutoff in scale.cutoffs:
        qualifier = _qualifier_as_recorded(cutoff)
        if qualifier is not None:
            number = _is_number_met(cutoff, policy).fill_null(value=True)
            if cutoff.needs_baseline:
                number = number & pl.col(BASELINE).is_not_null()
            doubts.append(number & qualifier.is_null())
    return reduce(or_, doubts) if doubts else pl.lit(value=False)


def _qualifier_as_recorded(cutoff: Cutoff) -> pl.Expr | None:
    """The qualifier on the facts as recorded (`…_recorded`)."""
    if cutoff.when in ("on_anticoagulation", "not_on_anticoagulation"):
        return pl.col("on_anticoagulant_recorded")
    qualifier = _qualifier(cutoff)
    if qualifier is None:
        return None
    recorded = {fact: f"{fact}_recorded" for fact in FACTS}
    names = [name for name in qualifier.meta.root_names() if name in recorded]
    return reduce(or_, [pl.col(recorded[name]) for name in dict.fromkeys(names)]) if names else None


def _is_baseline_wanted(scale: Scale) -> pl.Expr:
    """A cut-off asked for the baseline and there is none."""
    if not scale.has_baseline_arms:
        return pl.lit(value=False)
    missing = pl.col(BASELINE).is_null()
    arms = {cutoff.when for cutoff in scale.cutoffs if cutoff.needs_baseline}
    if arms == {"on_anticoagulation"}:
        return missing & pl.col("on_anticoagulant_recorded").fill_null(value=True)
    return missing


def _is_status_borrowed(scale: Scale) -> pl.Expr:
    """The state of the baseline was judged by the current record's range, for want of its own."""
    limits = {"abnormal_high": (BASE_ULN, ULN), "abnormal_low": (BASE_LLN, LLN)}
    asked = [limits[when] for when in sorted({cutoff.when for cutoff in scale.cutoffs} & set(limits))]
    borrowed = [pl.col(own).is_null() & pl.col(current).is_not_null() for own, current in asked]
    return pl.col(BASELINE).is_not_null() & reduce(or_, borrowed, pl.lit(value=False))


def _is_beyond_text(answers: Sequence[tuple[Cutoff, pl.Expr]], policy: Policy) -> pl.Expr:
    """A cut-off is met whose text speaks of lower baselines only."""
    beyond = [
        answer.fill_null(value=False)
        & _is_baseline_abnormal(policy, is_high=printed.reference == "uln", times=printed.multiple)
        for cutoff, answer in answers
        if (printed := cutoff.baseline_printed_to) is not None
    ]
    return reduce(or_, beyond, pl.lit(value=False))

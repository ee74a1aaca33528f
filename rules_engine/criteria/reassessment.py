"""Progression that waits for its confirmation: the states of iRECIST (Seymour 2017), run over a subject's visits in order.

A subject is OPEN (no unresolved progression), PENDING (an iUPD, the *anchor*, waits for a later scan) or CONFIRMED. What a visit
means depends on the state before it, so the visits are swept by their number: the first visits of all subjects together, then the
second ones, and so on. `suspected_only` gives the hybrid of the first trial, in which only a progression that the investigator
suspects to be pseudoprogression waits; any other is final (state PROGRESSED).

The sweep carries two frames from visit to visit: `memory`, one row per subject, and `lesion memory`, one row per new lesion. Every
number takes the same step however few its visits are, so the columns that a step adds are written down once for all numbers, and a step
is computed in few plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from rules_engine.criteria.columns import Columns
from rules_engine.criteria.confirmation import derive_confirmed_pairs
from rules_engine.criteria.lesion_records import LesionRecords, derive_from_records, narrow
from rules_engine.criteria.new_lesion_growth import (
    LESION_MEMORY,
    derive_lesion_facts,
    derive_lesions_now,
    remember_lesions,
)
from rules_engine.criteria.new_lesions import new_lesions_of
from rules_engine.criteria.numbers import has_risen_by, hundredths
from rules_engine.criteria.responses import (
    RULE_WORDS,
    RuleNames,
    lesion_response,
    nontarget_response,
    target_response,
)
from rules_engine.criteria.timepoints import response_pair
from rules_engine.criteria.visits import visits_of
from rules_engine.model import CriterionRules

OPEN, PENDING, CONFIRMED, PROGRESSED = "OPEN", "PENDING", "CONFIRMED", "PROGRESSED"

#: Each plain code and the one that iRECIST has for it.
I_CODES = {"CR": "iCR", "PR": "iPR", "SD": "iSD", "NON-CR/NON-PD": "NON-iCR/NON-iUPD"}
_I_WORDS = {"CR": "icr", "PR": "ipr", "SD": "isd", "NON-CR/NON-PD": "non_icr_non_iupd", "NE": "ne", "NED": "ned"}

#: Categories of target and non-target response from worst to best; beside each other there is no improvement.
_WORST_FIRST = (("PD",), ("SD", "NON-CR/NON-PD"), ("PR",), ("CR", "NED"))
_CATEGORY = {category: rank for rank, categories in enumerate(_WORST_FIRST) for category in categories}

#: What is remembered of a subject from one visit to the next, and how it begins.
MEMORY: dict[str, tuple[Any, Any]] = {
    "phase": (OPEN, pl.String),
    "smallest_x100": (None, pl.Int64),
    "cr_before": (False, pl.Boolean),
    "target_cr_before": (False, pl.Boolean),
    "pr_established": (False, pl.Boolean),
    "course": (0, pl.Int64),
    "anchor": (None, pl.Date),
    "anchor_target": (False, pl.Boolean),
    "anchor_nontarget": (False, pl.Boolean),
    "anchor_new": (False, pl.Boolean),
    "anchor_category": (None, pl.Int64),
    "compared_sum": (None, pl.Int64),
    "compared_targets": (None, pl.List(pl.Struct({"lesion_id": pl.UInt32, "c": pl.Int64}))),
    "progressed_before": ([], pl.List(pl.UInt32)),
    "smallest_new_sum": (None, pl.Int64),
}

#: What the sweep adds to a visit.
DECISIONS = (
    "nadir_x100", "target", "target_rule", "nontarget", "nontarget_rule", "new_lesion", "accepted", "code", "state", "anchor_date",
    "confirmation_reasons", "rule_id", "backdated_to", "first_sights", "first_seen", "late",
)  # fmt: skip


#: What a reading with `evidence` adds besides: what decided the fate of the visit. Lengths in hundredths of a millimetre.
EVIDENCE: dict[str, Any] = {
    "fate": pl.String,
    "anchor": pl.Date,  # the one that the visit met
    "since_anchor": pl.Int64,  # days
    "category": pl.String,  # target and non-target response together
    "improved": pl.Boolean,  # better than at the anchor
    "cr_before": pl.Boolean,
    "target_cr_before": pl.Boolean,
    "pr_established": pl.Boolean,
    "anchor_target": pl.Boolean,
    "anchor_nontarget": pl.Boolean,
    "anchor_new": pl.Boolean,
    "compared_sum": pl.Int64,
    "target_growth": pl.Int64,
    "new_sum_known": pl.Int64,
    "smallest_new_sum": pl.Int64,
    "compared_total": pl.Int64,
    "new_growth": pl.Int64,
    "begins": pl.Boolean,
    "persists": pl.Boolean,
    "grown_new": pl.Boolean,
    "new_unequivocal": pl.Boolean,
    "cause_unknown": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the machine is run: the rules, the names of the rules, which progressions wait, and whether it shows its `EVIDENCE`."""

    rules: CriterionRules
    names: RuleNames
    suspected_only: bool = False
    parallel: bool = False
    evidence: bool = False


def derive_reassessed(lesions: pl.LazyFrame, reading: Reading, parallel: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """Visits with the decisions of the machine: one row per subject and visit after baseline.

    `parallel` (subject, visit_date, parallel_code, parallel_state, parallel_reasons) is a second reading that confirms or refutes in
    place of this one.
    """
    return derive_from_records(lesions, lambda records: reassessed_of(records, reading, parallel))


def reassessed_of(records: LesionRecords, reading: Reading, parallel: pl.LazyFrame | None = None) -> pl.LazyFrame:
    """The same from records."""
    rules = reading.rules
    visits = visits_of(records, rules, per_lesion=True)
    new = new_lesions_of(records, rules)
    per_visit = new.group_by("subject", "visit_date").agg(new_lesions=pl.struct(pl.exclude("subject", "visit_date")))
    joined = visits.join(per_visit, on=["subject", "visit_date"], how="left")
    if parallel is not None:
        joined = joined.join(narrow(parallel), on=["subject", "visit_date"], how="left")
    joined = joined.with_columns(
        progressed_ids=pl.col("progressed_ids").fill_null([]),
        increased_ids=pl.col("increased_ids").fill_null([]),
        increased_seen_ids=pl.col("increased_seen_ids").fill_null([]),
    )
    given = joined.collect_schema()
    schema = {**given, **_decision_schema(reading)}

    def sweep_all(frame: pl.DataFrame) -> pl.DataFrame:
        return sweep(frame, reading).select(list(schema)).cast(schema)  # type: ignore[arg-type]

    return joined.map_batches(
        sweep_all, schema=schema, predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False
    )


def _decision_schema(reading: Reading) -> dict[str, Any]:
    kinds: dict[str, Any] = dict.fromkeys(DECISIONS, pl.String)
    kinds.update(dict.fromkeys(("new_lesion", "accepted", "late"), pl.Boolean))
    kinds.update({"nadir_x100": pl.Int64, "anchor_date": pl.Date, "backdated_to": pl.Date, "first_seen": pl.Date})
    kinds["first_sights"] = pl.List(pl.Date)
    return {**kinds, **EVIDENCE} if reading.evidence else kinds


def sweep(visits: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """All visits with their decisions, visit number by visit number over all subjects."""
    memory = pl.DataFrame(
        schema={"subject": visits.schema["subject"], **{name: kind for name, (_start, kind) in MEMORY.items()}}
    )
    lesion_memory = pl.DataFrame(schema={**LESION_MEMORY, "subject": visits.schema["subject"]})
    history = pl.DataFrame(
        schema={
            "subject": visits.schema["subject"],
            "course": pl.Int64,
            "number": pl.Int64,
            "visit_date": pl.Date,
            "code": pl.String,
        }
    )
    added = _decision_schema(reading)
    decided = [visits.clear().with_columns(pl.lit(None, kind).alias(name) for name, kind in added.items())]
    decisions, remembered = _decisions(reading), _remember(reading)
    for _number, step in sorted(visits.partition_by("number", as_dict=True).items()):
        met = _held(_with_memory(step.lazy(), memory.lazy()))
        lesions_now = _held(derive_lesions_now(met, lesion_memory.lazy(), reading.rules))
        now = _held(_with_facts(met, lesions_now, history.lazy(), reading.rules).pipe(decisions.added_to))
        told, memory, lesion_memory, history = _computed(
            now.select(*visits.columns, *added).cast(added),  # type: ignore[arg-type]
            now.pipe(remembered.added_to).select("subject", *_AS_REMEMBERED),
            remember_lesions(lesions_now, now, reading.rules),
            _remember_history(history.lazy(), now, reading),
        )
        decided.append(told)
    return pl.concat(decided)


def _computed(*frames: pl.LazyFrame) -> list[pl.DataFrame]:
    """Frames of one step as they are written: to look for a better way to compute them takes longer than it saves."""
    return pl.collect_all(frames, engine="in-memory", optimizations=pl.QueryOptFlags.none())


def _held(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The same frame, computed once for all who read it in a step."""
    return _computed(frame)[0].lazy()


def _with_memory(step: pl.LazyFrame, memory: pl.LazyFrame) -> pl.LazyFrame:
    """The visits of one number with what is remembered of their subjects; a first visit begins afresh."""
    return step.join(memory, on="subject", how="left", maintain_order="left").with_columns(_FROM_THE_START)


_AS_REMEMBERED = [pl.col(name).cast(kind) for name, (_start, kind) in MEMORY.items()]
_FROM_THE_START = [
    pl.when(pl.col("phase").is_null()).then(pl.lit(start, dtype=kind)).otherwise(pl.col(name)).alias(name)
    for name, (start, kind) in MEMORY.items()
]


def _with_facts(
    met: pl.LazyFrame, lesions_now: pl.LazyFrame, history: pl.LazyFrame, rules: CriterionRules
) -> pl.LazyFrame:
    """Visits with what their lesions say together, one by one compared with those at the anchor; `met` are they with what is remembered."""
    if rules["bor.confirmation"] == "required":
        met = _with_confirmed_response(met, history, rules)
    return (
        met.join(_growth_in_common(met), on="subject", how="left", maintain_order="left")
        .join(derive_lesion_facts(lesions_now), on="subject", how="left", maintain_order="left")
        .with_columns(
            pl.col(name).fill_null(value=False)
            for name in ("begins", "new_lesion", "persists", "new_increased", "new_unequivocal", "cause_unknown")
        )
    )


def _decisions(reading: Reading) -> Columns:
    """Everything that the machine makes of a visit."""
    return _decide(_confirm(_accept(_judge(Columns(), reading), reading), reading), reading)


def _judge(now: Columns, reading: Reading) -> Columns:
    """Target and non-target response by RECIST 1.1, on the nadir of the accepted visits before."""
    rules = reading.rules
    start = pl.col("baseline_x100") if rules["nadir.includes_baseline"] else pl.lit(None, pl.Int64)
    now = now.with_columns(nadir_x100=pl.min_horizontal("smallest_x100", start))
    return now.with_columns(*target_response(rules, reading.names), *nontarget_response(reading.names)).with_columns(
        is_target_pd=pl.col("target") == "PD",
        is_nontarget_pd=pl.col("nontarget") == "PD",
        category=lesion_response(pl.col("target"), pl.col("nontarget")),
        since_anchor=(pl.col("visit_date") - pl.col("anchor")).dt.total_days(),
    )


def _with_confirmed_response(met: pl.LazyFrame, history: pl.LazyFrame, rules: CriterionRules) -> pl.LazyFrame:
    """Replace `pr_established` by: earlier visits of the running course hold a response and its confirmation."""
    current = history.join(met.select("subject", "course"), on=["subject", "course"], how="semi")
    pairs = derive_confirmed_pairs(current, rules, by=("subject", "course"), **response_pair(rules))
    established = pairs.select("subject", pr_established=pl.lit(value=True)).unique()
    return (
        met.drop("pr_established")
        .join(established, on="subject", how="left", maintain_order="left")
        .with_columns(pl.col("pr_established").fill_null(value=False))
    )


def _accept(now: Columns, reading: Reading) -> Columns:
    """Add `accepted`: a scan too soon after the anchor is disregarded, unless symptoms led to it and it shows a further new lesion."""
    rules = reading.rules
    if rules["irecist.early_scan"] == "use":
        return now.with_columns(accepted=pl.lit(value=True), early=pl.lit(value=False))
    further_new = pl.col("begins")
    if reading.parallel:
        further_new = (pl.col("parallel_state") == CONFIRMED) & pl.col("parallel_reasons").str.contains("C5")
    early = (pl.col("phase") == PENDING) & (pl.col("since_anchor") < rules["irecist.confirm_min_days"])
    excused = (pl.col("reason") == "symptom") & further_new
    return now.with_columns(early=early, accepted=~early | excused.fill_null(value=False))


def _confirm(now: Columns, reading: Reading) -> Columns:
    """Add `c1` … `c6` (Seymour 2017 Table 2), `late`, and `grown_new`: growth of new lesions that would begin an iUPD."""
    further = hundredths(reading.rules["irecist.further_mm"])
    now = now.with_columns(target_growth=_target_growth())
    progressed = pl.col("progressed_before").list.set_union("progressed_ids")
    increased = pl.col("increased_ids")
    same_nontarget = progressed.list.set_intersection(increased).list.len() > 0
    # After a complete response every non-target lesion that is seen again has progressed, so its increase is a further one.
    seen_again = pl.col("cr_before") & (pl.col("increased_seen_ids").list.len() > 0)
    reasons = {
        "c1": pl.col("anchor_target") & (pl.col("target_growth") >= further),
        "c2": pl.col("anchor_nontarget") & (same_nontarget | seen_again),
        "c3": pl.col("anchor_new") & (pl.col("new_growth") >= further),
        "c4": pl.col("anchor_new") & pl.col("new_increased"),
        "c5": pl.col("begins"),
        "c6": (pl.col("is_target_pd") & ~pl.col("anchor_target"))
        | (pl.col("is_nontarget_pd") & ~pl.col("anchor_nontarget"))
        | ((pl.col("grown_new") | pl.col("new_unequivocal")) & ~pl.col("anchor_new")),
    }
    if reading.parallel:
        reasons = {name: pl.lit(value=False) for name in reasons}
    # On a scan that is too soon only a further new lesion confirms.
    waits = pl.col("phase") == PENDING
    now = now.with_columns(grown_new=_has_new_sum_grown(reading.rules)).with_columns(
        (waits & (~pl.col("early") | pl.lit(name == "c5")) & holds).fill_null(value=False).alias(name)
        for name, holds in reasons.items()
    )
    by_parallel = [waits & (pl.col("parallel_state") == CONFIRMED)] if reading.parallel else []
    return now.with_columns(
        confirms=pl.any_horizontal(*reasons, *by_parallel),
        late=pl.col("since_anchor") > reading.rules["irecist.confirm_max_days"],
    )


def _has_new_sum_grown(rules: CriterionRules) -> pl.Expr:
    """The sum of new lesions left from an earlier block has grown from its smallest value (EORTC iRECIST FAQ)."""
    return has_risen_by(
        pl.col("new_sum_known"), pl.col("smallest_new_sum"), rules["pd.pct"], rules["irecist.further_mm"]
    ).fill_null(value=False)


def _target_growth() -> pl.Expr:
    """Growth of the target sum since the visit compared with, or what of it is proven.

    Where the sum compared with was incomplete, the lesions known at both visits are compared (`common_growth`).
    """
    whole = pl.col("partial_x100") - pl.col("compared_sum")
    return pl.when(pl.col("compared_sum").is_null()).then("common_growth").otherwise(whole)


def _growth_in_common(met: pl.LazyFrame) -> pl.LazyFrame:
    """Growth of the targets that are known now and at the visit compared with: subject, `common_growth`."""
    return (
        _exploded(met, "targets")
        .join(_exploded(met, "compared_targets"), on=["subject", "lesion_id"], how="inner", suffix="_compared")
        .group_by("subject")
        .agg(common_growth=(pl.col("c") - pl.col("c_compared")).sum())
    )


def _exploded(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    return frame.select("subject", column).drop_nulls().explode(column).unnest(column)


def _decide(now: Columns, reading: Reading) -> Columns:
    """Add `code`, `rule_id`, the state after the visit, and whether a block begins here."""
    rules = reading.rules
    phase = pl.col("phase")
    was_pending = phase == PENDING
    new_signal = pl.col("begins") | pl.col("grown_new") | pl.col("new_unequivocal")
    progresses = pl.col("is_target_pd") | pl.col("is_nontarget_pd") | new_signal
    waits = pl.col("suspected_pseudoprogression") if reading.suspected_only else pl.lit(value=True)
    too_late = pl.col("confirms") & pl.col("late") & pl.lit(rules["irecist.late_confirmation"] == "new_iupd")
    now = now.with_columns(
        new_signal=new_signal,
        improved=_has_improved(),
        fate=pl.when(phase == CONFIRMED)
        .then(pl.lit("after_confirmed"))
        .when(phase == PROGRESSED)
        .then(pl.lit("after_progression"))
        .when(~pl.col("accepted"))
        .then(pl.lit("early"))
        .when(too_late)
        .then(pl.lit("late"))
        .when("confirms")
        .then(pl.lit("confirmed"))
        .when(was_pending & _cannot_tell(reading))
        .then(pl.lit("unknown"))
        .when(was_pending & _stays(reading))
        .then(pl.lit("unchanged"))
        .when(was_pending)
        .then(pl.lit("reset"))
        .when(progresses & waits)
        .then(pl.lit("iupd"))
        .when(progresses)
        .then(pl.lit("final"))
        .otherwise(pl.lit("open")),
    )
    return _with_state(_with_code(now, reading), reading)


def _cannot_tell(reading: Reading) -> pl.Expr:
    """What caused the iUPD, or the targets, cannot be evaluated."""
    if reading.parallel:
        return (pl.col("parallel_code") == "NE").fill_null(value=True)
    return (
        (pl.col("target") == "NE")
        | (pl.col("category") == "NE")
        | (pl.col("anchor_nontarget") & (pl.col("nontarget") == "NE"))
        | (pl.col("anchor_new") & pl.col("cause_unknown"))
    )


def _stays(reading: Reading) -> pl.Expr:
    """Progression is still there, or new lesions persist and nothing else is better than at the anchor."""
    if reading.parallel:
        return pl.col("parallel_state") != OPEN
    enough = {
        "category_improved": _has_improved(),
        "never": pl.lit(value=False),
        "any_non_pd": pl.lit(value=True),
    }[reading.rules["irecist.persisting_new"]]
    return pl.col("is_target_pd") | pl.col("is_nontarget_pd") | (pl.col("persists") & ~enough)


def _has_improved() -> pl.Expr:
    """Target and non-target response are better than at the anchor."""
    return (_rank(pl.col("category")) > pl.col("anchor_category")).fill_null(value=False)


def _rank(category: pl.Expr) -> pl.Expr:
    return category.replace_strict(_CATEGORY, default=None, return_dtype=pl.Int64)


def _with_code(now: Columns, reading: Reading) -> Columns:
    """Add `code` (the overall response) and `rule_id`."""
    fate = pl.col("fate")
    keeps_cr = ~pl.col("persists") | pl.lit(not reading.rules["irecist.icr_requires_new_resolved"])
    found = pl.when((pl.col("category") == "CR") & ~keeps_cr).then(pl.lit("PR")).otherwise("category")
    at_reset = pl.col("parallel_code") if reading.parallel else found.replace(I_CODES)
    while_open = found if reading.suspected_only else found.replace(I_CODES)
    open_rule = found.replace(
        {code: f"recist_1_1.overall.{word}" for code, word in RULE_WORDS.items()}
        if reading.suspected_only
        else {code: f"irecist.open.{word}" for code, word in _I_WORDS.items()}
    )
    reset_rule = found.replace({code: f"irecist.reset.{word}" for code, word in _I_WORDS.items()})
    first_reason = pl.coalesce(*(pl.when(c).then(pl.lit(f"irecist.icpd.{c}")) for c in _REASONS))
    by_fate = {
        "after_confirmed": (pl.lit("iCPD"), pl.lit("irecist.icpd.confirmed")),
        "after_progression": (pl.lit(None, pl.String), pl.lit("mrecist_irecist.after_progression")),
        "early": (pl.lit("iUPD"), pl.lit("irecist.pending.too_soon")),
        "late": (pl.lit("iUPD"), pl.lit("irecist.iupd.late")),
        "confirmed": (pl.lit("iCPD"), pl.coalesce(first_reason, pl.lit("mrecist_irecist.whole_confirmed"))),
        "unknown": (pl.lit("NE"), pl.lit("irecist.pending.ne")),
        "unchanged": (
            pl.lit("iUPD"),
            pl.lit("mrecist_irecist.whole_open" if reading.parallel else "irecist.iupd.unchanged"),
        ),
        "reset": (at_reset, pl.lit("mrecist_irecist.whole_refuted") if reading.parallel else reset_rule),
        "iupd": (pl.lit("iUPD"), _cause()),
        "final": (pl.lit("PD"), pl.lit("mrecist_irecist.unsuspected")),
        "open": (while_open, open_rule),
    }
    code, rule = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for name, (its_code, its_rule) in by_fate.items():
        code = pl.when(fate == name).then(its_code).otherwise(code)
        rule = pl.when(fate == name).then(its_rule).otherwise(rule)
    return now.with_columns(code=code, rule_id=rule)


#: What confirms progression, as it is reported (Seymour 2017 Table 2).
REASONS = ("C1", "C2", "C3", "C4", "C5", "C6")
_REASONS = tuple(reason.lower() for reason in REASONS)


def _cause() -> pl.Expr:
    return (
        pl.when("is_target_pd")
        .then(pl.lit("irecist.iupd.target"))
        .when("is_nontarget_pd")
        .then(pl.lit("irecist.iupd.nontarget"))
        .otherwise(pl.lit("irecist.iupd.new_lesion"))
    )


def _with_state(now: Columns, reading: Reading) -> Columns:
    """Add the state after the visit, the anchor in force, the reasons, and the visit that first showed a new lesion."""
    clears = reading.rules["irecist.ne_between"] == "clear"
    after = {
        "after_confirmed": CONFIRMED, "after_progression": PROGRESSED, "early": PENDING, "late": PENDING, "confirmed": CONFIRMED,
        "unknown": OPEN if clears else PENDING, "unchanged": PENDING, "reset": OPEN, "iupd": PENDING, "final": PROGRESSED, "open": OPEN,
    }  # fmt: skip
    fate = pl.col("fate")
    begins_block = fate.is_in(["iupd", "late"])
    is_final = fate.is_in(["final", "after_progression"])
    told = pl.concat_str((pl.when(c).then(pl.lit(c.upper())) for c in _REASONS), separator=";", ignore_nulls=True)
    if reading.parallel:
        told = pl.col("parallel_reasons")  # null where that reading had confirmed progression before this one waited
    return now.with_columns(
        state=fate.replace_strict(after, return_dtype=pl.String),
        begins_block=begins_block,
        anchor_date=pl.when(begins_block).then("visit_date").otherwise("anchor"),
        confirmation_reasons=pl.when(fate == "confirmed").then(told),
        # Only a final progression is dated back: a lesion is no iUPD before a reader is certain of it.
        backdated_to=pl.when(is_final).then("backdated_to"),
        first_seen=pl.when(~is_final & pl.col("accepted")).then("backdated_to"),
        late=pl.col("late") & (fate == "confirmed"),
    )


def _remember(reading: Reading) -> Columns:
    """What the next visit must know; a scan that was disregarded leaves everything as it was."""
    rules = reading.rules
    begins, accepted = pl.col("begins_block"), pl.col("accepted")
    moves_on = pl.lit(rules["irecist.further_from"] == "previous") & accepted & pl.col("sum_x100").is_not_null()
    ends_response = pl.col("is_target_pd") | pl.col("code").is_in(["iUPD", "iCPD"]).fill_null(value=False)
    responds = pl.col("target").is_in(["CR", "PR"])
    progressed = pl.col("progressed_before").list.set_union("progressed_ids")
    new_sum = pl.when("new_sum_complete").then("new_sum_known")
    smallest_new = pl.min_horizontal("smallest_new_sum", new_sum)
    with_joining = smallest_new.fill_null(0) + pl.col("joining_sum")

    def kept(name: str, when: pl.Expr, value: pl.Expr) -> pl.Expr:
        return pl.when(when).then(value).otherwise(pl.col(name)).alias(name)

    return Columns().with_columns(
        pl.col("state").alias("phase"),
        kept("smallest_x100", accepted, pl.min_horizontal("smallest_x100", "sum_x100")),
        kept("cr_before", pl.col("code").is_in(["CR", "iCR"]), pl.lit(value=True)),
        kept("target_cr_before", accepted & (pl.col("target") == "CR"), pl.lit(value=True)),
        kept("pr_established", accepted, ~ends_response & (pl.col("pr_established") | responds)),
        kept("course", accepted, pl.col("course") + ends_response.cast(pl.Int64)),
        pl.when(pl.col("state") != OPEN).then("anchor_date").alias("anchor"),
        # What would have confirmed an earlier block, had it not come too late, begins this one.
        kept("anchor_target", begins, pl.col("is_target_pd") | pl.col("c1")),
        kept("anchor_nontarget", begins, pl.col("is_nontarget_pd") | pl.col("c2")),
        kept("anchor_new", begins, pl.col("new_signal") | pl.col("c3") | pl.col("c4")),
        kept("anchor_category", begins, _rank(pl.col("category"))),
        kept("compared_sum", begins | moves_on, pl.col("sum_x100")),
        kept("compared_targets", begins, pl.col("targets")),
        kept(
            "progressed_before",
            accepted,
            pl.when(pl.col("fate") == "iupd").then("progressed_ids").otherwise(progressed),
        ),
        kept(
            "smallest_new_sum",
            accepted,
            pl.when(pl.col("joining_sum").is_not_null()).then(with_joining).otherwise(smallest_new),
        ),
    )


def _remember_history(history: pl.LazyFrame, now: pl.LazyFrame, reading: Reading) -> pl.LazyFrame:
    """Target responses of the accepted visits, by course; kept only where confirmation decides whether PR persists."""
    if reading.rules["bor.confirmation"] != "required":
        return history
    rows = now.filter("accepted")
    return pl.concat([history, rows.select("subject", "course", "number", "visit_date", code="target")])

"""The story of an endpoint up to its progression: origin, partial dates, what counts, therapies, the progression scan.

Each function tells one step of the pipeline (docs/endpoints.md) and returns its sentences; a step in which nothing was decided
returns none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from rules_engine import terms
from rules_engine.endpoints.therapies import CURATIVE_CONVERSION, REPEAT_TACE, reasons_that_are_events
from rules_engine.endpoints.words import ENDING
from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence, SourceRecord
from rules_engine.explain.traced import Row, Traced, assessment, source_of
from rules_engine.explain.words import days, listed

_NAMED_THERAPIES = {CURATIVE_CONVERSION: "curative_conversion", REPEAT_TACE: "repeat_tace"}
DEATH = SourceRecord("ADSL", "DTHDT", None, "DEATH")


# 1. Origin ---------------------------------------------------------------------------------------------------------------


def tell_origin(traced: Traced) -> Iterator[Sentence]:
    """The day on which the clock starts, and from which days it was chosen."""
    rule = traced.book.listed("origin", traced.used.origin)
    known = {row["origin"]: row["date"] for row in traced.stated["origins"]}
    if traced.origin is None:
        there = listed(f"{name} {day}" for name, day in sorted(known.items())) or "none"
        yield Sentence(f"The day on which the clock starts is not known; days that are known: {there}.", (rule,))
        return
    parts = traced.used.origin.parts(traced.options) if traced.used.origin.parts is not None else ()
    if parts:
        days_of = listed(f"{name} {traced.components.get(name) or 'unknown'}" for name in parts)
        components = traced.book.option("origin_components")
        yield Sentence(
            f"The clock starts on {traced.origin}; the components started: {days_of}.",
            (rule, components),
            (_start(traced),),
            traced.origin,
        )
    else:
        yield Sentence(f"The clock starts on {traced.origin}.", (rule,), (_start(traced),), traced.origin)
    if traced.origin > traced.cutoff:
        yield Sentence(f"That is after the data cut-off {traced.cutoff}, so the subject has no record.")


def _start(traced: Traced) -> SourceRecord:
    variable = traced.options["start_variables"].get(traced.options["origin"])
    return SourceRecord("ADSL", variable, None, "ORIGIN")


def tell_baseline(traced: Traced) -> Iterator[Sentence]:
    """A baseline that is not adequate, and what follows from it."""
    subject = traced.stated["subjects"][0]
    if subject["baseline_adequate"] or traced.options.get("baseline_rule", "applied") != "applied":
        return
    rule = traced.book.option("no_baseline")
    if traced.clock is not None and traced.clock["no_baseline"]:
        yield Sentence("There is no adequate baseline assessment: assessments contribute nothing.", (rule,))
    else:
        yield Sentence("There is no adequate baseline assessment; assessments count nevertheless.", (rule,))


# 2-3. Partial dates ------------------------------------------------------------------------------------------------------


def tell_imputed_dates(traced: Traced) -> Iterator[Sentence]:
    """The day that stands for each date of which a part is missing."""
    if traced.clock is None:
        return
    stated = traced.stated["subjects"][0]["death_date"]
    if _is_partial(stated) and traced.clock["death_date"] is not None:
        yield _imputed_death(traced, stated, traced.clock["death_date"])
    dated = {row["source_id"]: row for row in traced.dated}
    for row in traced.stated["assessments"]:
        if not _is_partial(row["date"]) or row["source_id"] not in dated:
            continue
        found = dated[row["source_id"]]
        if found["imputation"] is not None:
            rule = traced.book.option("imputation.assessment_day")
            yield Sentence(
                f"Assessment {assessment(found)} of {row['date']}: {found['date']} stands for it.",
                (rule,),
                (source_of(found),),
                found["date"],
            )
    taken = {row["source_id"]: row for row in traced.therapies}
    for row in traced.stated["therapies"]:
        if _is_partial(row["start_date"]) and row["source_id"] in taken:
            found = taken[row["source_id"]]
            rules = (
                traced.book.option("imputation.therapy_day"),
                traced.book.option("imputation.therapy_not_before_pd"),
            )
            yield Sentence(
                f"Therapy {row['source_id']} of {row['start_date']}: {found['date']} stands for it.",
                rules,
                (source_of(found),),
                found["date"],
            )


def _is_partial(text: str | None) -> bool:
    return text is not None and len(text) < len("2025-12-31")


def _imputed_death(traced: Traced, stated: str, day: date) -> Sentence:
    """The day of death, with the last fact of life where that moved it."""
    text = f"Death in {stated}: {day} stands for it"
    latest = max((row["date"] for row in traced.evidence), default=None)
    if latest is not None and latest >= date.fromisoformat(f"{stated}-01-01"[:10]):
        text += f", not before the day after the last fact of life, {latest}"
    return Sentence(f"{text}.", (traced.book.option("imputation.death_day"),), (DEATH,), day)


# 4. Dates of assessments -------------------------------------------------------------------------------------------------


def tell_assigned_dates(traced: Traced) -> Iterator[Sentence]:
    """Assessments that are dated by something else than their own date, and those that cannot be dated."""
    dated = {row["source_id"]: row for row in traced.dated}
    for row in traced.stated["assessments"]:
        found = dated.get(row["source_id"])
        if found is None and traced.clock is not None:
            stated = f"{row['source_id']} ({row['response']}, {row['date'] or 'no date'})"
            yield Sentence(f"Assessment {stated} has no day that could be used, so it is left out.")
        elif found is not None and found["imputation"] is None and found["date"].isoformat() != row["date"]:
            yield _assigned_date(traced, row, found)


def _assigned_date(traced: Traced, stated: Row, found: Row) -> Sentence:
    """The date that stands for an assessment spread over days, or for one dated by its visit."""
    columns = ("earliest_part_date", "latest_part_date", "earliest_pd_part_date")
    scans = sorted({stated[name] for name in columns if stated[name] is not None})
    text = f"Assessment {assessment(found)}" + (f", with scans on {listed(map(str, scans))}" if scans else "")
    if stated["earliest_pd_part_date"] is not None:
        text += f"; progression was first seen on {stated['earliest_pd_part_date']}"
    rule = traced.book.option("pd_date" if found["response"] in terms.PROGRESSION_TYPE else "nonpd_date")
    return Sentence(f"{text}: dated {found['date']}.", (rule,), (source_of(found),), found["date"])


# 5-6. What counts --------------------------------------------------------------------------------------------------------


def tell_snapshot(traced: Traced) -> Iterator[Sentence]:
    """What lies after the last day that counts."""
    if traced.clock is None:
        return
    last_day = traced.clock["last_day"]
    rules: tuple[Rule, ...] = ()
    what = "the data cut-off"
    if last_day < traced.cutoff:
        what, rules = "the withdrawal of consent", (traced.book.option("withdrawal"),)
        yield Sentence(
            f"Nothing after the withdrawal of consent on {last_day} is used.",
            rules,
            (SourceRecord("ADSL", "WDCONSDT", None, "WITHDRAWAL"),),
            last_day,
        )
    late = [row for row in traced.dated if row["date"] > last_day]
    if late:
        named = listed(f"{row['date']} {assessment(row)}" for row in late)
        yield Sentence(f"After {what} ({last_day}), so not used: {named}.", rules, tuple(map(source_of, late)))
    kept = {row["source_id"] for row in traced.therapies}
    for row in traced.stated["therapies"]:
        if (
            row["source_id"] not in kept
            and row["start_date"] is not None
            and row["start_date"] > last_day.isoformat()[: len(row["start_date"])]
        ):
            yield Sentence(
                f"After {what} ({last_day}), so not used: therapy {row['source_id']} ({row['kind']}) of {row['start_date']}.",
                rules,
            )
    death = traced.clock["death_date"]
    if death is not None and death > last_day:
        yield Sentence(f"Death on {death} lies after {what} ({last_day}).", rules, (DEATH,), death)
    for row in traced.dated:
        if row["parts_from"] <= traced.cutoff < row["parts_to"]:
            yield Sentence(
                f"The scans of {assessment(row)} lie on both sides of the data cut-off; it counts by its date {row['date']}.",
                (),
                (source_of(row),),
            )


def tell_counted(traced: Traced) -> Iterator[Sentence]:
    """Assessments before the origin, several of one day, and those that are left."""
    if traced.clock is None or not (traced.reads_progression or traced.window):
        return
    origin, last_day = traced.clock["t0"], traced.clock["last_day"]
    inclusive = traced.options["post_baseline"] == "on_or_after_origin"
    early = [row for row in traced.dated if row["date"] < origin or (row["date"] == origin and not inclusive)]
    if early:
        named = listed(f"{row['date']} {assessment(row)}" for row in early)
        yield Sentence(
            f"Not after the origin, so not used: {named}.",
            (traced.book.option("post_baseline"),),
            tuple(map(source_of, early)),
        )
    if traced.clock["no_baseline"]:
        return
    counted = {row["date"]: row for row in traced.assessments}
    early_ids = {row["source_id"] for row in early}
    for row in traced.dated:
        other = counted.get(row["date"])
        if (
            row["source_id"] not in early_ids
            and row["date"] <= last_day
            and other is not None
            and other["source_id"] != row["source_id"]
        ):
            yield Sentence(
                f"Of several assessments on {row['date']} the worst evaluable one counts: {assessment(other)}, not {assessment(row)}.",
                (),
                (source_of(row),),
            )
    if counted:
        named = ", ".join(f"{day} {assessment(row)}" for day, row in counted.items())
        yield Sentence(f"Assessments that count: {named}.", (), tuple(map(source_of, counted.values())))
    else:
        yield Sentence("No assessment counts.")


# 7. Therapies ------------------------------------------------------------------------------------------------------------


def tell_therapies(traced: Traced) -> Iterator[Sentence]:
    """Each therapy after the origin and what is done about it; what then does not count any more."""
    if traced.clock is None:
        return
    kinds = {row["source_id"]: row["kind"] for row in traced.stated["therapies"]}
    sessions = []
    for row in traced.therapies:
        what, rules = _action(traced, row["reason"])
        if row["reason"] == REPEAT_TACE and what is None:
            sessions.append(row)
            continue
        kind = kinds.get(row["source_id"], row["reason"].replace("_", " ").lower())
        said = what or "it is ignored, follow-up goes on"
        yield Sentence(
            f"{row['date']}: {kind.replace('_', ' ')} ({row['source_id']}) starts: {said}.",
            rules,
            (source_of(row),),
            row["date"],
        )
    if sessions:
        named = listed(str(row["date"]) for row in sessions)
        rule = traced.book.option("repeat_tace")
        yield Sentence(
            f"Later TACE sessions ({named}) are part of the regimen.", (rule,), tuple(map(source_of, sessions))
        )
    yield from _tell_truncation(traced)


def _action(traced: Traced, reason: str) -> tuple[str | None, tuple[Rule, ...]]:
    """What the start of a therapy does in this endpoint, and by which option; None: nothing."""
    own = traced.book.option(_NAMED_THERAPIES.get(reason, "new_therapy"))
    rules = (own, traced.book.option("new_therapy")) if str(own.value) == "as_new_therapy" else (own,)
    if "therapy_events" in traced.options and reason in reasons_that_are_events(traced.options):
        always = (traced.book.option("therapy_events"),) if traced.options["therapy_events"] == "always" else rules
        return "its start is an event", always
    for _place, rule, effect in traced.used.rules_that(*ENDING):
        if reason in rule.reasons:
            at = "the subject is censored on its day" if effect == "ends_on_date" else "nothing after it counts"
            return at, rules
    if not any(reason in rule.reasons for rule, _effect in traced.used.rules):
        if reason != REPEAT_TACE:
            return "nothing in this endpoint censors at it", (traced.book.option("censoring_rules"),)
        return None, (traced.book.option("censoring_rules"),) if "censoring_rules" in traced.options else rules
    return None, rules


def _tell_truncation(traced: Traced) -> Iterator[Sentence]:
    """The fact that ends the observation, and the assessments that it takes away."""
    end = traced.truncation
    if end is None:
        return
    rule, _effect = traced.used.rules[end["n_rule"]]
    source = SourceRecord(
        end["n_source_domain"] or "", end["n_source_variable"], end["n_source_seq"], end["n_source_id"]
    )
    boundary = traced.book.option("new_therapy_boundary")
    inclusive = traced.options["new_therapy_boundary"] == "inclusive"
    day = end["n_date"]
    last = day if inclusive else day - timedelta(1)
    yield Sentence(
        f"The observation ends with {end['n_reason']} on {day}: what is dated up to {last} counts.",
        (traced.book.listed("censoring_rules", rule), boundary), (source,), day,
    )  # fmt: skip
    kept = {row["date"] for row in traced.usable}
    lost = [row for row in traced.assessments if row["date"] not in kept]
    if lost:
        named = listed(f"{row['date']} {assessment(row)}" for row in lost)
        yield Sentence(f"After it, so not used: {named}.", (), tuple(map(source_of, lost)))


# 8. Progression ----------------------------------------------------------------------------------------------------------


def tell_progression(traced: Traced) -> Iterator[Sentence]:
    """The scan of the usable assessments for progression: what began, confirmed, overturned or left it open."""
    if traced.clock is None or not traced.reads_progression:
        return
    rule = traced.book.option("pd_rule")
    if not traced.scan:
        first = next((row for row in traced.usable if row["progression"]), None)
        if first is None:
            yield Sentence("No usable assessment shows progression.", (rule,))
        else:
            yield Sentence(
                f"The first progression is {assessment(first)} on {first['date']}.",
                (rule,),
                (source_of(first),),
                first["date"],
            )
        return
    told = list(_tell_scan(traced, rule))
    yield from told
    if not told:
        yield Sentence("No usable assessment shows progression.", (rule,))
    yield from _tell_pending(traced)


def _tell_scan(traced: Traced, rule: Rule) -> Iterator[Sentence]:
    for row in traced.scan:
        told = _answer(traced, row, rule)
        if told is not None:
            text, rules = told
            yield Sentence(f"{row['date']}: {assessment(row)} {text}.", rules, (source_of(row),), row["date"])
        if row["ends"]:
            return


def _answer(traced: Traced, row: Row, rule: Rule) -> tuple[str, tuple[Rule, ...]] | None:
    """What an assessment does to the state of progression, and by which options; None: nothing."""
    day, since = row["date"], row["pending_since"]
    if row["ends"] and not row["was_pending"]:
        return "is progression, final at once", (rule,)
    if row["ends"]:
        on = day if traced.options["irecist"]["confirmed_date"] == "icpd" else since
        text = f"confirms the progression of {since}; progression is dated {on}"
        return text, (rule, traced.book.option("irecist.confirmed_date"))
    if not row["was_pending"]:
        begins = "is an unconfirmed progression, which waits for the next assessments"
        return (begins, (rule,)) if row["begins"] else None
    if row["clears"]:
        again = " and begins a new unconfirmed progression" if row["is_pending"] else ""
        return f"overturns the unconfirmed progression of {_before(traced, row)} (the bar is reset){again}", (rule,)
    if row["confirms"]:
        least = traced.options["irecist"]["confirm_min_days"]
        text = f"comes {days((day - since).days)} after {since}, too soon to confirm it ({days(least)}); it stays open"
        return text, (traced.book.option("irecist.confirm_min_days"),)
    return f"leaves the unconfirmed progression of {since} open", (rule,)


def _before(traced: Traced, row: Row) -> date:
    """The unconfirmed progression that a row met (where the row begins another, its own start is the later one)."""
    earlier = [one for one in traced.scan if one["date"] < row["date"]]
    found: date = earlier[-1]["pending_since"] if earlier else row["pending_since"]
    return found


def _tell_pending(traced: Traced) -> Iterator[Sentence]:
    """An unconfirmed progression that nothing answered up to the end."""
    found = traced.progression
    if found is None or found["certain_date"] is not None:
        return
    since = found["p_date"] or found["u_date"]
    unconfirmed, grace = traced.book.option("irecist.unconfirmed"), traced.book.option("irecist.pending_grace_days")
    start = f"Nothing confirms or overturns the progression of {since} up to the end"
    if found["p_date"] is not None:
        rules = (unconfirmed,) if grace.value is None else (unconfirmed, grace)
        yield Sentence(f"{start}: it counts as progression.", rules, (), since)
    elif traced.options["irecist"]["unconfirmed"] == "event":
        waited = days((traced.cutoff - since).days)
        text = f"{start}; the data cut-off comes {waited} after it, at most {grace.value}: it does not count yet, and waits"
        yield Sentence(f"{text}.", (grace,), (), since)
    else:
        yield Sentence(f"{start}: it does not count, and waits.", (unconfirmed,), (), since)

"""The derivation of one subject told step by step, as the package makes it: for explanations.

What counts comes from the derivation; only why a response is or is not confirmed is found out here once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl
from rules_engine import terms
from rules_engine.endpoints.sharing import derive_names, numbered
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import SubjectRecords, Told, ToldStep, Words

from rules_engine_plugins.admiralonco.assessments import ENDING_PROGRESSION, prepare
from rules_engine_plugins.admiralonco.options import BLOCK
from rules_engine_plugins.admiralonco.parameters import (
    derive_best,
    derive_progressions,
    with_confirmed_progression,
    with_responses,
)
from rules_engine_plugins.admiralonco.times import derive_chosen, derive_considered

Row = Mapping[str, Any]
_RESPONSES: Final = (terms.CR, terms.PR)
_CONTROLLED: Final = (terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD)
_NAMES: Final = {
    "progression": "the progression", "death": "the death", "last_known_alive": "the day last known alive",
    "last_assessment": "the last assessment", "origin": "the reference date",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Course:
    """What one subject's parameters are decided from, as rows in order of their days."""

    options: Mapping[str, Any]
    stated: Mapping[str, Any]
    subject: Row
    dated: Sequence[Row]
    flagged: Sequence[Row]
    counted: Sequence[Row]
    best: Row | None
    progression: Row | None
    considered: Row | None
    chosen: Row | None

    @property
    def rules(self) -> Mapping[str, Any]:
        """The block `admiralonco` of the options."""
        found: Mapping[str, Any] = self.options[BLOCK]
        return found


def tell(
    records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, *, words: Words
) -> dict[str, list[ToldStep]]:
    """By subject the steps of a parameter of ADRS or ADTTE."""
    return {name: list(_steps(course)) for name, course in _courses(records, endpoint, cutoff, words).items()}


def _courses(records: SubjectRecords, endpoint: EndpointDefinition, cutoff: date, words: Words) -> dict[str, _Course]:
    options, held = endpoint.options, numbered(records)
    prepared = prepare(held, options, cutoff, words)
    is_time = "events" in options
    confirmed = options["start"] == "confirmed_response" if is_time else options["confirmed"]
    counted = with_responses(prepared, options[BLOCK], confirmed=confirmed)
    frames = {
        "subject": prepared.subjects,
        "dated": prepared.dated,
        "flagged": prepared.flagged,
        "counted": with_confirmed_progression(counted),
        "best": derive_best(counted, options[BLOCK]),
        "progression": derive_progressions(prepared, options),
        "stated": held.subjects.select("subject", "death_date"),
    }
    if is_time:
        frames["considered"] = derive_considered(held, endpoint, cutoff, words=words)
        frames["chosen"] = derive_chosen(held, endpoint, cutoff, words=words)
    rows: dict[str, dict[int, list[Row]]] = {}
    for name, frame in zip(frames, pl.collect_all(frames.values()), strict=True):
        by_subject = rows[name] = {}
        for row in frame.iter_rows(named=True):
            by_subject.setdefault(row["subject"], []).append(row)

    def of(number: int) -> _Course:
        def every(name: str) -> list[Row]:
            return sorted(rows[name].get(number, []), key=lambda row: (row["day"] is None, row["day"], row["position"]))

        def one(name: str) -> Row | None:
            return next(iter(rows.get(name, {}).get(number, [])), None)

        return _Course(
            options, one("stated") or {}, one("subject") or {}, every("dated"), every("flagged"), every("counted"),
            one("best"), one("progression"), one("considered"), one("chosen"),
        )  # fmt: skip

    names = derive_names(records).select("subject", "number").collect()
    return {name: of(number) for name, number in names.iter_rows()}


def _steps(course: _Course) -> Iterator[ToldStep]:
    options = course.options
    yield ToldStep("origin", "Reference date", [_tell_reference(course)])
    yield ToldStep("imputation", "Partial dates", list(_tell_partial_dates(course)))
    yield ToldStep("therapies", "New anticancer therapy", list(_tell_therapy(course)))
    yield ToldStep("counted", "Assessments", list(_tell_counted(course)))
    if "events" in options:
        yield ToldStep("start", "Start of the time", list(_tell_start(course)))
        yield ToldStep("candidates", "What may end the time", list(_tell_events(course)))
        yield ToldStep("censoring", "Censoring", list(_tell_censoring(course)))
    else:
        title = options["parameter"].replace("_", " ").capitalize()
        yield ToldStep(options["parameter"], title, list(_TELL[options["parameter"]](course)))


def _option(name: str) -> str:
    return f"{BLOCK}.{name}"


def _named(row: Row) -> str:
    """An assessment as `PR of 2024-03-04 (A2)`."""
    return f"{row['code'] or row['value']} of {row['day'] or 'an unknown day'} ({row['source_id']})"


def _of_record(row: Row) -> tuple[str, str, int | None, str | None]:
    return "ADRS", "ADT", row["seq"], row["source_id"]


# What the records are ------------------------------------------------------------------------------------------------------


def _tell_reference(course: _Course) -> Told:
    day = course.subject.get("reference_date")
    if day is None:
        return Told("There is no reference date, so no assessment counts.", ("origin",))
    return Told(f"The reference date is {day}.", ("origin",), day)


def _tell_partial_dates(course: _Course) -> Iterator[Told]:
    for row in course.dated:
        if row["day"] is None:
            yield Told(
                f"{row['source_id']} ({row['value']}) has no day: of its date the year alone, or nothing, is known."
            )
        elif row["imputation"] is not None:
            text = f"{row['source_id']} ({row['value']}) is known to the month and taken on {row['day']}."
            yield Told(text, (_option("imputation.assessment_day"),), row["day"], _of_record(row))
    stated, day = course.stated.get("death_date"), course.subject.get("death_date")
    if stated is not None and day is not None and len(stated) < len(day.isoformat()):
        yield Told(f"The death of {stated} is taken on {day}.", (_option("imputation.death_day"),), day)


def _tell_therapy(course: _Course) -> Iterator[Told]:
    day = course.subject.get("therapy_date")
    if day is None:
        return
    yield Told(f"The first new anticancer therapy begins on {day}.", (), day)
    if course.rules["assessments_from_new_therapy"] == "dropped":
        yield Told("Assessments from that day on do not count.", (_option("assessments_from_new_therapy"),), day)
    rule = _therapy_rule(course)
    if rule == "strict_before":
        yield Told("Progression, death and last assessment count only before that day.", (_option("new_therapy"),), day)
    elif rule == "end_dates":
        text = "Progression, death, last assessment and start count up to that day, it included."
        yield Told(text, (_option("new_therapy"),), day)


def _therapy_rule(course: _Course) -> str:
    per_options = course.options.get("therapies") == "per_options"
    return str(course.rules["new_therapy"]) if per_options else "ignored"


def _tell_counted(course: _Course) -> Iterator[Told]:
    """Each assessment that does not count, with why; then those that do."""
    flagged = {row["position"] for row in course.flagged}
    counted = {row["position"] for row in course.counted}
    for row in course.dated:
        if row["position"] in counted:
            continue
        why, options = _why_not(row, course, is_flagged=row["position"] in flagged)
        yield Told(f"{_named(row)} does not count: {why}.", options, row["day"], _of_record(row))
    if course.counted:
        told = ", ".join(_named(row) for row in course.counted)
        yield Told(f"What counts for responses: {told}.")
    else:
        yield Told("No assessment counts for responses.")


def _why_not(row: Row, course: _Course, *, is_flagged: bool) -> tuple[str, tuple[str, ...]]:
    if row["code"] is None:
        return f"the package does not know the code {row['value']}", (_option("codes"),)
    if row["day"] is None:
        return "it has no day", ()
    if row["reference_date"] is None:
        return "there is no reference date", ("origin",)
    if row["day"] < row["reference_date"]:
        return "it lies before the reference date", ("origin",)
    if not row["usable"]:
        return "it does not lie before the new therapy", (_option("assessments_from_new_therapy"),)
    if not is_flagged:
        return "a worse assessment of its day counts, or an equal one", (_option("codes"),)
    ending = ENDING_PROGRESSION[course.rules["codes"]]
    return f"it comes after the first {ending}", (_option("cut_at_progression"), _option("flow"))


# Parameters of ADRS --------------------------------------------------------------------------------------------------------


def _tell_response(course: _Course) -> Iterator[Told]:
    for row in course.counted:
        if row["code"] not in _RESPONSES:
            continue
        yield _tell_confirmation(row, course) if course.options["confirmed"] else Told(f"{_named(row)} is a response.")
        if row["counts"]:
            yield Told(f"So the first response is of {row['day']}.", (), row["day"], _of_record(row))
            return
    yield Told("No CR or PR counts as a response.")


def _tell_confirmation(row: Row, course: _Course) -> Told:
    """Why a CR or PR is confirmed, or is not."""
    why = why_not_confirmed(row, course.counted, course.rules)
    used = tuple(_option(name) for name in ("confirm_days", "max_ne", "accept_sd"))
    if why is None:
        other = confirming(row, course.counted, course.rules)
        assert other is not None  # noqa: S101  (there is nothing against it)
        return Told(f"{_named(row)} is confirmed by {_named(other)}.", used, row["day"], _of_record(row))
    return Told(f"{_named(row)} is not confirmed: {why}.", used, row["day"], _of_record(row))


def confirming(row: Row, counted: Sequence[Row], rules: Mapping[str, Any]) -> Row | None:
    """The first CR (for a PR: CR or PR) far enough after a response; it decides."""
    wanted = (terms.CR,) if row["code"] == terms.CR else _RESPONSES
    earliest = row["day"] + timedelta(max(int(rules["confirm_days"]), 1))
    return next((one for one in counted if one["day"] >= earliest and one["code"] in wanted), None)


def why_not_confirmed(row: Row, counted: Sequence[Row], rules: Mapping[str, Any]) -> str | None:
    """What is against the confirmation of a CR or PR; None where nothing is."""
    other = confirming(row, counted, rules)
    if other is None:
        wanted = "CR" if row["code"] == terms.CR else "CR or PR"
        return f"no {wanted} follows {rules['confirm_days']} or more days after it"
    between = [one["code"] for one in counted if row["day"] < one["day"] < other["day"]]
    allowed = (terms.CR, terms.NE) if row["code"] == terms.CR else (terms.CR, terms.PR, terms.NE, terms.SD)
    hindering = [code for code in between if code not in allowed]
    if hindering:
        return f"{hindering[0]} lies between it and {_named(other)}"
    if between.count(terms.NE) > rules["max_ne"]:
        return f"{between.count(terms.NE)} NE lie between it and {_named(other)}, and {rules['max_ne']} may"
    if row["code"] == terms.PR:
        if between.count(terms.SD) > rules["accept_sd"]:
            return f"{between.count(terms.SD)} SD lie between it and {_named(other)}, and {rules['accept_sd']} may"
        after_cr = [*between, other["code"]]
        if terms.CR in after_cr and terms.PR in after_cr[after_cr.index(terms.CR) :]:
            return f"a PR follows a CR up to {_named(other)}"
    return None


def _tell_benefit(course: _Course) -> Iterator[Told]:
    earliest = _earliest_control(course)
    for row in course.counted:
        is_response = row["code"] in _RESPONSES and row["counts"]
        is_control = row["code"] in _CONTROLLED and earliest is not None and row["day"] >= earliest
        if row["code"] in _RESPONSES and course.options["confirmed"] and not is_control:
            yield _tell_confirmation(row, course)
        if is_response or is_control:
            why = "a response" if is_response else f"disease control on or after {earliest}"
            yield Told(f"{_named(row)} is {why}, the first.", (_option("sd_min_days"),), row["day"], _of_record(row))
            return
    yield Told(f"There is no response, and no disease control on or after {earliest}.", (_option("sd_min_days"),))


def _earliest_control(course: _Course) -> date | None:
    reference: date | None = course.subject.get("reference_date")
    return None if reference is None else reference + timedelta(int(course.rules["sd_min_days"]))


def _tell_best(course: _Course) -> Iterator[Told]:
    if course.options["confirmed"]:
        yield from (_tell_confirmation(row, course) for row in course.counted if row["code"] in _RESPONSES)
    earliest = _earliest_control(course)
    for row in course.counted:
        if row["code"] in _CONTROLLED and earliest is not None and row["day"] < earliest:
            alone = " by itself" if row["code"] in _RESPONSES and not row["counts"] else ""
            if row["code"] not in _RESPONSES or alone:
                text = f"{_named(row)} comes before {earliest} and stands for NE{alone}."
                yield Told(text, (_option("sd_min_days"),), row["day"], _of_record(row))
    best = course.best
    if best is None:
        yield Told("No assessment stands for a best response.", (_option("no_assessment"),))
    else:
        text = f"The best of what the assessments stand for is {best['answer']}, first from {_named(best)}."
        yield Told(text, (), best["day"], _of_record(best))


def _tell_progression(course: _Course) -> Iterator[Told]:
    if course.rules["codes"] == "irecist":
        yield from _tell_runs(course)
    elif course.progression is not None:
        text = f"The first progression is {_named(course.progression)}; it is sought among all assessments, also after a cut."
        yield Told(text, (), course.progression["day"], _of_record(course.progression))
    else:
        yield Told("No assessment that is usable shows PD.")


def _tell_runs(course: _Course) -> Iterator[Told]:
    """Under iRECIST: each iUPD, confirmed or not."""
    for row in course.counted:
        if row["code"] == terms.IUPD:
            fate = (
                "is confirmed: only iUPD and NE come before an iCPD"
                if row["is_confirmed_progression"]
                else "is not confirmed: no iCPD follows, or another response comes before it"
            )
            yield Told(f"{_named(row)} {fate}.", (), row["day"], _of_record(row))
    found = course.progression
    if found is None:
        yield Told("So there is no confirmed progression.")
    else:
        yield Told(f"So the progression is of {found['day']}.", (), found["day"], _of_record(found))


def _tell_unconfirmed(course: _Course) -> Iterator[Told]:
    known = [row for row in course.counted if row["code"] != terms.NE]
    if known and known[-1]["code"] == terms.IUPD:
        last = known[-1]
        yield Told(f"Nothing but NE follows {_named(last)}, the last iUPD.", (), last["day"], _of_record(last))
    elif known:
        yield Told(f"The last evaluable assessment is {_named(known[-1])}, no iUPD.")
    else:
        yield Told("There is no evaluable assessment that counts.")


def _tell_death(course: _Course) -> Iterator[Told]:
    day = course.subject.get("death_date")
    yield Told("No death is recorded." if day is None else f"The subject died on {day}.", (), day)


def _tell_last(course: _Course) -> Iterator[Told]:
    if course.flagged:
        last = course.flagged[-1]
        text = f"The last assessment is {_named(last)}, whatever it showed, also after a cut."
        yield Told(text, (), last["day"], _of_record(last))
    else:
        yield Told("There is no usable assessment.")


_TELL: Final = {
    "response": _tell_response, "clinical_benefit": _tell_benefit, "best_response": _tell_best, "progression": _tell_progression,
    "unconfirmed_progression": _tell_unconfirmed, "death": _tell_death, "last_assessment": _tell_last,
}  # fmt: skip


# Parameters of ADTTE -------------------------------------------------------------------------------------------------------


def _tell_start(course: _Course) -> Iterator[Told]:
    if course.options["start"] == "origin":
        return
    if course.options["start"] == "confirmed_response":
        for row in course.counted:
            if row["code"] in _RESPONSES:
                yield _tell_confirmation(row, course)
                if row["counts"]:
                    break
    if course.considered is None:
        yield Told("There is no such response, so the subject has no record.", ("start",))
    else:
        day = course.considered["start_date"]
        yield Told(f"The time starts with the response of {day}.", ("start",), day)


def _tell_events(course: _Course) -> Iterator[Told]:
    if course.considered is None:
        return
    if "progression" in course.options["events"] and course.rules["codes"] == "irecist":
        yield from _tell_runs(course)
    for name in course.options["events"]:
        yield _tell_day(
            name, course, "ends the time" if _is_chosen(name, course) else "comes later, or second on the day"
        )
    if course.chosen is not None and course.chosen["is_event"]:
        yield from _tell_lifted(course.chosen)


def _tell_censoring(course: _Course) -> Iterator[Told]:
    chosen = course.chosen
    if course.considered is None or (chosen is not None and chosen["is_event"]):
        return
    for name in course.options["censoring"]:
        yield _tell_day(name, course, "is the latest" if _is_chosen(name, course) else "is not the latest")
    if chosen is None:
        yield Told("There is neither event nor day of censoring, so the subject has no record.")
    yield from _tell_lifted(chosen)


def _tell_lifted(chosen: Row | None) -> Iterator[Told]:
    if chosen is not None and chosen["start_date"] is not None and chosen["day"] < chosen["start_date"]:
        yield Told(f"It lies before the start and is lifted to it, {chosen['start_date']}.", (), chosen["start_date"])


def _is_chosen(name: str, course: _Course) -> bool:
    return course.chosen is not None and course.chosen["what"] == name


def _tell_day(name: str, course: _Course, fate: str) -> Told:
    """One event or day of censoring: its day, and what becomes of it."""
    assert course.considered is not None  # noqa: S101  (asked before)
    stated, counts = course.considered[f"{name}_stated"], course.considered[f"{name}_counts"]
    option = "events" if name in course.options["events"] else "censoring"
    what = _NAMES[name]
    if stated is None:
        return Told(f"{what.capitalize()}: there is none.", (option,))
    if counts is None:
        return Told(
            f"{what.capitalize()}, {stated}, does not count beside the new therapy.", (_option("new_therapy"),), stated
        )
    return Told(f"{what.capitalize()}, {stated}, {fate}.", (option,), stated)

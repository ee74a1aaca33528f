"""The built-in endpoints in plain English: the definition, and the table of events and censoring that the options make.

The table follows the derivation: events by the order in which they count on one day (`candidates`), then the reasons to censor in
the order in which the first that holds is given (`censoring`). Form: FDA 2007, Appendix 3, Tables A to C.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.endpoints.therapies import (
    CURATIVE_CONVERSION,
    NEW_THERAPY,
    REPEAT_TACE,
    action_of,
    reasons_that_are_events,
)
from rules_engine.endpoints.visit_examples import visit_examples
from rules_engine.endpoints.wording import KINDS, ORIGINS, RESPONSES, VISITS
from rules_engine.endpoints.words import WordsInUse, words_in_use
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import CensoringRule, Effect, EndpointText, Event, Situation, Words

Options = Mapping[str, Any]

EVENT, COMPETING, CENSORED, GOES_ON, NO_RECORD = (
    "Event", "Competing event", "Censored", "Observation goes on", "No record",
)  # fmt: skip
_START, _ITS_DATE = "Start", "Its date"
_PROGRESSION_DATES = {
    "earliest_part": "Earliest scan that shows it",
    "assessment": "Date of the assessment",
    "latest_part": "Latest scan of the assessment",
    "visit": "Nominal date of the visit",
    "next_scheduled": "Earliest scan that shows it; outside all windows, the next planned visit",
    "midpoint": "Midpoint between the last evaluable assessment before it and the earliest scan that shows it",
}
_THERAPIES = {
    CURATIVE_CONVERSION: "Resection or transplantation with curative intent",
    NEW_THERAPY: "New anticancer therapy",
    REPEAT_TACE: "TACE session after the first",
}


# Times to an event ---------------------------------------------------------------------------------------------------------


def describe_time_to_event(endpoint: EndpointDefinition, words: Words) -> EndpointText:
    """A time to an event: definition, table of events and censoring, and the rule on missed visits worked out."""
    options, used = endpoint.options, words_in_use(words, endpoint.options)
    clock = ORIGINS["response"] if options["start"] == "response" else _origin(options["origin"], words)
    phrases = [phrase for event in _in_order(used) for phrase in _event_phrases(event, options)]
    counts = _joined(phrases, "or")
    return EndpointText(
        clock=clock,
        counts=counts or "no event",
        definition=list(_time_definition(options, clock, counts, used, several=len(phrases) > 1)),
        situations=[*_no_record(options), *_event_rows(options, used), *_censoring_rows(options, used)],
        notes=list(_time_notes(options, used)),
        worked=[(VISITS, told) for told in _worked_visits(endpoint, words)],
    )


def _origin(name: str, words: Words) -> str:
    """An origin as a phrase; one that a plugin brings is told by its title."""
    return ORIGINS.get(name) or (words.origins[name].title if name in words.origins else name.replace("_", " "))


def _in_order(used: WordsInUse) -> list[Event]:
    """The events as `events` names them, then those that options bring in, by the order in which they count on one day."""
    return sorted(used.events, key=lambda event: (not event.named, event.rank))


def _time_definition(options: Options, clock: str, counts: str, used: WordsInUse, *, several: bool) -> Iterator[str]:
    first = ", whichever occurs first" if several else ""
    who = ", in responders" if options["population"] == "responders" else ""
    yield f"Time from {clock} to {counts}{first}{who}."
    if options["start"] == "response":
        yield "The first response is the first CR or PR that counts as a response, before progression."
    for rule, effect in used.rules:
        if effect == "competes":
            yield f"{_sentence(_situation(rule))} is a competing event."


def _event_phrases(event: Event, options: Options) -> list[str]:
    """What ends the time, as phrases."""
    if event.id == "progression":
        told = {
            "irecist": "progression (confirmed per iRECIST)",
            "first_pd_pseudo_confirm": "progression (re-assessed per iRECIST where pseudoprogression is suspected)",
        }
        return [told.get(options["pd_rule"], "progression")]
    if event.id == "therapy":
        return [_uncapital(told) for reason, told in _THERAPIES.items() if reason in reasons_that_are_events(options)]
    if event.id in ("efs_kinds", "ttup_kinds"):
        return [_kind(kind) for kind in options[event.id]]
    return [_EVENTS.get(event.id) or _uncapital(event.title)]


#: Events in the middle of a sentence.
_EVENTS = {
    "clinical_progression": "clinical progression",
    "second_progression": "progression after the start of the next line of therapy",
    "death": "death from any cause",
    "death_per_ttup_death": "death from any cause",
    "discontinuation": "discontinuation of treatment",
    "response": "the first response",
    "second_primary": "a second primary cancer",
}


def _kind(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " "))


def _no_record(options: Options) -> Iterator[Situation]:
    yield Situation("No time origin, or a time origin after the data cut-off", NO_RECORD)
    if options["population"] == "responders" or options["start"] == "response":
        yield Situation("No CR or PR that counts as a response", NO_RECORD)
    if options["delayed_entry"] == "last_component":
        yield Situation("Observation ends on or before the day on which the last component starts", NO_RECORD)


def _event_rows(options: Options, used: WordsInUse) -> Iterator[Situation]:
    """What may end the time, in the order in which events of one day count."""
    for event in sorted(used.events, key=lambda event: event.rank):
        yield from _rows_of_event(event, options)
        if event.id == "progression" and options["clinical_progression"] == "ignore":
            yield Situation("Clinical progression, declared without imaging", GOES_ON)


def _rows_of_event(event: Event, options: Options) -> Iterator[Situation]:
    if event.id == "progression":
        yield from _progression_rows(options)
        return
    if event.id == "therapy":
        for reason, told in _THERAPIES.items():
            if reason in reasons_that_are_events(options):
                yield _event(told, "Start of the therapy", [reason], options)
        return
    told, day = _sentence(_joined(_event_phrases(event, options), "or")), _ITS_DATE
    if event.id == "clinical_progression":
        told, day = "Clinical progression, declared without imaging", "Date recorded"
    elif event.id == "second_progression":
        day = _moved(options)
    elif event.id == "response":
        required = options["response"]["confirmation"] == "required"
        told, day = ("CR or PR, confirmed later" if required else "CR or PR"), "First such assessment"
    elif event.id == "discontinuation":
        every = options["ttd_scope"] == "all"
        what = "every component of treatment has ended" if every else "a component of treatment has ended"
        told, day = f"Discontinuation of treatment: {what}", "Latest last dose" if every else "Earliest last dose"
    elif event.id in ("efs_kinds", "ttup_kinds", "second_primary"):
        day = "Date recorded"
    elif event.id in ("death", "death_per_ttup_death"):
        day = "Date of death"
    yield _event(told, day, list(event.reasons), options)


def _progression_rows(options: Options) -> Iterator[Situation]:
    """Progression by the rule in force, with what becomes of one that is unconfirmed."""
    dated, rule = _moved(options), options["pd_rule"]
    if rule == "first_pd":
        yield _event("Progression", dated, _PD, options)
        return
    irecist = options["irecist"]
    suspected = _suspected(options)
    if rule == "first_pd_pseudo_confirm":
        yield _event("Progression without suspicion of pseudoprogression", dated, _PD, options)
    at_first = irecist["confirmed_date"] == "first_iupd"
    first = "That of the unconfirmed progression" if at_first else "The confirming assessment"
    least = irecist["confirm_min_days"]
    later = f" {least} days or more" if least else ""
    yield _event(f"{suspected}, confirmed{later} later", first, _PD, options)
    yield Situation(f"{suspected}, later void: response or stable disease", GOES_ON)
    if irecist["unconfirmed"] == "event":
        yield _event(f"{suspected}, {_OPEN}", dated, _PD, options)


def _moved(options: Options) -> str:
    """The date of an assessment that shows progression."""
    rule = options["pd_date"]
    moves = rule in ("next_scheduled", "midpoint")
    return _PROGRESSION_DATES["earliest_part" if moves and options["date_transformation"] == "ignored" else rule]


def _censoring_rows(options: Options, used: WordsInUse) -> Iterator[Situation]:
    """Reasons to censor, in their order; the first that holds is given."""
    for rule, effect in used.rules:
        if rule.id == "missed_visits":
            yield from _missed_visit_rows(rule, effect, options, used)
        elif rule.id in _THERAPY_RULES:
            yield from _therapy_rows(rule, effect, options, used)
        elif rule.id == "no_baseline":
            if options["no_baseline"] == "censor_day1" and options["baseline_rule"] == "applied":
                yield _of_rule(rule, effect, options, used)
        elif rule.id == "pending_progression":
            yield from _pending_rows(rule, effect, options, used)
        elif effect != "off":
            yield _of_rule(rule, effect, options, used)


#: Rules of censoring as situations; a rule that a plugin brings is told by its title.
_SITUATIONS = {
    "no_baseline": "No adequate baseline assessment, and no event that counts",
    "no_post_baseline": "No evaluable assessment after baseline, and no event that counts",
    "death_not_event": "Death without the event",
    "withdrawal": "Consent withdrawn, no event",
    "lost_to_followup": "Lost to follow-up, no event",
    "end_of_study": "End of study, no event",
    "cutoff": "None of these by the data cut-off",
}
_THERAPY_RULES = {
    "curative_conversion": CURATIVE_CONVERSION, "new_therapy": NEW_THERAPY, "repeat_tace": REPEAT_TACE,
}  # fmt: skip


def _situation(rule: CensoringRule) -> str:
    return _SITUATIONS.get(rule.id) or _sentence(rule.title)


def _of_rule(
    rule: CensoringRule, effect: Effect, options: Options, used: WordsInUse, told: str = "", its_date: str = ""
) -> Situation:
    """A rule as a row: what its effect makes of the subject, and which date it takes."""
    last = _last(options, used)
    its_date = its_date or ("Date of death" if rule.date_name == "death" else _ITS_DATE)
    edge = "up to" if options["new_therapy_boundary"] == "inclusive" else "before"
    where = {
        "ends": f"{last} {edge} {'' if its_date == _ITS_DATE else 'the '}{its_date[:1].lower()}{its_date[1:]}",
        "ends_on_date": its_date, "on_date": its_date, "competes": its_date, "ends_time": its_date,
        "discards": f"{last} before the event", "at_start": _START, "before_date": f"{last} before it", "as_stated": last,
    }[effect]  # fmt: skip
    outcome = COMPETING if effect == "competes" else CENSORED
    texts = []
    for reason in rule.reasons:
        about = options["censoring_reasons"].get(reason)
        texts.append(f"{about['text']} (CNSR {about['code']})" if about is not None else reason)
    return Situation(told or _situation(rule), outcome, where, " or ".join(texts))


def _missed_visit_rows(rule: CensoringRule, effect: Effect, options: Options, used: WordsInUse) -> Iterator[Situation]:
    rules = options["missed_visits"]
    if effect == "off":
        yield Situation("Event after missed assessments", EVENT, "Its own date", "As without missed assessments")
        return
    too_many = {
        "windows": f"{_number(rules['n'])} or more consecutive missed visits",
        "interval_sum": f"more than {_number(rules['n'])} planned intervals and their allowances without an assessment",
        "fixed_days": f"more than {rules['gap_days']} days without an assessment",
    }[rules["method"]]
    if rules["scope"] == "any_gap":
        told = f"{_sentence(too_many)} at any time since the start"
        row = _of_rule(rule, effect, options, used, told)
        yield Situation(row.situation, row.outcome, f"{_last(options, used)} up to the gap", row.reason)
        return
    which = _joined(list(_concerned(options, used)), "or")
    if which:
        yield _of_rule(rule, effect, options, used, f"{_sentence(which)} after {too_many}")


def _therapy_rows(rule: CensoringRule, effect: Effect, options: Options, used: WordsInUse) -> Iterator[Situation]:
    reason = _THERAPY_RULES[rule.id]
    told = f"{_THERAPIES[reason]} before an event"
    if effect != "off":
        yield _of_rule(rule, effect, options, used, told, "Start of the therapy")
    elif action_of(options, reason) == "ignore" and reason not in reasons_that_are_events(options):
        yield Situation(told, GOES_ON)


def _pending_rows(rule: CensoringRule, effect: Effect, options: Options, used: WordsInUse) -> Iterator[Situation]:
    """An unconfirmed progression that still waits at the end."""
    irecist = options["irecist"]
    if effect == "off" or options["pd_rule"] == "first_pd":
        return
    suspected = _suspected(options)
    grace = irecist["pending_grace_days"]
    if irecist["unconfirmed"] == "censor":
        yield _of_rule(rule, effect, options, used, f"{suspected}, {_OPEN}")
    elif grace is not None:
        told = f"{suspected}, still open, at most {grace} {'day' if grace == 1 else 'days'} before the data cut-off"
        yield _of_rule(rule, effect, options, used, told)


def _concerned(options: Options, used: WordsInUse) -> Iterator[str]:
    """The events that the rule on missed visits may discard."""
    applies_to = options["missed_visits"]["applies_to"]
    ending = [rule.missed_visits for rule, effect in used.rules if effect in ("competes", "ends_time")]
    classes = {event.missed_visits for event in used.events} | set(ending)
    imaged = any(event.is_assessment for event in used.events if event.missed_visits == "progression")
    recorded = any(
        not event.is_assessment and event.id != "clinical_progression"
        for event in used.events
        if event.missed_visits == "progression"
    )
    if "progression" in applies_to and imaged:
        yield "progression"
    if "progression" in applies_to and recorded:
        yield "another recorded event" if imaged else "a recorded event"
    if "death" in applies_to and "death" in classes:
        yield "death"


def _last(options: Options, used: WordsInUse) -> str:
    """Where a subject without an event is censored."""
    if used.date is None:
        return _START
    name = used.date.id
    if name == "pfs2_censor":
        name = "last_evaluable" if options["pfs2_censor"] == "last_evaluable" else "last_known_alive"
    return {
        "last_adequate": "Last adequate assessment",
        "last_evaluable": "Last evaluable assessment",
        "last_known_alive": "Last date known alive",
    }.get(name) or _sentence(used.date.title.removeprefix("at "))


_PD = ("PD", "RECURRENCE")
_OPEN = "neither confirmed nor void by the end of observation"


def _suspected(options: Options) -> str:
    return (
        "Suspected pseudoprogression"
        if options["pd_rule"] == "first_pd_pseudo_confirm"
        else "Unconfirmed progression (iUPD)"
    )


def _event(situation: str, day: str, reasons: Sequence[str], options: Options) -> Situation:
    """An event with its texts; a progression that is a recurrence has a text of its own."""
    texts = dict.fromkeys(str(options["event_reasons"].get(name, name)) for name in reasons)
    return Situation(situation, EVENT, day, f"{' or '.join(texts)} (CNSR 0)")


def _time_notes(options: Options, used: WordsInUse) -> Iterator[str]:
    yield (
        "The earliest event counts; of several on one day, the one that stands first in the table. Without an event that "
        "counts, the first reason for censoring that holds is given."
    )
    last = _last(options, used)
    where = "Where there is no such assessment, the start takes its place."
    if last == "Last adequate assessment":
        yield f"An assessment is adequate where it is evaluable and does not show progression. {where}"
    elif last == "Last evaluable assessment":
        yield f"Of the evaluable assessments those that show progression count as well. {where}"


def _worked_visits(endpoint: EndpointDefinition, words: Words) -> Sequence[str]:
    """The rule on missed visits in the numbers of the schedule."""
    rules = endpoint.options["missed_visits"]
    listed = "missed_visits" in (endpoint.options["censoring_rules"] or ())
    if not listed or rules["method"] in ("disabled", "fixed_days"):
        return []
    if endpoint.schedule is None:
        return []
    anchor = endpoint.schedule.anchor or endpoint.options["origin"]
    return visit_examples(endpoint.schedule, rules["method"], rules["n"], _origin(anchor, words))


# Responses -----------------------------------------------------------------------------------------------------------------


def describe_response(endpoint: EndpointDefinition, words: Words) -> EndpointText:
    """A rate of responders, or the best overall response."""
    options = endpoint.options
    landmark = options["response"]["landmark"]
    benefit = options.get("benefit", "none") == "long_control"
    at_landmark = landmark is not None and not benefit
    what = "response at the landmark" if at_landmark else "best overall response"
    values = _joined([RESPONSES.get(value, value) for value in options["responders"]], "or")
    long = f", or disease control for {options['response']['cbr_days']} days or more" if benefit else ""
    anchor = _anchor(landmark["anchor"], options, words) if at_landmark else ""
    window = f" in the window of days {_window(landmark)} after {anchor}" if at_landmark else ""
    counted = endpoint.kind == "best_overall_response"
    definition = (
        [f"The {what}{window} of each subject.", f"Responders are subjects with {values}{long}."]
        if counted
        else [f"The proportion of subjects whose {what}{window} is {values}{long}."]
    )
    return EndpointText(
        clock=anchor or _origin(options["origin"], words),
        counts=(f"the {what}" if counted else f"{_short(options)} as {what}")
        + (" or long disease control" if benefit else ""),
        definition=definition,
        situations=list(_response_rows(options, at_landmark=at_landmark)),
        notes=[_denominator(options, some_left_out=at_landmark and landmark["missing"] == "exclude_not_assessed")],
    )


def _denominator(options: Options, *, some_left_out: bool) -> str:
    """Who is counted, in words."""
    evaluable = options["denominator"] == "response_evaluable"
    who = " with an adequate baseline, an assessment after it and" if evaluable else " with"
    but = " and not left out above" if some_left_out else ""
    return f"Every subject{who} a time origin up to the data cut-off{but} is in the denominator."


def _anchor(anchor: str, options: Options, words: Words) -> str:
    if anchor == "most_recent_tace":
        return "the latest TACE session"
    return _origin(options["origin"] if anchor == "origin" else anchor, words)


def _window(landmark: Options) -> str:
    wide = landmark["tolerance"]
    more = f" (widened by {wide} on both sides)" if wide else ""
    return f"{landmark['from_days']} to {landmark['to_days']}{more}"


def _short(options: Options) -> str:
    return _joined(options["responders"], "or")


def _response_rows(options: Options, *, at_landmark: bool) -> Iterator[Situation]:
    confirmed = options["response"]["confirmation"] == "required"
    answer = {True: "Responder", False: "Non-responder"}
    responders = options["responders"]
    irecist = options["pd_rule"] == "irecist"

    def is_responder(value: str) -> str:
        return answer[value in responders]

    if at_landmark:
        yield from _landmark_rows(options, is_responder)
        return
    i = "i" if irecist else ""
    for value in ("CR", "PR"):
        told = f"Best is {i}{value}" + (", confirmed" if confirmed else "")
        yield Situation(told, is_responder(value), "Earliest such assessment", f"{i}{value}")
    least = options["response"]["sd_min_days"]
    late = f" {least} days or more after the time origin" if least else ""
    unconfirmed = f", or {i}CR or {i}PR that is not confirmed," if confirmed else ""
    yield Situation(f"Best is {i}SD{unconfirmed}{late}", is_responder("SD"), "Earliest such assessment", f"{i}SD")
    non = "NON-iCR/NON-iUPD" if irecist else "NON-CR/NON-PD"
    yield Situation(f"Best is {non}{late}", is_responder("NON-CR/NON-PD"), "Earliest such assessment", non)
    pd = "iCPD or iUPD" if irecist else "PD"
    yield Situation("Progression before any of these", answer[False], _moved_for_response(options), pd)
    yield Situation("Nothing evaluable for long enough", answer[False], "Earliest such assessment", "NE")
    yield Situation("No assessment", answer[False], "", "MISSING")
    if options.get("benefit", "none") == "long_control":
        days = options["response"]["cbr_days"]
        told = (
            f"An evaluable assessment without progression {days} days or more after the time origin, before progression"
        )
        yield Situation(told, answer[True], "", "As above")


def _moved_for_response(options: Options) -> str:
    rule = options["pd_date"]
    return _PROGRESSION_DATES["earliest_part" if rule in ("next_scheduled", "midpoint") else rule]


def _landmark_rows(options: Options, is_responder: Any) -> Iterator[Situation]:
    landmark = options["response"]["landmark"]
    for value in ("CR", "PR", "SD", "NON-CR/NON-PD"):
        yield Situation(f"{value} at the assessment that counts", is_responder(value), "That assessment", value)
    told = "Progression on or before that assessment or, without one, by the end of the window"
    yield Situation(told, "Non-responder", _moved_for_response(options), "PD")
    if options["pd_rule"] != "first_pd":
        yield Situation(
            "Progression not confirmed at the assessment that counts", "Non-responder", "That assessment", "iUPD"
        )
    missing = "No evaluable assessment in the window, no progression by its end"
    if landmark["missing"] == "exclude_not_assessed":
        yield Situation(f"{missing}, dead by then", "Non-responder", "", "NE")
        yield Situation(f"{missing}, not known dead by then", NO_RECORD)
    else:
        yield Situation(missing, "Non-responder", "", "NE")
    if landmark["anchor"] != "origin":
        yield Situation("No TACE session", "Non-responder", "", "NE")


# English -------------------------------------------------------------------------------------------------------------------


def _joined(parts: Sequence[str], last: str) -> str:
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapital(text: str) -> str:
    """The text with a small first letter, except where it is an abbreviation."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _number(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six")
    return words[count] if count < len(words) else str(count)

"""The options of the endpoint kinds as the statistical analysis plan would state them: one sentence per option and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules_engine.wording import Wording

Condition = Mapping[str, Any]

ORIGIN = "Time origin and durations"
DATES = "Dates of assessments"
PROGRESSION = "Progression"
BASELINE = "Missing baseline"
VISITS = "Missed assessments"
THERAPY = "Anticancer therapy"
FOLLOW_UP = "Death, withdrawal and end of follow-up"
PARTIAL = "Partial dates"
RESPONSE = "Response"
DEFINITION = "Definition"
TEXTS = "Names, codes and texts in the data sets"


# Conditions under which an option changes something, as JSON Schema of all options together -------------------------------


def _is(option: str, *values: Any) -> Condition:
    return _below(option.split("."), {"enum": list(values)})


def _below(path: list[str], condition: Condition) -> Condition:
    inner = condition if len(path) == 1 else _below(path[1:], condition)
    return {"properties": {path[0]: inner}, "required": [path[0]]}


def _lists(option: str, *values: str) -> Condition:
    """The list holds one of these."""
    return {"properties": {option: {"contains": {"enum": list(values)}}}, "required": [option]}


def _any(*conditions: Condition) -> Condition:
    return {"anyOf": list(conditions)}


def _all(*conditions: Condition) -> Condition:
    return {"allOf": list(conditions)}


def _not(condition: Condition) -> Condition:
    return {"not": condition}


#: The options are those of a time, not of a response.
_TIME: Final = {"required": ["events"]}
_RATE: Final = _not(_TIME)
_FROM_RESPONSE: Final = _any(_is("start", "response"), _is("population", "responders"), _lists("events", "response"))
_READS_PROGRESSION: Final = _any(_RATE, _lists("events", "progression"), _FROM_RESPONSE)
_CENSORED_ALIVE: Final = _any(
    _is("censoring", "last_known_alive"),
    _all(_is("censoring", "pfs2_censor"), _is("pfs2_censor", "last_known_alive")),
)
_READS_ASSESSMENTS: Final = _any(_READS_PROGRESSION, _lists("events", "second_progression"), _not(_CENSORED_ALIVE))
_WAITS: Final = _all(_READS_PROGRESSION, _is("pd_rule", "irecist", "first_pd_pseudo_confirm"))
_BASELINE_RULE: Final = _any(_RATE, _is("baseline_rule", "applied"))
_THERAPY_RULES: Final = ("new_therapy", "curative_conversion", "repeat_tace")
#: Therapies may end the observation, or be events as the options say.
_THERAPIES: Final = _any(_lists("censoring_rules", *_THERAPY_RULES), _is("therapy_events", "per_options"))
_NEW_THERAPY: Final = _any(
    _lists("censoring_rules", "new_therapy"),
    _is("therapy_events", "per_options"),
    _all(_lists("censoring_rules", "curative_conversion"), _is("curative_conversion", "as_new_therapy")),
    _all(_lists("censoring_rules", "repeat_tace"), _is("repeat_tace", "as_new_therapy")),
)
_CONVERSION: Final = _any(_lists("censoring_rules", "curative_conversion"), _is("therapy_events", "per_options"))
_REPEATS: Final = _any(_lists("censoring_rules", "repeat_tace"), _is("therapy_events", "per_options", "always"))
_CENSORS: Final = ("censor", "censor_at_start")
_THERAPY_CENSORS: Final = _any(
    _all(_lists("censoring_rules", "new_therapy"), _is("new_therapy", *_CENSORS)),
    _all(
        _lists("censoring_rules", "curative_conversion"),
        _any(
            _is("curative_conversion", *_CENSORS),
            _all(_is("curative_conversion", "as_new_therapy"), _is("new_therapy", *_CENSORS)),
        ),
    ),
    _all(
        _lists("censoring_rules", "repeat_tace"),
        _is("repeat_tace", "as_new_therapy"),
        _is("new_therapy", *_CENSORS),
    ),
)
_DATED_THERAPIES: Final = _any(_THERAPIES, _is("therapy_events", "always"), _lists("events", "second_progression"))
_VISIT_RULE: Final = _all(_TIME, _lists("censoring_rules", "missed_visits"))
_VISITS_COUNTED: Final = _all(_VISIT_RULE, _not(_is("missed_visits.method", "disabled")))
_BEST_RESPONSE: Final = _any(_is("benefit", "long_control"), _not(_below(["response", "landmark"], {"type": "object"})))
_CONFIRMABLE: Final = _any(_all(_RATE, _BEST_RESPONSE), _FROM_RESPONSE)
_CONFIRMED: Final = _all(_CONFIRMABLE, _is("response.confirmation", "required"))
_LANDMARK: Final = _all(_RATE, _not(_is("benefit", "long_control")))
_DEATH_APART: Final = _all(
    _TIME,
    _lists("censoring_rules", "death_not_event"),
    _not(_lists("events", "death")),
    _not(_all(_lists("events", "death_per_ttup_death"), _is("ttup_death", "event"))),
)

# Phrases -------------------------------------------------------------------------------------------------------------------

ORIGINS: Final = {
    "randomisation": "randomisation",
    "enrolment": "enrolment",
    "first_component": "the start of the first component of the study treatment",
    "last_component": "the start of the last component of the study treatment",
    "first_tace": "the first TACE session",
    "first_ici": "the first dose of the immune checkpoint inhibitor",
    "first_other": "the first dose of another component of the study treatment",
    "resection": "the resection",
    "response": "the first response",
}
#: Recorded clinical events.
KINDS: Final = {
    "clinical_progression": "clinical progression",
    "second_primary": "a second primary cancer",
    "untreatable_intrahepatic": "untreatable intrahepatic progression",
    "vascular_invasion": "vascular invasion",
    "extrahepatic_spread": "extrahepatic spread",
    "child_pugh_c": "deterioration of liver function to Child-Pugh class C",
    "surgery_precluded": "disease that precludes surgery",
    "incomplete_resection": "incomplete resection",
}
RESPONSES: Final = {
    "CR": "complete response (CR)",
    "PR": "partial response (PR)",
    "SD": "stable disease (SD)",
    "NON-CR/NON-PD": "non-CR/non-PD",
}
_MONTH: Final = {
    "first": "the first day of that month",
    "mid": "the 15th of that month",
    "last": "the last day of that month",
}

#: Wording for the options of all kinds, by path.
SHARED_WORDS: Final[dict[str, Wording]] = {
    "origin": Wording(
        "Time origin", ORIGIN, items=ORIGINS,
        says={
            "last_component": "The time origin is {value}; a subject who lacks one of the components has no record.",
            "*": "The time origin is {value}.",
        },
    ),
    "origin_components": Wording(
        "Components of the study treatment", ORIGIN, items=ORIGINS, says="The components considered are {value}.",
        when=_any(
            _is("origin", "first_component", "last_component"), _all(_TIME, _is("delayed_entry", "last_component"))
        ),
    ),
    "delayed_entry": Wording(
        "Delayed entry", ORIGIN, when=_TIME,
        says={
            "none": "Subjects are at risk from the time origin; there is no delayed entry.",
            "last_component": "Subjects enter the risk set on the day on which the last component starts (left truncation); "
            "a subject whose observation ends on or before that day has no record.",
        },
    ),
    "day_convention": Wording(
        "Duration in days", ORIGIN, when=_TIME,
        says={
            "plus_one": "Durations are counted in days as last date minus first date plus one.",
            "difference": "Durations are counted in days as last date minus first date.",
        },
    ),
    "days_per_month": Wording(
        "Duration in months", ORIGIN, unit="days", when=_TIME,
        says="Durations in months are durations in days divided by {value:number}, without rounding.",
    ),
    "post_baseline": Wording(
        "Assessments that count", DATES,
        says={
            "after_origin": "Assessments and recorded events count if they are dated after the time origin and up to and "
            "including the data cut-off.",
            "on_or_after_origin": "Assessments and recorded events count if they are dated on or after the time origin and "
            "up to and including the data cut-off.",
        },
    ),
    "pd_date": Wording(
        "Date of progression", DATES, when=_READS_ASSESSMENTS,
        says={
            "earliest_part": "An assessment that shows progression is dated to the earliest of its scans that shows it.",
            "assessment": "An assessment that shows progression is dated to the date of the assessment.",
            "latest_part": "An assessment that shows progression is dated to its latest scan.",
            "visit": "An assessment that shows progression is dated to the nominal date of its visit.",
            "next_scheduled": "An assessment that shows progression is dated to the earliest of its scans that shows it; a "
            "progression outside the window of every planned visit is then moved to the next planned visit, but not beyond "
            "the data cut-off or death.",
            "midpoint": "An assessment that shows progression is dated to the earliest of its scans that shows it; the "
            "progression is then moved to the midpoint (rounded down) between the last evaluable assessment before it, or "
            "else the start, and that date.",
        },
    ),
    "nonpd_date": Wording(
        "Date of other assessments", DATES, when=_READS_ASSESSMENTS,
        says={
            "latest_part": "Any other assessment is dated to its latest scan.",
            "assessment": "Any other assessment is dated to the date of the assessment.",
            "earliest_part": "Any other assessment is dated to its earliest scan.",
            "visit": "Any other assessment is dated to the nominal date of its visit.",
        },
    ),
    "pd_rule": Wording(
        "Progression", PROGRESSION, when=_READS_PROGRESSION,
        says={
            "first_pd": "Progression is the first assessment that shows progressive disease, whatever later assessments show.",
            "irecist": "Progression follows iRECIST: an unconfirmed progression (iUPD) becomes progression when it is "
            "confirmed (iCPD), and is void when a later assessment shows response or stable disease.",
            "first_pd_pseudo_confirm": "Progression is the first assessment that shows progressive disease; where "
            "pseudoprogression is suspected at that assessment, progression stays unconfirmed (iUPD) until re-assessment "
            "per iRECIST confirms it or makes it void.",
        },
    ),
    "irecist.unconfirmed": Wording(
        "Unconfirmed progression at the end", PROGRESSION, when=_WAITS,
        says={
            "event": "An unconfirmed progression that is neither confirmed nor void by the end of observation counts as "
            "progression at its own date.",
            "censor": "An unconfirmed progression that is neither confirmed nor void by the end of observation does not "
            "count; the subject is censored at the last adequate assessment before it.",
        },
    ),
    "irecist.pending_grace_days": Wording(
        "Grace before the data cut-off", PROGRESSION, unit="days",
        when=_all(_WAITS, _is("irecist.unconfirmed", "event")),
        says={
            "null": "There is no period of grace for an unconfirmed progression shortly before the data cut-off.",
            "*": "An unconfirmed progression at most {value} before the data cut-off, in a subject who is alive, without a "
            "therapy that ends observation and without a later evaluable assessment, still awaits its answer and does not "
            "count.",
        },
    ),
    "irecist.confirm_min_days": Wording(
        "Time to confirmation", PROGRESSION, unit="days", when=_WAITS,
        says={
            "0": "Any later assessment may confirm an unconfirmed progression.",
            "*": "An assessment may confirm an unconfirmed progression from {value} after it.",
        },
    ),
    "irecist.confirmed_date": Wording(
        "Date of confirmed progression", PROGRESSION, when=_WAITS,
        says={
            "first_iupd": "A confirmed progression is dated to the first unconfirmed progression of the block that was "
            "confirmed.",
            "icpd": "A confirmed progression is dated to the assessment that confirmed it.",
        },
    ),
    "clinical_progression": Wording(
        "Clinical progression", PROGRESSION, when=_lists("events", "progression"),
        says={
            "ignore": "Clinical progression, declared without imaging, is not an event.",
            "event": "Clinical progression, declared without imaging, is an event like progression.",
        },
    ),
    "no_baseline": Wording(
        "No adequate baseline", BASELINE, when=_BASELINE_RULE,
        says={
            "use_assessments": "Assessments of a subject without an adequate baseline assessment are used like any others.",
            "censor_day1": "Assessments of a subject without an adequate baseline assessment are not used.",
        },
    ),
    "missed_visits.method": Wording(
        "Missed assessments", VISITS, when=_VISIT_RULE,
        says={
            "disabled": "An event counts however long the time since the last assessment.",
            "windows": "An event does not count where the windows of {missed_visits.n:words} or more consecutive planned visits "
            "lie wholly between the last assessment before it and the event; the subject is then censored at the last "
            "adequate assessment before the event.",
            "interval_sum": "An event does not count where the time since the last assessment before it exceeds "
            "{missed_visits.n:words} planned intervals plus the early and the late allowance of a visit; the subject is then "
            "censored at the last adequate assessment before the event.",
            "fixed_days": "An event does not count where more than {missed_visits.gap_days} have passed since the last "
            "assessment before it; the subject is then censored at the last adequate assessment before the event.",
        },
    ),
    "missed_visits.n": Wording(
        "Number of missed visits", VISITS, says="",
        when=_all(_VISIT_RULE, _is("missed_visits.method", "windows", "interval_sum")),
    ),
    "missed_visits.gap_days": Wording(
        "Longest gap", VISITS, unit="days", says="",
        when=_all(_VISIT_RULE, _is("missed_visits.method", "fixed_days")),
    ),
    "missed_visits.reference": Wording(
        "Start of the gap", VISITS, when=_VISITS_COUNTED,
        says={
            "last_evaluable": "The last assessment is the last evaluable one; one that is not evaluable counts as missed. "
            "Without one, the gap begins at the start.",
            "last_any": "The last assessment is the last one of any result, also where it is not evaluable. Without one, "
            "the gap begins at the start.",
        },
    ),
    "missed_visits.scope": Wording(
        "Gaps that are looked at", VISITS, when=_VISITS_COUNTED,
        says={
            "before_event": "Only the gap immediately before the event is looked at.",
            "any_gap": "Every gap from the start on is looked at, in subjects without an event up to their last "
            "assessment: the first that is too long ends observation, and the subject is censored at the last adequate "
            "assessment on or before the day on which it begins.",
        },
    ),
    "missed_visits.applies_to": Wording(
        "Events concerned", VISITS, when=_VISITS_COUNTED, says="The rule applies to {value}.",
        items={
            "progression": "progression (including clinical progression, recurrence and other recorded events)",
            "death": "death",
        },
    ),
    "new_therapy": Wording(
        "New anticancer therapy", THERAPY, when=_NEW_THERAPY,
        items={"ignore": "disregarded", "censor": "censored before it", "censor_at_start": "censored at its start", "event": "event"},
        says={
            "ignore": "A new anticancer therapy outside the study regimen does not end observation: assessments and events "
            "after its start count (treatment policy strategy).",
            "censor": "The start of a new anticancer therapy outside the study regimen ends observation: a subject without an "
            "earlier event is censored at the last adequate assessment up to it (hypothetical strategy).",
            "censor_at_start": "The start of a new anticancer therapy outside the study regimen ends observation: a subject "
            "without an earlier event is censored on that day.",
            "event": "The start of a new anticancer therapy outside the study regimen is an event (composite strategy).",
        },
    ),
    "new_therapy_boundary": Wording(
        "Day of the therapy", THERAPY, when=_THERAPY_CENSORS,
        says={
            "inclusive": "Assessments and events on the day on which such a therapy starts still count.",
            "exclusive": "Assessments and events on the day on which such a therapy starts no longer count.",
        },
    ),
    "curative_conversion": Wording(
        "Resection or transplantation", THERAPY, when=_CONVERSION,
        items={
            "as_new_therapy": "as new anticancer therapy", "ignore": "disregarded", "censor": "censored before it",
            "censor_at_start": "censored on its day", "event": "event",
        },
        says={
            "as_new_therapy": "Resection and liver transplantation with curative intent are handled like a new anticancer "
            "therapy, under a reason of their own.",
            "ignore": "Resection and liver transplantation with curative intent do not end observation: assessments and "
            "events after them count.",
            "censor": "Resection or liver transplantation with curative intent ends observation: a subject without an earlier "
            "event is censored at the last adequate assessment up to it.",
            "censor_at_start": "Resection or liver transplantation with curative intent ends observation: a subject without "
            "an earlier event is censored on that day.",
            "event": "Resection or liver transplantation with curative intent is an event.",
        },
    ),
    "repeat_tace": Wording(
        "Repeat TACE", THERAPY, when=_REPEATS,
        items={"part_of_regimen": "part of the regimen", "as_new_therapy": "as new anticancer therapy"},
        says={
            "part_of_regimen": "TACE sessions after the first belong to the study regimen: they neither end observation nor "
            "are events.",
            "as_new_therapy": "Each TACE session after the first is handled like a new anticancer therapy, under a reason of "
            "its own.",
        },
    ),
    "death_handling": Wording(
        "Death without the event", FOLLOW_UP, when=_DEATH_APART,
        says={
            "censor_last_adequate": "A subject who dies without the event is censored at the last adequate assessment.",
            "censor_at_death": "A subject who dies without the event is censored on the day of death.",
            "competing": "Death without the event is a competing event on the day of death.",
        },
    ),
    "withdrawal": Wording(
        "Withdrawal of consent", FOLLOW_UP,
        says={
            "reason_only": "Withdrawal of consent is given as the reason for censoring and does not move its date: all data "
            "collected are used.",
            "truncate": "Nothing dated after the withdrawal of consent is used.",
        },
    ),
    "os_censor": Wording(
        "Last date known alive", FOLLOW_UP, when=_CENSORED_ALIVE,
        says={
            "last_known_alive": "The last date known alive is the latest complete date in the data that requires the subject "
            "to be alive: visits, scans, doses and sessions of treatment, starts of therapy, recorded events, contacts and "
            "withdrawal; not the date of being lost to follow-up or of the end of study.",
            "last_contact": "The last date known alive is the date of last contact or, without one, the time origin.",
        },
    ),
    "post_cutoff_alive": Wording(
        "Life after the data cut-off", FOLLOW_UP, when=_CENSORED_ALIVE,
        says={
            "cap_at_cutoff": "A subject who is known to have been alive after the data cut-off, or to have died after it, is "
            "censored at the data cut-off.",
            "ignore": "Records dated after the data cut-off are not used to establish the last date known alive.",
        },
    ),
    "report_deaths_after_days": Wording(
        "Deaths long after the last assessment", FOLLOW_UP, unit="days",
        when=_all(_lists("events", "progression"), _lists("events", "death")),
        says={
            "null": "How many deaths came long after the last assessment is not reported.",
            "*": "The number of deaths without progression more than {value} after the last assessment is reported.",
        },
    ),
    "pfs2_censor": Wording(
        "Censoring of PFS2", FOLLOW_UP, when=_is("censoring", "pfs2_censor"),
        says={
            "last_known_alive": "Without an event the subject is censored on the last date known alive.",
            "last_evaluable": "Without an event the subject is censored at the last evaluable assessment.",
        },
    ),
    "imputation.death_day": Wording(
        "Death known to the month", PARTIAL, items=_MONTH,
        says={
            "*": "A death known only to the month is dated to {value}, and one known only to the year to 1 July of that year; "
            "within the period it is placed after the last evidence of life and not after the data cut-off.",
        },
    ),
    "imputation.assessment_day": Wording(
        "Assessment known to the month", PARTIAL, items=_MONTH, when=_READS_ASSESSMENTS,
        says="An assessment known only to the month is dated to {value}, but not after death or the data cut-off; one known "
        "only to the year is not used unless its scans have dates.",
    ),
    "imputation.therapy_day": Wording(
        "Therapy known to the month", PARTIAL, items=_MONTH,
        when=_DATED_THERAPIES,
        says="The start of a therapy known only to the month is dated to {value}, and one known only to the year to 1 January, "
        "but not before the day after the time origin.",
    ),
    "imputation.therapy_not_before_pd": Wording(
        "Therapy and progression in one month", PARTIAL,
        when=_DATED_THERAPIES,
        says={
            "true": "A therapy whose start is known only to the period in which progression was first seen is not dated "
            "before that progression.",
            "false": "A therapy whose start is known only to the period in which progression was first seen may be dated "
            "before that progression.",
        },
    ),
    "response.confirmation": Wording(
        "Confirmation of response", RESPONSE, when=_CONFIRMABLE,
        says={
            "none": "Complete and partial responses count without confirmation.",
            "required": "A complete or partial response counts only where a later assessment confirms it.",
        },
    ),
    "response.confirm_days": Wording(
        "Time to confirmation of response", RESPONSE, unit="days", when=_CONFIRMED,
        says="The confirming assessment is at least {value} after the response.",
    ),
    "response.max_ne": Wording(
        "Not evaluable in between", RESPONSE, unit="assessments", when=_CONFIRMED,
        says={
            "0": "Between a response and its confirmation no assessment may be not evaluable.",
            "*": "Between a response and its confirmation at most {value} may be not evaluable.",
        },
    ),
    "response.accept_sd": Wording(
        "Stable disease in between", RESPONSE, unit="assessments", when=_CONFIRMED,
        says={
            "0": "Stable disease between a partial response and its confirmation is not accepted.",
            "*": "Between a partial response and its confirmation at most {value} may show stable disease.",
        },
    ),
    "response.sd_min_days": Wording(
        "Minimum duration of stable disease", RESPONSE, unit="days", when=_all(_RATE, _BEST_RESPONSE),
        says={
            "0": "Stable disease (and non-CR/non-PD) counts as best response at any time.",
            "*": "Stable disease (and non-CR/non-PD, or a response that does not count as one) is a best response from "
            "{value} after the time origin; before that it is not evaluable.",
        },
    ),
    "response.cbr_days": Wording(
        "Duration of clinical benefit", RESPONSE, unit="days", when=_is("benefit", "long_control"),
        says="Disease control is a clinical benefit where an evaluable assessment without progression lies {value} or more "
        "after the time origin and before progression.",
    ),
    "response.landmark": Wording(
        "Response at a landmark", RESPONSE, when=_LANDMARK,
        says={"null": "The response is the best overall response: the best of the assessments up to and including progression."},
    ),
    "response.landmark.anchor": Wording(
        "Day 0 of the window", RESPONSE, when=_LANDMARK,
        says={
            "first_tace": "The response is read at a landmark: in a window counted from the first TACE session (day 0). "
            "A subject without a TACE session has no window and is not evaluable.",
            "most_recent_tace": "The response is read at a landmark: in a window counted from the latest TACE session before "
            "the assessment (day 0), so that each session opens a window. A subject without a TACE session has no window "
            "and is not evaluable.",
            "origin": "The response is read at a landmark: in a window counted from the time origin (day 0).",
        },
    ),
    "response.landmark.from_days": Wording(
        "First day of the window", RESPONSE, when=_LANDMARK,
        says="The window runs from day {value:number} to day {response.landmark.to_days:number}, both included.",
    ),
    "response.landmark.to_days": Wording("Last day of the window", RESPONSE, says="", when=_LANDMARK),
    "response.landmark.tolerance": Wording(
        "Tolerance of the window", RESPONSE, unit="days", when=_LANDMARK,
        says={"0": "", "*": "The window is widened by {value} on both sides."},
    ),
    "response.landmark.pick": Wording(
        "Assessment that counts", RESPONSE, when=_LANDMARK,
        items={
            "first": "the earliest evaluable one", "last": "the latest evaluable one",
            "best": "the evaluable one with the best response", "worst": "the evaluable one with the worst response",
            "closest": "the evaluable one nearest to the middle of the window",
        },
        says="Of several assessments in the window {value} counts. A progression on or before that assessment or, without "
        "one, before the end of the window makes the response PD.",
    ),
    "response.landmark.missing": Wording(
        "No assessment in the window", RESPONSE, when=_LANDMARK,
        says={
            "non_responder": "A subject without an evaluable assessment in the window and without progression by its end is "
            "not evaluable and stays in the denominator as a non-responder.",
            "exclude_not_assessed": "A subject without an evaluable assessment in the window and without progression by its "
            "end is left out, unless dead by the end of the window.",
        },
    ),
    "ttup_kinds": Wording(
        "Untreatable by TACE", PROGRESSION, items=KINDS, when=_lists("events", "ttup_kinds"),
        says="The tumour counts as untreatable by TACE on the record of {value:or}.",
    ),
    "ttup_death": Wording(
        "Death in time to untreatable progression", FOLLOW_UP, when=_lists("events", "death_per_ttup_death"),
        says={"censor": "Death is not an event of this time.", "event": "Death from any cause is an event of this time."},
    ),
    "efs_kinds": Wording(
        "Failures", PROGRESSION, items=KINDS, when=_lists("events", "efs_kinds"),
        says="Recorded events that count as failure are {value}.",
    ),
    "ttd_scope": Wording(
        "Discontinuation", FOLLOW_UP, when=_lists("events", "discontinuation"),
        says={
            "all": "Treatment is discontinued when every component has ended, on the day of the latest last dose.",
            "any": "Treatment is discontinued when the first component has ended, on the day of the earliest last dose.",
        },
    ),
    "ttd_components": Wording(
        "Components of discontinuation", FOLLOW_UP, when=_lists("events", "discontinuation"),
        says={"[]": "All drug components are looked at.", "*": "The components looked at are {value}."},
    ),
    "start_variables": Wording("Start variables", TEXTS),
    "event_reasons": Wording("Texts of events (EVNTDESC)", TEXTS),
    "censoring_reasons": Wording("Codes and texts of censoring (CNSR, EVNTDESC)", TEXTS),
    "censoring_dates": Wording("Texts of censoring dates (CNSDTDSC)", TEXTS),
}  # fmt: skip

#: Wording for what an endpoint is made of. Most of it is told by the definition and the table of events and censoring.
COMPOSITION_WORDS: Final[dict[str, Wording]] = {
    "events": Wording("Events", DEFINITION, says="", items={"efs_kinds": "failure"}),
    "start": Wording("Start of the time", DEFINITION, says=""),
    "population": Wording(
        "Subjects", DEFINITION,
        says={
            "all": "Every subject with a time origin on or before the data cut-off has a record.",
            "responders": "Only responders have a record: subjects with a CR or PR that counts as a response.",
        },
    ),
    "censoring": Wording("Date of censoring", DEFINITION, says=""),
    "censoring_rules": Wording(
        "Rules of censoring", DEFINITION,
        items={
            "no_baseline": "no adequate baseline", "no_post_baseline": "no evaluable assessment after baseline",
            "missed_visits": "missed assessments before an event", "new_therapy": "new anticancer therapy",
            "curative_conversion": "resection or transplantation", "repeat_tace": "repeat TACE",
            "death_not_event": "death that is not an event", "pending_progression": "progression awaiting confirmation",
            "withdrawal": "withdrawal of consent", "lost_to_followup": "loss to follow-up",
            "end_of_study": "end of study", "cutoff": "the data cut-off",
        },
        says="Rules that may end observation or censor are considered in this order: {value}.",
    ),
    "therapy_events": Wording(
        "Therapy as an event", THERAPY,
        says={
            "per_options": "",
            "never": "The start of a therapy outside the study regimen is never an event of this endpoint.",
            "always": "The start of any anticancer therapy outside the study regimen is an event of this endpoint.",
        },
    ),
    "baseline_rule": Wording(
        "Rule on missing baseline", BASELINE,
        says={"applied": "", "ignored": "A missing baseline assessment plays no part in this endpoint."},
    ),
    "date_transformation": Wording(
        "Moving of dates", DATES,
        when=_is("pd_date", "next_scheduled", "midpoint"),
        says={
            "applied": "The date of a progression is moved as stated.",
            "ignored": "The date of a progression is not moved for this endpoint.",
        },
    ),
    "responders": Wording(
        "Responders", DEFINITION, items=RESPONSES, says="",
    ),
    "denominator": Wording(
        "Subjects counted", DEFINITION, says="",
    ),
    "benefit": Wording(
        "Long disease control", DEFINITION, says="",
    ),
}  # fmt: skip

WORDING: Final = {**COMPOSITION_WORDS, **SHARED_WORDS}
#: The order in which the parts of the text stand.
PARTS: Final = (
    DEFINITION, ORIGIN, DATES, PROGRESSION, BASELINE, VISITS, THERAPY, FOLLOW_UP, PARTIAL, RESPONSE, TEXTS,
)  # fmt: skip

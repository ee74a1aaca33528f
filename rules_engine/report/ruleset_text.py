"""What the ruleset says, in words: each endpoint's clock, events, censoring and choices, from its resolved options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules_engine.model import EndpointDefinition, ResponseDefinition
from rules_engine.pages import Cell, Row, Table, heading, words
from rules_engine.report.view import ReportView

#: Options in the order of the page: key, heading, and words for its values. A key that is not here is shown as it is
#: written.
WORDED: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("origin", "Clock starts at", {
        "randomisation": "randomisation", "enrolment": "enrolment",
        "first_component": "start of the first component", "last_component": "start of the last component",
        "first_tace": "first TACE", "first_ici": "first ICI", "first_other": "first other component",
        "resection": "resection",
    }),
    ("events", "Counts as an event", {}),
    ("responders", "Counts as a response", {}),
    ("pd_rule", "Progression", {
        "first_pd": "the first progression",
        "irecist": "by iRECIST: unconfirmed progression waits for its confirmation",
        "first_pd_pseudo_confirm": "the first progression; where pseudoprogression is suspected, after re-assessment",
    }),
    ("pd_date", "Progression is dated to", {
        "earliest_part": "the earliest scan that shows it", "latest_part": "the latest scan of the assessment",
        "assessment": "the assessment", "visit": "the visit", "next_scheduled": "the next scheduled visit",
        "midpoint": "the middle between the last assessment without it and its own",
    }),
    ("clinical_progression", "Clinical progression", {"ignore": "no event", "event": "an event"}),
    ("death_handling", "Death before progression", {
        "censor_last_adequate": "censored at the last adequate assessment",
        "censor_at_death": "censored at death", "competing": "competing event",
    }),
    ("no_baseline", "No adequate baseline", {
        "use_assessments": "assessments are used", "censor_day1": "censored on day 1",
    }),
    ("missed_visits", "Missed visits before the event", {}),
    ("new_therapy", "New anticancer therapy", {
        "ignore": "ignored, follow-up goes on", "censor": "censored at the last adequate assessment before it",
        "censor_at_start": "censored at its start", "event": "an event",
    }),
    ("curative_conversion", "Resection or transplant", {
        "as_new_therapy": "as new anticancer therapy", "ignore": "ignored, follow-up goes on",
        "censor": "censored at the last adequate assessment before it", "censor_at_start": "censored at its start",
        "event": "an event",
    }),
    ("repeat_tace", "Repeat TACE", {
        "part_of_regimen": "part of the regimen", "as_new_therapy": "as new anticancer therapy",
    }),
    ("withdrawal", "Withdrawal of consent", {
        "reason_only": "a reason for censoring; data stay in use", "truncate": "later data are not used",
    }),
    ("os_censor", "Censored alive at", {
        "last_known_alive": "last evidence of life", "last_contact": "last contact",
    }),
    ("censoring", "Without an event, censored at", {
        "last_adequate": "the last evaluable assessment without progression",
        "last_evaluable": "the last evaluable assessment", "last_known_alive": "the day last known alive",
    }),
    ("response", "Response", {}),
)  # fmt: skip


#: The rule of missed visits in words, by its method.
MISSED_VISITS = {
    "disabled": "not limited",
    "windows": "discarded where the windows of {n} or more planned visits were missed",
    "interval_sum": "discarded after more than {n} planned intervals and their windows",
    "fixed_days": "discarded after more than {gap_days} days",
}
#: Words for the events of a time; a list of recorded events is named by the option of the same name.
EVENT_WORDS = {
    "progression": "progression",
    "second_progression": "progression after the next line of therapy",
    "death": "death from any cause",
    "discontinuation": "end of treatment",
    "response": "response",
    "second_primary": "second primary cancer",
}
#: Texts of the data sets and switches between rules: they say nothing that the other lines do not.
NOT_SHOWN = frozenset({
    "event_reasons", "censoring_reasons", "censoring_dates", "start_variables", "therapy_events", "censoring_rules",
    "baseline_rule", "date_transformation", "start", "population",
})  # fmt: skip
#: Rules about progression, and about therapies outside the regimen.
ABOUT_PROGRESSION = ("pd_rule", "pd_date", "clinical_progression", "irecist", "death_handling")
ABOUT_THERAPIES = ("new_therapy", "new_therapy_boundary", "curative_conversion", "repeat_tace")
#: Rules about times, which a response does not have.
ABOUT_TIMES = (
    "missed_visits", "death_handling", "os_censor", "post_cutoff_alive", "pfs2_censor", "ttup_kinds", "ttup_death",
    "efs_kinds", "ttd_scope", "ttd_components", "delayed_entry", "day_convention", "days_per_month",
)  # fmt: skip


def overview_table(view: ReportView) -> Table:
    """One row per endpoint with the choices that most often differ; a choice that does not apply to it is empty."""
    worded = {key: (label, values) for key, label, values in WORDED}
    keys = ("pd_rule", "missed_visits", "new_therapy")
    rows = []
    for endpoint in view.ruleset.endpoints.values():
        options = relevant_options(endpoint)
        cells = [words(_clock(options, worded["origin"][1])), words(_what_counts(endpoint, options))]
        for key in keys:
            cells.append(words(_worded(options[key], worded[key][1]) if key in options else ""))
        rows.append(Row(Cell(endpoint.label, numeric=False, tag=endpoint.paramcd), cells))
    columns = ["Endpoint", "Clock starts at", "Counts", *(worded[key][0] for key in keys)]
    return Table("Endpoints", columns, rows)


def _clock(options: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    if "origin" not in options:
        return ""
    return "first response" if options.get("start") == "response" else _worded(options["origin"], origins)


def _what_counts(endpoint: EndpointDefinition, options: Mapping[str, Any]) -> str:
    """The events of a time, or the responses of a rate; death beside them where it needs its own words."""
    if endpoint.kind == "best_overall_response":
        return "the best response"
    if "responders" in options:
        return _worded(options["responders"], {})
    named = [_event(event, options) for event in options.get("events") or ()]
    if "death_handling" in options:
        handling = next(values for key, _label, values in WORDED if key == "death_handling")
        named.append(f"(death: {_worded(options['death_handling'], handling)})")
    return ", ".join(part for part in named if part).replace(", (", " (")


def _event(event: str, options: Mapping[str, Any]) -> str:
    if event == "death_per_ttup_death":
        return EVENT_WORDS["death"] if options.get("ttup_death") == "event" else ""
    if isinstance(options.get(event), Sequence):
        return _worded(options[event], {})
    return EVENT_WORDS.get(event, event.replace("_", " "))


def relevant_options(endpoint: EndpointDefinition) -> dict[str, Any]:
    """The options of an endpoint without those that cannot change it, as its events and switches have it."""
    options = dict(endpoint.options)
    hidden: set[str] = set()
    if "events" in options:
        events = set(options["events"])
        if not events & {"progression", "second_progression"}:
            hidden.update(ABOUT_PROGRESSION)
        if "death" in events:
            hidden.add("death_handling")
        rules = set(options.get("censoring_rules") or ())
        if options.get("therapy_events") == "always":
            options["new_therapy"] = options["curative_conversion"] = "event"
        elif options.get("therapy_events") == "never" and not rules & {
            "new_therapy",
            "curative_conversion",
            "repeat_tace",
        }:
            hidden.update(ABOUT_THERAPIES)
        if "missed_visits" not in rules:
            hidden.add("missed_visits")
        if options.get("baseline_rule") == "ignored":
            hidden.add("no_baseline")
        if options.get("censoring") not in ("last_known_alive", "pfs2_censor"):
            hidden.update({"os_censor", "post_cutoff_alive"})
        if options.get("censoring") != "pfs2_censor":
            hidden.add("pfs2_censor")
        hidden.update({"ttup_kinds", "efs_kinds"} - events)
        if "death_per_ttup_death" not in events:
            hidden.add("ttup_death")
        if "discontinuation" not in events:
            hidden.update({"ttd_scope", "ttd_components"})
        if options.get("start", "origin") == "origin" and options.get("population", "all") == "all":
            hidden.add("response")
    elif "responders" in options:
        hidden.update(ABOUT_TIMES)
        response = options.get("response") or {}
        if response.get("landmark"):
            options["response"] = {"landmark": response["landmark"]}
    if options.get("pd_rule") == "first_pd":
        hidden.add("irecist")
    return {key: value for key, value in options.items() if key not in hidden}


def endpoint_tables(view: ReportView) -> list[Table]:
    """One table per endpoint: what it measures and how every choice was made."""
    return [_endpoint_table(endpoint) for endpoint in view.ruleset.endpoints.values()]


def _endpoint_table(endpoint: EndpointDefinition) -> Table:
    options = relevant_options(endpoint)
    rows = [Row(heading("Derived as"), [words(endpoint.kind.replace("_", " "))])]
    if endpoint.response:
        rows.append(Row(heading("Reads responses"), [words(endpoint.response)]))
    origins = next(values for key, _label, values in WORDED if key == "origin")
    if "origin" in options:
        rows.append(Row(heading("Clock starts at"), [words(_clock(options, origins))]))
    if "events" in options:
        rows.append(Row(heading("Counts as an event"), [words(_what_counts(endpoint, options))]))
    shown = {"origin", "events", *NOT_SHOWN}
    for key, label, values in WORDED:
        if key not in shown and options.get(key) is not None:
            rows.append(Row(heading(label), [words(_worded(options[key], values))]))
    shown |= {key for key, _label, _values in WORDED}
    for key, value in options.items():
        if key not in shown and value not in (None, [], {}):
            rows.append(Row(heading(key.replace("_", " ").capitalize()), [words(_worded(value, {}))]))
    return Table(f"{endpoint.paramcd}: {endpoint.label}", ["Choice", "This analysis"], rows)


def _worded(value: object, words_of: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return words_of.get(value, value.replace("_", " "))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        stated = {key: one for key, one in value.items() if one not in (None, [], {})}
        if stated.get("method") in MISSED_VISITS:
            return MISSED_VISITS[stated["method"]].format_map(stated)
        return "; ".join(f"{key.replace('_', ' ')}: {_worded(one, {})}" for key, one in stated.items())
    if isinstance(value, Sequence):
        return ", ".join(_worded(one, {}) for one in value)
    return str(value)


def response_table(view: ReportView) -> Table | None:
    """One row per stream of responses: where it comes from and by which criterion."""
    if not view.ruleset.responses:
        return None
    rows = [
        Row(heading(name), [words(_source(definition)), words(_reading(definition)), words(_options(definition))])
        for name, definition in view.ruleset.responses.items()
    ]
    return Table("Timepoint responses", ["Name", "Source", "Reading", "Values that differ by choice"], rows)


def _source(definition: ResponseDefinition) -> str:
    if definition.rules is None:
        return f"as collected ({definition.collected_as or 'all criteria'})"
    return f"derived from lesions by {definition.rules.ruleset}"


def _reading(definition: ResponseDefinition) -> str:
    return ", ".join(part for part in (definition.assessor, definition.reader) if part) or "all"


def _options(definition: ResponseDefinition) -> str:
    """The options of a hybrid are its choices; the values of a criterion are in its own ruleset."""
    if definition.rules is None:
        return ""
    chosen = {key: value for key, value in definition.rules.options.items() if key.startswith("hybrid.")}
    return "; ".join(f"{key}: {_worded(value, {})}" for key, value in chosen.items())


def study_facts(view: ReportView) -> list[tuple[str, str]]:
    """Heading and text of the facts at the top: study, design, population, estimand."""
    study, estimand = view.study, view.ruleset.document.get("estimand") or {}
    facts = [
        ("Study", study.get("id")),
        ("Design", study.get("design")),
        ("Population", estimand.get("population") or study.get("population")),
        ("Treatment", estimand.get("treatment")),
        ("Summary measure", estimand.get("summary")),
        ("Intercurrent events", _intercurrent(estimand.get("intercurrent_events") or {})),
        ("Data cut-off", view.data_cutoff.isoformat()),
        ("Ruleset", view.ruleset.id),
    ]
    return [(label, str(text)) for label, text in facts if text]


def _intercurrent(events: Mapping[str, Any]) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: {str(way).replace('_', ' ')}" for name, way in events.items())

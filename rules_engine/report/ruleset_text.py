"""What the ruleset says, in words: each endpoint's clock, events, censoring and choices, from its resolved options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rules_engine.model import EndpointDefinition, ResponseDefinition
from rules_engine.report.tables import Cell, Row, Table, heading, words
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
    ("response", "Response", {}),
)  # fmt: skip


#: Options that most often tell two endpoints apart, shown side by side.
OVERVIEW = ("origin", "pd_rule", "missed_visits", "new_therapy", "death_handling")


def overview_table(view: ReportView) -> Table:
    """One row per endpoint with the choices that most often differ; a choice that its kind does not have is empty."""
    worded = {key: (label, values) for key, label, values in WORDED}
    rows = []
    for endpoint in view.ruleset.endpoints.values():
        cells = []
        for key in OVERVIEW:
            value = endpoint.options.get(key)
            cells.append(words("" if value is None else _worded(value, worded[key][1])))
        rows.append(Row(Cell(endpoint.label, numeric=False, tag=endpoint.paramcd), cells))
    return Table("Endpoints", ["Endpoint", *(worded[key][0] for key in OVERVIEW)], rows)


def endpoint_tables(view: ReportView) -> list[Table]:
    """One table per endpoint: what it measures and how every choice was made."""
    return [_endpoint_table(endpoint) for endpoint in view.ruleset.endpoints.values()]


def _endpoint_table(endpoint: EndpointDefinition) -> Table:
    rows = [Row(heading("Derived as"), [words(endpoint.kind.replace("_", " "))])]
    if endpoint.response:
        rows.append(Row(heading("Reads responses"), [words(endpoint.response)]))
    known = {key for key, _words, _values in WORDED}
    for key, label, values in WORDED:
        if key in endpoint.options and endpoint.options[key] is not None:
            rows.append(Row(heading(label), [words(_worded(endpoint.options[key], values))]))
    for key, value in endpoint.options.items():
        if key not in known and value not in (None, [], {}):
            rows.append(Row(heading(key.replace("_", " ")), [words(_worded(value, {}))]))
    return Table(f"{endpoint.paramcd}: {endpoint.label}", ["Choice", "This analysis"], rows)


def _worded(value: object, words_of: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return words_of.get(value, value.replace("_", " "))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        stated = {key: one for key, one in value.items() if one is not None}
        if stated.get("method") == "disabled":
            return "not limited"
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

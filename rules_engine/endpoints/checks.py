"""What is wrong with an endpoint's options beyond what a schema can say: (option path, what, remedy) triples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.model import EndpointDefinition

Finding = tuple[str, str, str]


def check_time_to_event(endpoint: EndpointDefinition) -> Sequence[Finding]:
    """Contradictions in the options of a time-to-event endpoint."""
    return [*_shared(endpoint), *_missed_visits(endpoint), *_schedule(endpoint), *_words(endpoint)]


def check_response(endpoint: EndpointDefinition) -> Sequence[Finding]:
    """Contradictions in the options of a response endpoint."""
    return [*_shared(endpoint), *_landmark(endpoint)]


def _shared(endpoint: EndpointDefinition) -> Iterator[Finding]:
    options = endpoint.options
    names_components = options["origin"] in ("first_component", "last_component") or (
        options["delayed_entry"] == "last_component"
    )
    if names_components and not options["origin_components"]:
        yield (
            "origin_components",
            "the list is empty, so no component can start the clock",
            "name at least one of first_tace, first_ici, first_other",
        )


def _missed_visits(endpoint: EndpointDefinition) -> Iterator[Finding]:
    options = endpoint.options
    rules = options["missed_visits"]
    if options["missed_visit_rule"] == "ignored" or rules["method"] == "disabled":
        return
    if rules["method"] == "fixed_days" and rules["gap_days"] is None:
        yield (
            "missed_visits.gap_days",
            "method fixed_days needs the longest allowed gap",
            "state `gap_days`, in days",
        )
    if rules["method"] in ("windows", "interval_sum") and endpoint.schedule is None:
        yield (
            "missed_visits.method",
            f"method {rules['method']} needs planned visits, but the protocol states no schedule",
            "state `schedule`, or choose fixed_days or disabled",
        )
    if rules["scope"] == "any_gap" and set(rules["applies_to"]) != {"progression", "death"}:
        yield (
            "missed_visits.applies_to",
            "scope any_gap ends the observation at a gap, whatever event follows",
            "state `applies_to: [progression, death]`, or `scope: before_event`",
        )


def _schedule(endpoint: EndpointDefinition) -> Iterator[Finding]:
    options = endpoint.options
    moves = options["date_transformation"] == "applied"
    if moves and options["pd_date"] == "next_scheduled" and endpoint.schedule is None:
        yield (
            "pd_date",
            "next_scheduled needs planned visits, but the protocol states no schedule",
            "state `schedule`, or choose another date",
        )
    if endpoint.schedule is not None and not endpoint.schedule.segments:
        yield ("schedule.segments", "the schedule has no visits", "state at least one segment, such as {every: 56}")


def _words(endpoint: EndpointDefinition) -> Iterator[Finding]:
    codes = [about["code"] for about in endpoint.options["censoring_reasons"].values()]
    if len(codes) != len(set(codes)):
        yield (
            "censoring_reasons",
            "two reasons to censor have the same CNSR code",
            "give each reason a code of its own",
        )


def _landmark(endpoint: EndpointDefinition) -> Iterator[Finding]:
    landmark = endpoint.options["response"]["landmark"]
    if landmark is not None and landmark["from_days"] > landmark["to_days"]:
        yield (
            "response.landmark.from_days",
            f"the window opens on day {landmark['from_days']} and closes on day {landmark['to_days']}, before it opens",
            "exchange from_days and to_days",
        )

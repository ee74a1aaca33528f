"""What is wrong with an endpoint's options beyond what a schema can say: (option path, what, remedy) triples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.endpoints.words import circle_of, words_in_use
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import CensoringRule, ConfigurationError, Event, Words


def check_time_to_event(endpoint: EndpointDefinition, *, words: Words) -> Sequence[ConfigurationError]:
    """Contradictions in the options of a time-to-event endpoint."""
    found = [*_origins(endpoint, words), *_schedule(endpoint), *_last_rule(endpoint, words)]
    return [*found, *_texts(endpoint, words), *_codes(endpoint), *_of_words(endpoint, words)]


def check_response(endpoint: EndpointDefinition, *, words: Words) -> Sequence[ConfigurationError]:
    """Contradictions in the options of a response endpoint."""
    found = [*_origins(endpoint, words), *_landmark(endpoint), *_denominator(endpoint)]
    return [*found, *_of_words(endpoint, words)]


def _of_words(endpoint: EndpointDefinition, words: Words) -> Iterator[ConfigurationError]:
    """What the words themselves find wrong."""
    for word in words_in_use(words, endpoint.options).all:
        yield from word.check(endpoint)


def _origins(endpoint: EndpointDefinition, words: Words) -> Iterator[ConfigurationError]:
    options = endpoint.options
    if options["delayed_entry"] == "last_component" and not options["origin_components"]:
        yield NO_COMPONENTS
    # The components are looked at whatever the origin, also to say who never had all of them.
    named = {"origin": [options["origin"]], "origin_components": options["origin_components"]}
    told: set[str] = set()
    for key, names in named.items():
        for name in names:
            circle = circle_of(words, name, options)
            if circle and circle not in told:
                told.add(circle)
                what = f"the origins are made of one another in a circle: {circle}"
                yield (key, what, "take the origin that is made of others out of `origin_components`")


#: There is nothing that an origin made of components could be made of.
NO_COMPONENTS: ConfigurationError = (
    "origin_components",
    "the list is empty, so no component can start the clock",
    "name at least one of first_tace, first_ici, first_other",
)


def check_missed_visits(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
    """Contradictions in the rule of missed visits."""
    rules = endpoint.options["missed_visits"]
    if rules["method"] == "disabled":
        return
    if rules["method"] == "fixed_days" and rules["gap_days"] is None:
        yield (
            "missed_visits.gap_days",
            "method fixed_days needs the longest allowed gap",
            "state `gap_days`, in days",
        )
    if rules["method"] in ("windows", "interval_sum") and rules["gap_days"] is not None:
        yield (
            "missed_visits.gap_days",
            f"the longest allowed gap is read by method fixed_days alone; method {rules['method']} counts planned visits",
            "choose fixed_days, or set `gap_days: null`",
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


def _schedule(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
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


def _last_rule(endpoint: EndpointDefinition, words: Words) -> Iterator[ConfigurationError]:
    """The list of rules is closed by one that holds for everyone, and by nothing else."""
    named = list(endpoint.options["censoring_rules"])
    closing = [name for name in named if words.censoring_rules[name].holds_for_all]
    if not closing:
        known = ", ".join(rule.id for rule in words.censoring_rules.values() if rule.holds_for_all)
        what = "the list has no rule that holds for everyone, so a subject may be censored without a reason"
        yield ("censoring_rules", what, f"end the list with {known}")
    elif closing[0] != named[-1]:
        after = ", ".join(named[named.index(closing[0]) + 1 :])
        yield ("censoring_rules", f"{closing[0]} holds for everyone, so {after} never does", f"put {closing[0]} last")


def _codes(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
    reasons: dict[int, str] = {}
    for reason, about in endpoint.options["censoring_reasons"].items():
        other = reasons.setdefault(about["code"], reason)
        if other != reason:
            yield (
                "censoring_reasons",
                f"the reasons {other} and {reason} have the same CNSR code {about['code']}",
                "give each reason a code of its own",
            )


def _texts(endpoint: EndpointDefinition, words: Words) -> Iterator[ConfigurationError]:
    """Reasons and dates that have no text, so that a record could not say what happened."""
    options, used = endpoint.options, words_in_use(words, endpoint.options)
    needed: dict[str, set[str]] = {"event_reasons": set(), "censoring_reasons": set()}
    for word in used.all:
        if isinstance(word, Event):
            needed["event_reasons"] |= set(word.reasons)
        elif isinstance(word, CensoringRule):
            needed["censoring_reasons"] |= set(word.reasons)
    for key, names in needed.items():
        without = sorted(names - set(options[key]))
        if without:
            yield (key, f"there is no text for {', '.join(without)}", f"state the text under `{key}`")


def _landmark(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
    landmark = endpoint.options["response"]["landmark"]
    if landmark is not None and landmark["from_days"] > landmark["to_days"]:
        yield (
            "response.landmark.from_days",
            f"the window opens on day {landmark['from_days']} and closes on day {landmark['to_days']}, before it opens",
            "exchange from_days and to_days",
        )


def _denominator(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
    """A rate among some of the subjects must not pass for one among all."""
    if endpoint.options["denominator"] == "response_evaluable" and "evaluable" not in endpoint.label.lower():
        yield (
            "denominator",
            f"the label {endpoint.label!r} does not say that only response-evaluable subjects are counted",
            "say so in `label`, such as `Objective response rate, response-evaluable subjects`",
        )

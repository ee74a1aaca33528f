"""Endpoint kinds bound to the words that the installed plugins offer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rules_engine.endpoints.candidates import derive_candidates
from rules_engine.endpoints.checks import check_response, check_time_to_event
from rules_engine.endpoints.cohort import conclude_endpoint, tally_endpoint
from rules_engine.endpoints.composition import response_schema, time_to_event_schema
from rules_engine.endpoints.describing import describe_response, describe_time_to_event
from rules_engine.endpoints.needs import needs_of_words, reads_responses
from rules_engine.endpoints.response import derive_response
from rules_engine.endpoints.time_to_event import derive_time_to_event
from rules_engine.endpoints.trace import trace_response, trace_time_to_event
from rules_engine.endpoints.validation import validate_endpoint
from rules_engine.vocabulary import EndpointKind, Words


def bind_time_to_event(kind: EndpointKind, words: Words) -> EndpointKind:
    """A time-to-event kind that knows these words."""
    return replace(
        kind,
        options_schema=time_to_event_schema(words),
        schema_for=partial(time_to_event_schema, words),
        derive=partial(derive_time_to_event, words=words),
        check=partial(check_time_to_event, words=words),
        validate=partial(validate_endpoint, words=words),
        tally=partial(tally_endpoint, words=words),
        conclude=conclude_endpoint,
        needs=partial(needs_of_words, words=words),
        reads_responses=partial(reads_responses, words=words),
        candidates=partial(derive_candidates, words=words),
        trace=partial(trace_time_to_event, words=words),
        describe=partial(describe_time_to_event, words=words),
    )


def bind_response(kind: EndpointKind, words: Words, *, rate: bool) -> EndpointKind:
    """A kind of response endpoint that knows these words; `rate`: it has an option `benefit`."""
    return replace(
        kind,
        options_schema=response_schema(words, rate=rate),
        schema_for=partial(response_schema, words, rate=rate),
        derive=partial(derive_response, words=words),
        check=partial(check_response, words=words),
        validate=partial(validate_endpoint, words=words),
        tally=partial(tally_endpoint, words=words),
        conclude=conclude_endpoint,
        needs=partial(needs_of_words, words=words),
        trace=partial(trace_response, words=words),
        describe=partial(describe_response, words=words),
    )

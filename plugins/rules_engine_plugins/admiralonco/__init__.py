"""Compatibility with the R package admiralonco 1.4.0: what it gives from collected responses, row for row.

Two endpoint kinds, parameters of ADRS and parameters of ADTTE; `rulesets/admiralonco` composes the parameters from them.
They are for moving over and comparing, not for new studies: where the package and the specification of the endpoints
differ, these kinds follow the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rules_engine.endpoints.composition import origin_options
from rules_engine.endpoints.needs import needs_of_origins
from rules_engine.hookspecs import hookimpl
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import EndpointKind, JsonSchema, Need, Words, unbound

from rules_engine_plugins.admiralonco.checks import check_parameter, check_time
from rules_engine_plugins.admiralonco.findings import validate_parameter, validate_time
from rules_engine_plugins.admiralonco.options import BLOCK, RESPONSE_SCHEMA, TIME_SCHEMA
from rules_engine_plugins.admiralonco.parameters import derive_parameter
from rules_engine_plugins.admiralonco.telling import tell
from rules_engine_plugins.admiralonco.times import derive_time

_REFERENCE = "R packages admiralonco 1.4.0 and admiral 1.5.0 (Apache-2.0), behaviour as observed"


def _schema(own: JsonSchema, words: Words) -> JsonSchema:
    return {**own, "properties": {**own["properties"], **origin_options(words)}}


def _needs(endpoint: EndpointDefinition, *, words: Words) -> list[Need]:
    options, rules = endpoint.options, endpoint.options[BLOCK]
    needs = needs_of_origins([options["origin"]], options, words)
    if "death" in options.get("events", ()) or options.get("parameter") == "death":
        needs.append(Need("subjects", "death_date", "deaths"))
    if "last_known_alive" in options.get("censoring", ()):
        needs.append(Need("subjects", "last_contact_date", "the day last known alive"))
    if rules["assessments_from_new_therapy"] == "dropped":
        needs.append(Need("treatments", "", f"{BLOCK}.assessments_from_new_therapy: dropped"))
    if options.get("therapies") == "per_options" and rules["new_therapy"] != "ignored":
        needs.append(Need("treatments", "", f"{BLOCK}.new_therapy: {rules['new_therapy']}"))
    return needs


def _reads_responses(endpoint: EndpointDefinition) -> bool:
    options = endpoint.options
    return (
        options["start"] != "origin" or "progression" in options["events"] or "last_assessment" in options["censoring"]
    )


def _bind_parameter(kind: EndpointKind, words: Words) -> EndpointKind:
    return replace(
        kind,
        options_schema=_schema(RESPONSE_SCHEMA, words),
        derive=partial(derive_parameter, words=words),
        validate=partial(validate_parameter, words=words),
        tell=partial(tell, words=words),
        needs=partial(_needs, words=words),
    )


def _bind_time(kind: EndpointKind, words: Words) -> EndpointKind:
    return replace(
        kind,
        options_schema=_schema(TIME_SCHEMA, words),
        derive=partial(derive_time, words=words),
        validate=partial(validate_time, words=words),
        tell=partial(tell, words=words),
        needs=partial(_needs, words=words),
    )


RESPONSE = EndpointKind(
    id="admiralonco_response",
    version="1",
    title="Compatibility mode: a parameter of ADRS as admiralonco 1.4.0 derives it from collected responses",
    reference=_REFERENCE,
    shape="response",
    options_schema=RESPONSE_SCHEMA,
    derive=unbound,
    check=check_parameter,
    bind=_bind_parameter,
)
TIME_TO_EVENT = EndpointKind(
    id="admiralonco_time_to_event",
    version="1",
    title="Compatibility mode: a parameter of ADTTE as admiralonco 1.4.0 derives it from collected responses",
    reference=_REFERENCE,
    shape="time_to_event",
    options_schema=TIME_SCHEMA,
    derive=unbound,
    check=check_time,
    reads_responses=_reads_responses,
    bind=_bind_time,
)


@hookimpl
def rules_engine_endpoint_kinds() -> Sequence[EndpointKind]:
    """Offer the kinds of the compatibility mode."""
    return [RESPONSE, TIME_TO_EVENT]

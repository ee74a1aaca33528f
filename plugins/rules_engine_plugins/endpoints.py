"""The built-in endpoint kinds: time to an event, best overall response, and rates of responders.

The endpoints themselves (OS, PFS, TTP, DOR …) are data: `rulesets/common` composes them from these kinds and from the
words of `events`, `censoring` and `origins`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rules_engine.endpoints import bind_response, bind_time_to_event
from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import EndpointKind, unbound

TIME_TO_EVENT = EndpointKind(
    id="time_to_event",
    version="1",
    title="Time from a start to the earliest of named events, or to censoring",
    reference="FDA 2007, Clinical Trial Endpoints, Appendices 2 and 3; EMA/CHMP/27994/2008 Rev. 1; Seymour 2017",
    shape="time_to_event",
    options_schema={},
    derive=unbound,
    bind=bind_time_to_event,
)
RESPONSE_RATE = EndpointKind(
    id="response_rate",
    version="1",
    title="Whether a subject is a responder, by best overall response or at a landmark",
    reference="Eisenhauer 2009, section 4.6; Seymour 2017, Table 3",
    shape="response",
    options_schema={},
    derive=unbound,
    bind=partial(bind_response, rate=True),
)
BEST_OVERALL_RESPONSE = EndpointKind(
    id="best_overall_response",
    version="1",
    title="Best overall response, confirmed or not, or the response at a landmark",
    reference="Eisenhauer 2009, section 4.6; Seymour 2017, Table 3",
    shape="response",
    options_schema={},
    derive=unbound,
    bind=partial(bind_response, rate=False),
)


@hookimpl
def rules_engine_endpoint_kinds() -> Sequence[EndpointKind]:
    """Offer the built-in endpoint kinds."""
    return [TIME_TO_EVENT, RESPONSE_RATE, BEST_OVERALL_RESPONSE]

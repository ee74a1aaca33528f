"""The toolbox of endpoints: from a subject's records to time-to-event and response endpoints, step by step.

`derive_time_to_event` and `derive_response` are the two derivations; the modules hold one step each. What words are
made of stands in `events`, `censoring_facts`, `censoring_dates` and `origin`; `bind_time_to_event` and `bind_response`
give a kind of endpoint the words that plugins offer.
"""

from rules_engine.endpoints.binding import bind_response, bind_time_to_event
from rules_engine.endpoints.mappings import records_from_mappings
from rules_engine.endpoints.options import merge_options
from rules_engine.endpoints.response import derive_response
from rules_engine.endpoints.time_to_event import derive_time_to_event

__all__ = [
    "bind_response",
    "bind_time_to_event",
    "derive_response",
    "derive_time_to_event",
    "merge_options",
    "records_from_mappings",
]

"""The toolbox of endpoints: from a subject's records to time-to-event and response endpoints, step by step.

`derive_time_to_event` and `derive_response` are the two derivations; the modules hold one step each.
"""

from rules_engine.endpoints.mappings import records_from_mappings
from rules_engine.endpoints.options import (
    BEST_RESPONSE_SCHEMA,
    RESPONSE_RATE_SCHEMA,
    TIME_TO_EVENT_SCHEMA,
    merge_options,
)
from rules_engine.endpoints.response import derive_response
from rules_engine.endpoints.time_to_event import derive_time_to_event

__all__ = [
    "BEST_RESPONSE_SCHEMA",
    "RESPONSE_RATE_SCHEMA",
    "TIME_TO_EVENT_SCHEMA",
    "derive_response",
    "derive_time_to_event",
    "merge_options",
    "records_from_mappings",
]

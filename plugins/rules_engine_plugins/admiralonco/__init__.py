"""Compatibility with the R package admiralonco 1.4.0: what it gives from collected responses, row for row.

Two endpoint kinds, parameters of ADRS and parameters of ADTTE; `rulesets/admiralonco` composes the parameters from them.
They are for moving over and comparing, not for new studies: where the package and the specification of the endpoints
differ, these kinds follow the package.
"""

from __future__ import annotations

from collections.abc import Sequence

from rules_engine.hookspecs import hookimpl
from rules_engine.vocabulary import EndpointKind

from rules_engine_plugins.admiralonco.checks import check_parameter, check_time
from rules_engine_plugins.admiralonco.findings import validate_parameter, validate_time
from rules_engine_plugins.admiralonco.options import RESPONSE_SCHEMA, TIME_SCHEMA
from rules_engine_plugins.admiralonco.parameters import derive_parameter
from rules_engine_plugins.admiralonco.times import derive_time

_REFERENCE = "R packages admiralonco 1.4.0 and admiral 1.5.0 (Apache-2.0), behaviour as observed"

RESPONSE = EndpointKind(
    id="admiralonco_response",
    version="1",
    title="Compatibility mode: a parameter of ADRS as admiralonco 1.4.0 derives it from collected responses",
    reference=_REFERENCE,
    shape="response",
    options_schema=RESPONSE_SCHEMA,
    derive=derive_parameter,
    check=check_parameter,
    validate=validate_parameter,
)
TIME_TO_EVENT = EndpointKind(
    id="admiralonco_time_to_event",
    version="1",
    title="Compatibility mode: a parameter of ADTTE as admiralonco 1.4.0 derives it from collected responses",
    reference=_REFERENCE,
    shape="time_to_event",
    options_schema=TIME_SCHEMA,
    derive=derive_time,
    check=check_time,
    validate=validate_time,
)


@hookimpl
def rules_engine_endpoint_kinds() -> Sequence[EndpointKind]:
    """Offer the kinds of the compatibility mode."""
    return [RESPONSE, TIME_TO_EVENT]

"""The built-in time origins: days that the study records, and the first and last start of a combination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rules_engine.endpoints import origin
from rules_engine.endpoints.checks import NO_COMPONENTS
from rules_engine.hookspecs import hookimpl
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import ConfigurationError, Need, Origin, SubjectRecords

_REFERENCE = "FDA 2007, Clinical Trial Endpoints; EMA/CHMP/27994/2008 Rev. 1"


def _recorded(identity: str, title: str, table: str, column: str = "") -> Origin:
    def derive(records: SubjectRecords, _options: Mapping[str, Any]) -> pl.LazyFrame:
        return origin.recorded_origin(records, identity)

    return Origin(
        id=identity,
        version="1",
        title=title,
        reference=_REFERENCE,
        derive=derive,
        reads=[],
        needs=[Need(table, column)],
    )


RECORDED = [
    _recorded("randomisation", "day of randomisation", "subjects", "randomisation_date"),
    _recorded("enrolment", "day of enrolment or registration", "subjects", "enrolment_date"),
    _recorded("first_tace", "first TACE session", "treatments"),
    _recorded("first_ici", "first dose of the immune checkpoint inhibitor", "treatments"),
    _recorded("first_other", "first dose of another component of the regimen", "treatments"),
    _recorded("resection", "day of the resection", "treatments"),
]


def _check_components(endpoint: EndpointDefinition) -> Iterator[ConfigurationError]:
    if not endpoint.options["origin_components"]:
        yield NO_COMPONENTS


FIRST_COMPONENT = Origin(
    id="first_component",
    version="1",
    title="earliest start of the components named in `origin_components`",
    reference="protocol of the study; beware of immortal time (CEBP 2022;31:2079)",
    parts=lambda options: options["origin_components"],
    combine=origin.earliest,
    starts_early=True,
    reads=["origin_components"],
    check=lambda endpoint: list(_check_components(endpoint)),
)
LAST_COMPONENT = Origin(
    id="last_component",
    version="1",
    title="latest of these starts; a subject who lacks one has no record",
    reference="CEBP 2022;31:2079 (a remedy of immortal time)",
    parts=lambda options: options["origin_components"],
    combine=origin.latest_of_all,
    reads=["origin_components"],
    check=lambda endpoint: list(_check_components(endpoint)),
)


@hookimpl
def rules_engine_origins() -> Sequence[Origin]:
    """Offer the built-in time origins."""
    return [*RECORDED, FIRST_COMPONENT, LAST_COMPONENT]

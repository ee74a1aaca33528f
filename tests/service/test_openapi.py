"""Whatever is sent, the service answers as its OpenAPI document says, and never with a fault of its own."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("fastapi")
schemathesis = pytest.importorskip("schemathesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rules_engine.service import create_app  # noqa: E402
from schemathesis.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.service.conftest import Client  # noqa: E402

HELD_TO = [
    status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
    negative_data_rejection,
]  # fmt: skip
DOCUMENT = schemathesis.openapi.from_dict(create_app().openapi())
OPERATIONS = {found.ok().label: found.ok() for found in DOCUMENT.get_all_operations()}
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
QUICK = settings(
    max_examples=6, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def answered(case: Any, service: Client) -> None:
    """Send a request, and hold the answer against the document."""
    response = case.call(base_url=service.url, timeout=60)
    assert response.status_code != 500, response.text
    case.validate_response(response, checks=HELD_TO)
    if response.status_code >= 400:
        assert response.headers["content-type"] == ["application/problem+json"]


def requests_of(label: str) -> Any:
    """Requests that fit the document and requests that do not."""
    operation = OPERATIONS[label]
    return st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))


def test_every_operation_is_documented_with_its_refusals() -> None:
    for label, operation in OPERATIONS.items():
        statuses = set(operation.definition.raw["responses"])
        assert {"400", "403", "413", "422"} <= statuses, label
        assert operation.definition.raw["description"], label


@pytest.mark.parametrize("label", OPERATIONS)
def test_any_request_is_answered_as_documented(label: str, service: Client) -> None:
    @QUICK
    @given(requests_of(label))
    def holds(case: Any) -> None:
        answered(case, service)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("label", [label for label in OPERATIONS if "{" in label and "DELETE" not in label])
def test_any_request_about_what_is_there_is_answered_as_documented(
    label: str, service: Client, done: dict[str, Any]
) -> None:
    there = {"run_id": done["id"], "table": "adtte", "study_id": "small", "ruleset_id": "tace_ici_hcc"}

    @settings(QUICK, max_examples=20)
    @given(OPERATIONS[label].as_strategy(generation_mode=MODES[0]))
    def holds(case: Any) -> None:
        for name in case.path_parameters:
            case.path_parameters[name] = there[name]
        if "against" in case.query:
            case.query["against"] = done["id"]
        answered(case, service)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_very_many_requests_are_answered_as_documented(label: str, service: Client) -> None:
    @settings(QUICK, max_examples=400)
    @given(requests_of(label))
    def holds(case: Any) -> None:
        answered(case, service)

    holds()

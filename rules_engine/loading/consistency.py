"""Choices that a protocol states twice: once for the responses, once for the endpoints that read them.

A stream that re-assesses suspected pseudoprogression is dated and closed by the options of its criterion; an endpoint
that reads it decides on the same dates by its own options. Two answers to one question would be silently resolved by
whichever is applied last, so they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules_engine.errors import Problem
from rules_engine.loading.nodes import Node, problem_at
from rules_engine.model import EndpointDefinition
from rules_engine.vocabulary import EndpointKind


@dataclass(frozen=True, slots=True)
class Agreement:
    """One question that is answered twice: an option of the response, one of the endpoint, and the answers that agree.

    It is asked only of endpoints whose `pd_rule` is one of `pd_rules`.
    """

    response_option: str
    endpoint_option: tuple[str, ...]
    agree: Mapping[str, str]
    question: str
    pd_rules: tuple[str, ...]


AGREEMENTS = (
    Agreement(
        "hybrid.progression_date",
        ("irecist", "confirmed_date"),
        {"first_iupd": "first_iupd", "confirmation": "icpd"},
        "the day of a confirmed progression",
        ("first_pd_pseudo_confirm", "irecist"),
    ),
    Agreement(
        "hybrid.unconfirmed_last",
        ("irecist", "unconfirmed"),
        {"event": "event", "censor": "censor"},
        "a suspected progression that was never re-assessed",
        ("first_pd_pseudo_confirm", "irecist"),
    ),
    Agreement(
        "irecist.pending_at_end",
        ("irecist", "unconfirmed"),
        {"event": "event", "censor": "censor"},
        "an unconfirmed progression at the end of the data",
        ("irecist",),
    ),
    Agreement(
        "hybrid.progression_date",
        ("pd_rule",),
        {"first_mrecist_pd": "first_pd"},
        "whether the first progression counts although it was suspected to be pseudoprogression",
        ("first_pd_pseudo_confirm", "irecist"),
    ),
)


def reads_responses(kind: EndpointKind, endpoint: EndpointDefinition) -> bool:
    """True where an endpoint without a stream of responses would silently find nothing."""
    return kind.shape == "response" if kind.reads_responses is None else kind.reads_responses(endpoint)


def contradictions(
    endpoints: Mapping[str, EndpointDefinition],
    endpoint_options: Mapping[str, Node],
    response_options: Mapping[str, Node],
) -> list[Problem]:
    """Where an endpoint and the response it reads answer one question differently."""
    problems: list[Problem] = []
    for name, endpoint in endpoints.items():
        stream = response_options.get(endpoint.response or "")
        if stream is None or "progression" not in _listed(endpoint.options.get("events", ["progression"])):
            continue
        for agreement in AGREEMENTS:
            problem = _contradiction(name, endpoint, endpoint_options[name], stream, agreement)
            if problem is not None:
                problems.append(problem)
    return problems


def _contradiction(
    name: str, endpoint: EndpointDefinition, options: Node, stream: Node, agreement: Agreement
) -> Problem | None:
    answered = stream.child(agreement.response_option)
    stated = options.at(*agreement.endpoint_option)
    if answered is None or stated is None or endpoint.options.get("pd_rule") not in agreement.pd_rules:
        return None
    wanted = agreement.agree.get(str(answered.value))
    if wanted is None or stated.value == wanted:
        return None
    key = ".".join(agreement.endpoint_option)
    place = stated if stated.line else answered
    where = "" if not answered.line else f" ({answered.file}:{answered.line})"
    return problem_at(
        place,
        f"{name} and the response {endpoint.response!r} that it reads disagree on {agreement.question}: "
        f"{key} is {stated.value!r}, {agreement.response_option}{where} is {answered.value!r}",
        f"with {agreement.response_option}: {answered.value}, state {key}: {wanted}; or change the response",
        path=("endpoints", name, "options", *agreement.endpoint_option),
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []

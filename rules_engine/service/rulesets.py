"""Operations on rulesets: the installed ones, and texts that are handed in; nothing of these is kept."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

import rules_engine
from rules_engine.service.models import (
    CheckOut,
    CompareIn,
    CompareOut,
    CompleteIn,
    CompleteOut,
    DescribeIn,
    DescribeOut,
    HealthOut,
    RulesetIn,
    ShippedOut,
    ShippedTextOut,
)
from rules_engine.service.problems import responses
from rules_engine.service.state import State, state_of
from rules_engine.service.store import not_found

routes = APIRouter(tags=["rulesets"])
Service = Annotated[State, Depends(state_of)]
WAITED_FOR = responses(503, 504)


@routes.get("/health", responses=responses())
def health() -> HealthOut:
    """Say that the service answers, and which version it is."""
    return HealthOut(version=rules_engine.__version__)


@routes.get("/rulesets", responses=WAITED_FOR)
def list_rulesets(service: Service) -> list[ShippedOut]:
    """List the installed rulesets: those that a ruleset may extend or name, and a run may be asked for."""
    return [ShippedOut(**{key: one[key] for key in ("id", "kind", "title")}) for one in service.ask_once("rulesets")]


@routes.get("/rulesets/{ruleset_id}", responses=responses(404, 503, 504))
def read_ruleset(ruleset_id: Annotated[str, Path(max_length=64)], service: Service) -> ShippedTextOut:
    """Give the text of an installed ruleset."""
    for one in service.ask_once("rulesets"):
        if one["id"] == ruleset_id:
            return ShippedTextOut(**one)
    raise not_found("ruleset", ruleset_id)


@routes.get("/schema", responses=WAITED_FOR)
def read_schema(service: Service) -> dict[str, Any]:
    """Give the JSON Schema of rulesets, with the options of every installed plugin."""
    found: dict[str, Any] = service.ask_once("schema")
    return found


@routes.post("/check", responses=WAITED_FOR)
def check(ruleset: RulesetIn, service: Service) -> CheckOut:
    """Check a ruleset: every problem with line and column, and what it defines where it is right."""
    return CheckOut(**service.ask("check", ruleset=ruleset.model_dump()))


@routes.post("/complete", responses=WAITED_FOR)
def complete(asked: CompleteIn, service: Service) -> CompleteOut:
    """Say what may stand at a place of a ruleset's text, whether or not the text is right."""
    return CompleteOut(**service.ask("complete", **asked.model_dump()))


@routes.post("/describe", responses=WAITED_FOR)
def describe(asked: DescribeIn, service: Service) -> DescribeOut:
    """Tell a ruleset in plain English, as an analysis plan would."""
    text = service.ask("describe", ruleset=asked.ruleset.model_dump(), form=asked.format)
    return DescribeOut(format=asked.format, text=text)


@routes.post("/compare", responses=WAITED_FOR)
def compare(asked: CompareIn, service: Service) -> CompareOut:
    """Compare what two rulesets mean, without data."""
    rules = service.ask("compare", before=asked.before.model_dump(), after=asked.after.model_dump())
    return CompareOut(rules=rules)

"""Endpoint cases: one subject's records and options, with the endpoint record that they must give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from rules_engine import endpoints
from rules_engine.casebook.batches import CaseError, collected, run_in_batches
from rules_engine.casebook.outcomes import Case, Outcome, compare
from rules_engine.loading import load_ruleset
from rules_engine.records import in_memory
from rules_engine.registry import Registry

_MONTHS_TOLERANCE = 1e-6


def run_endpoint_cases(cases: Sequence[Case], registry: Registry) -> list[Outcome]:
    """Run endpoint cases; those that share endpoint, rules, cut-off and schedule go through the engine together."""

    def shared(case: Case) -> Any:
        return [case.stated.get(key) for key in ("endpoint", "ruleset", "cut_off", "schedule")]

    return run_in_batches(cases, shared, lambda batch: _run_together(batch, registry))


def _run_together(batch: Sequence[Case], registry: Registry) -> list[Outcome]:
    first = batch[0].stated
    paramcd = str(first["endpoint"])
    ruleset = load_ruleset(protocol_of(first), registry=registry)
    endpoint = ruleset.endpoints[paramcd]
    kind = registry.endpoint_kinds.require(endpoint.kind)
    subjects = [{**case.stated["subject"], "subject": f"{number:06d}"} for number, case in enumerate(batch)]
    records = replace(endpoints.records_from_mappings(subjects), hold=in_memory)
    rows = collected(kind.derive(records, endpoint, _day(first["cut_off"])))
    by_subject = {row["subject"]: row for row in rows.iter_rows(named=True)}
    outcomes = []
    for subject, case in zip(subjects, batch, strict=True):
        actual = record_values(by_subject.get(str(subject["subject"])))
        outcomes.append(case.outcome(_compare(dict(case.stated["expected"]), actual)))
    return outcomes


def protocol_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest protocol that derives the case's endpoint: its preset, its options, one collected stream."""
    stated = case.get("ruleset") or {}
    paramcd = str(case["endpoint"])
    protocol: dict[str, Any] = {
        "rules_engine": 1,
        "id": "worked_case",
        "kind": "protocol",
        "title": f"Worked case {case.get('id')}",
        "extends": [str(stated.get("preset", "common"))],
        "responses": {"collected": {"collected_as": "any"}},
        "endpoints": {
            paramcd: {"like": paramcd, "response": "collected", "options": dict(stated.get("options") or {})}
        },
    }
    if case.get("schedule") is not None:
        protocol["schedule"] = case["schedule"]
    return protocol


def record_values(row: Mapping[str, Any] | None) -> dict[str, Any]:
    """A derived row in the words of a case."""
    if row is None:
        return {"record": False}
    if "event" not in row:
        return {
            "record": True,
            "value": row["value"].replace("-", "_").replace("/", "_") if row["value"] else None,
            "responder": row["responder"],
            "date": row["date"],
            "source": row["source_id"],
            "rule": row["rule_id"],
        }
    return {
        "record": True,
        "event": row["event"],
        "cnsr": row["cnsr"],
        "date": row["date"],
        "start": row["start_date"],
        "days": row["days"],
        "months": row["months"],
        "reason": row["reason"],
        "source": row["source_id"],
        "event_type": row["event_type"],
        "adtf": row["date_imputation"],
        "entry_days": row["entry_days"],
        "interval": [row["interval_left"], row["interval_right"]],
        "rule": row["rule_id"],
    }


def _compare(expected: dict[str, Any], actual: Mapping[str, Any]) -> list[str]:
    if not actual["record"] and expected.get("record", True):
        return ["record: expected true, actual false (the subject has no row for this endpoint)"]
    if expected.get("record") is False:
        return compare("", {"record": False}, actual)
    lines: list[str] = []
    months = expected.pop("months", None)
    if months is not None and not abs(float(months) - float(actual["months"])) <= _MONTHS_TOLERANCE:
        lines.append(f"months: expected {months}, actual {actual['months']}")
    if "value" in expected and expected["value"] is not None:
        expected["value"] = str(expected["value"]).replace("-", "_").replace("/", "_")
    return lines + compare("", expected, actual)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CaseError(f"cut_off: {value} is no calendar day") from None

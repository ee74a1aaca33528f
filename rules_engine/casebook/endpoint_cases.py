"""Endpoint cases: one subject's records and options, with the endpoint record that they must give."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from rules_engine import endpoints
from rules_engine.casebook.criterion_cases import CaseError
from rules_engine.casebook.outcomes import Outcome, compare
from rules_engine.errors import RulesEngineError
from rules_engine.loading import load_ruleset
from rules_engine.registry import Registry

_MONTHS_TOLERANCE = 1e-6


def run_endpoint_cases(cases: Sequence[tuple[str, Mapping[str, Any]]], registry: Registry) -> list[Outcome]:
    """Run (file, case) pairs; cases that share endpoint, options, cut-off and schedule go through the engine together."""
    outcomes: dict[int, Outcome] = {}
    groups: dict[str, list[int]] = defaultdict(list)
    for number, (_file, case) in enumerate(cases):
        shared = {key: case.get(key) for key in ("endpoint", "ruleset", "cut_off", "schedule")}
        groups[json.dumps(shared, sort_keys=True, default=str)].append(number)
    for members in groups.values():
        together = [cases[number] for number in members]
        try:
            found = _run_together(together, registry)
        except (RulesEngineError, CaseError, pl.exceptions.PolarsError) as error:
            found = [_failed(*together[0], error)] if len(together) == 1 else [_run_alone(pair, registry) for pair in together]
        outcomes.update(zip(members, found, strict=True))
    return [outcomes[number] for number in range(len(cases))]


def _run_alone(pair: tuple[str, Mapping[str, Any]], registry: Registry) -> Outcome:
    try:
        return _run_together([pair], registry)[0]
    except (RulesEngineError, CaseError, pl.exceptions.PolarsError) as error:
        return _failed(*pair, error)


def _failed(file: str, case: Mapping[str, Any], error: Exception) -> Outcome:
    return Outcome(str(case.get("id")), str(case.get("title", "")), file, (f"{type(error).__name__}: {error}",))


def _run_together(pairs: Sequence[tuple[str, Mapping[str, Any]]], registry: Registry) -> list[Outcome]:
    first = pairs[0][1]
    paramcd = str(first["endpoint"])
    ruleset = load_ruleset(protocol_of(first), registry=registry)
    endpoint = ruleset.endpoints[paramcd]
    kind = registry.endpoint_kinds.require(endpoint.kind)
    subjects = [{**case["subject"], "subject": f"{number:06d}"} for number, (_file, case) in enumerate(pairs)]
    records = endpoints.records_from_mappings(subjects)
    rows = kind.derive(records, endpoint, _day(first["cut_off"])).collect()
    by_subject = {row["subject"]: row for row in rows.iter_rows(named=True)}
    outcomes = []
    for subject, (file, case) in zip(subjects, pairs, strict=True):
        actual = record_values(by_subject.get(str(subject["subject"])))
        mismatches = _compare(dict(case["expected"]), actual)
        outcomes.append(Outcome(str(case["id"]), str(case.get("title", "")), file, tuple(mismatches)))
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
        "endpoints": {paramcd: {"like": paramcd, "response": "collected", "options": dict(stated.get("options") or {})}},
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
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise CaseError(f"cut_off {value!r} is no calendar day") from None

"""The effective ruleset as YAML: every value that is in force, and beside it where it was stated."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules_engine.loading.nodes import path_text
from rules_engine.loading.scalars import is_text_unquoted
from rules_engine.model import EndpointDefinition, ResponseDefinition, Ruleset, Schedule

_PLAIN = re.compile(r"[A-Za-z0-9_<>≥≤µ.(/+-][^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
#: Column at which the places stand, where the values leave room.
_COMMENT_COLUMN = 72

Path = tuple[str | int, ...]


def effective(ruleset: Ruleset) -> str:
    """The ruleset after `extends`, `like` and defaults, as a ruleset that can be loaded; comments name the places.

    A comment `default` marks a value that no file states: it comes from the schema of the plugin.
    """
    document = _protocol(ruleset) if ruleset.kind == "protocol" else dict(ruleset.document)
    return "\n".join(_lines(document, ruleset, (), 0)) + "\n"


def _protocol(ruleset: Ruleset) -> dict[str, Any]:
    """The document with every response and endpoint complete; what they were built from is left out."""
    document: dict[str, Any] = {}
    for key, value in ruleset.document.items():
        if key in ("options", "definitions", "schedule"):
            continue
        document[key] = value
    if ruleset.responses:
        document["responses"] = {name: _response(item) for name, item in ruleset.responses.items()}
    if ruleset.endpoints:
        document["endpoints"] = {name: _endpoint(item, ruleset) for name, item in ruleset.endpoints.items()}
    for section, graded in (("adverse_events", ruleset.adverse_events), ("labs", ruleset.labs)):
        if graded is not None:
            stated = _stated(graded.options, (section, "options"), ruleset)
            document[section] = {**document[section], "options": stated}
    return document


def _response(response: ResponseDefinition) -> dict[str, Any]:
    stated: dict[str, Any] = {}
    if response.rules is not None:
        stated["criterion"] = response.rules.ruleset
    if response.collected_as is not None:
        stated["collected_as"] = response.collected_as
    for key in ("assessor", "reader"):
        if getattr(response, key) is not None:
            stated[key] = getattr(response, key)
    if response.rules is not None:
        stated["options"] = dict(response.rules.options)
    return stated


def _endpoint(endpoint: EndpointDefinition, ruleset: Ruleset) -> dict[str, Any]:
    stated: dict[str, Any] = {"kind": endpoint.kind, "label": endpoint.label, "response": endpoint.response}
    if endpoint.schedule is not None:
        stated["schedule"] = _schedule(endpoint.schedule)
    stated["options"] = _stated(endpoint.options, ("endpoints", endpoint.paramcd, "options"), ruleset)
    return stated


def _stated(options: Mapping[str, Any], path: Path, ruleset: Ruleset) -> dict[str, Any]:
    """The options without those that are neither stated nor have a default."""
    kept: dict[str, Any] = {}
    for key, value in options.items():
        below = (*path, key)
        if isinstance(value, Mapping):
            kept[key] = _stated(value, below, ruleset)
        elif value is not None or path_text(below) in ruleset.positions:
            kept[key] = value
    return kept


def _schedule(schedule: Schedule) -> dict[str, Any]:
    segments = [
        {"every": segment.every} | ({"until": segment.until} if segment.until is not None else {})
        for segment in schedule.segments
    ]
    stated: dict[str, Any] = {"segments": segments, "early": schedule.early, "late": schedule.late}
    if schedule.anchor is not None:
        stated["anchor"] = schedule.anchor
    return stated


def _lines(value: Mapping[str, Any], ruleset: Ruleset, path: Path, depth: int) -> Iterator[str]:
    for key, item in value.items():
        below = (*path, key)
        head = f"{'  ' * depth}{scalar(key)}:"
        if isinstance(item, Mapping) and item:
            yield head
            yield from _lines(item, ruleset, below, depth + 1)
        else:
            yield _with_place(f"{head} {flow(item)}", ruleset, below)


def _with_place(line: str, ruleset: Ruleset, path: Path) -> str:
    position = ruleset.positions.get(path_text(path))
    if position is not None:
        place = position.line_text
    elif "options" in path[:3]:
        place = "default"
    else:
        return line
    return f"{line:<{_COMMENT_COLUMN}}  # {place}"


def flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar of YAML that reads back as the same value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        special = set(value) & set(",[]{}\"'`|\\&*!%@") or ": " in value or " #" in value or value.endswith((":", " "))
        if not special and value != "-" and _PLAIN.fullmatch(value) and is_text_unquoted(value):
            return value
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value)

"""Change of the sum of diameters from baseline: what waterfall and spider are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from rules_engine.descriptives.sums import changes
from rules_engine.report.view import ReportView


def streams_by_sums(view: ReportView) -> list[tuple[list[str], pl.DataFrame]]:
    """The changes of each derived stream; streams with the same sums stand together under their names."""
    shared: list[tuple[list[str], pl.DataFrame]] = []
    for name, timepoints in view.timepoints.items():
        found = changes(timepoints)
        if found.is_empty():
            continue
        alike = next((names for names, seen in shared if seen.equals(found)), None)
        if alike is None:
            shared.append(([name], found))
        else:
            alike.append(name)
    return shared


def limits_of(view: ReportView, name: str) -> list[float]:
    """The shares at which the stream's criterion calls a partial response and, over the nadir, progression."""
    definition = view.ruleset.responses.get(name)
    options = definition.rules.options if definition is not None and definition.rules is not None else {}
    stated = [(options.get("pr.pct"), -1), (options.get("pd.pct"), 1)]
    return [
        sign * value / 100 for value, sign in stated if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def best_responses(view: ReportView, names: Sequence[str]) -> tuple[str, pl.DataFrame] | None:
    """The first endpoint that gives each subject a best response by one of the streams: its PARAMCD, and `subject`, `value`.

    An endpoint whose values are single responses of a landmark is none. None where the ruleset has no such endpoint.
    """
    for paramcd, rows in view.responses.items():
        endpoint = view.ruleset.endpoints[paramcd]
        if (
            endpoint.kind == "best_overall_response"
            and endpoint.response in names
            and not _has_landmark(endpoint.options)
        ):
            return paramcd, rows.select("subject", "value")
    return None


def _has_landmark(options: Mapping[str, Any]) -> bool:
    return bool((options.get("response") or {}).get("landmark"))

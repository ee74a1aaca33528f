"""The comparison of two runs as one object: text, page and data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from rules_engine.diff.causes import CAUSE_SCHEMA, find_causes
from rules_engine.diff.curves import curve_figures
from rules_engine.diff.estimates import compare_estimates
from rules_engine.diff.page import comparison_page
from rules_engine.diff.records import compare_records
from rules_engine.diff.rules import RuleDifference, compare_rules, with_sentences, written
from rules_engine.diff.side import Side
from rules_engine.errors import UsageError, closest
from rules_engine.pages import notebook, render_html, render_markdown


@dataclass(frozen=True)
class Comparison:
    """What differs between a run (before) and another (after). `str()` gives Markdown, `html()` one page with the curves of both.

    `rules` are the effective values that differ; `records` has one row per subject and endpoint whose record differs
    (`diff.RECORD_SCHEMA`, with `by`, the rules that change it, and `how` these were found); `estimates` one row per number of
    the analysis results that differs.
    """

    before: Side
    after: Side
    rules: Sequence[RuleDifference]
    records: pl.DataFrame
    estimates: pl.DataFrame

    @property
    def results_differ(self) -> bool:
        """Whether any record or estimate differs."""
        return self.records.height > 0 or self.estimates.height > 0

    def __str__(self) -> str:
        return render_markdown(
            comparison_page(self.before, self.after, self.rules, self.records, self.estimates, [], in_full=False)
        )

    def _repr_html_(self) -> str:
        """The comparison in a notebook: rules that differ, records that change and by which rules."""
        title = f"{self.before.ruleset.id} and {self.after.ruleset.id} compared"
        rules = [(rule.name, written(rule.before), written(rule.after)) for rule in self.rules]
        changed = self.records.group_by("paramcd", "by", maintain_order=True).len().rows()
        return notebook.card(
            title,
            notebook.facts([("records that differ", self.records.height), ("estimates", self.estimates.height)]),
            notebook.table(["Rule", "Before", "After"], rules),
            notebook.table(["Endpoint", "Changed by", "Records"], changed),
        )

    def html(self) -> str:
        """The comparison as one self-contained HTML page. Raises `UsageError` where jinja2 is not installed."""
        figures = curve_figures(self.before, self.after, self.records)
        return render_html(
            comparison_page(self.before, self.after, self.rules, self.records, self.estimates, figures, in_full=True)
        )

    def as_dict(self) -> dict[str, Any]:
        """The comparison as plain data; dates are ISO text."""
        return {
            "before": {"ruleset": self.before.ruleset.id, "data_cutoff": self.before.cutoff.isoformat()},
            "after": {"ruleset": self.after.ruleset.id, "data_cutoff": self.after.cutoff.isoformat()},
            "results_differ": self.results_differ,
            "rules": [rule.as_dict() for rule in self.rules],
            "records": _plain(self.records),
            "estimates": _plain(self.estimates),
        }


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def compare_runs(before: Side, after: Side, *, endpoints: Sequence[str] = ()) -> Comparison:
    """Compare two runs on the same study; `endpoints` limits records and estimates to these PARAMCD.

    Raises `UsageError` for an endpoint that neither run has.
    """
    known = list(dict.fromkeys([*before.ruleset.endpoints, *after.ruleset.endpoints]))
    for name in endpoints:
        if name not in known:
            raise UsageError.at(
                f"endpoint {name!r}",
                f"the rulesets define {', '.join(known)}",
                "name one of these",
                meant=closest(name, known),
            )
    rules = compare_rules(before.ruleset, after.ruleset)
    records = compare_records(before.derived, after.derived)
    estimates = compare_estimates(before.ard, after.ard)
    if endpoints:
        records = records.filter(pl.col("paramcd").is_in(list(endpoints)))
        estimates = estimates.filter(pl.col("paramcd").is_in(list(endpoints)))
    causes = find_causes(before, after, records, rules)
    rules = with_sentences(rules, before.ruleset, after.ruleset, before.registry)
    caused = records.join(causes, on=["paramcd", "subject"], how="left", maintain_order="left")
    return Comparison(before, after, rules, caused.select(*records.columns, *list(CAUSE_SCHEMA)[2:]), estimates)

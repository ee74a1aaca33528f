"""Groups of events that a protocol defines, such as immune-related ones: as the study records them, or by rule.

The two are never mixed: what the study says stands in `groups_recorded`; only where it says nothing, the rule is asked
and its answer stands in `groups_derived`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

import polars as pl

from rules_engine import dates
from rules_engine.grading.causality import has_component, is_listed
from rules_engine.grading.event_rules import EventGroup


def derive_groups(events: pl.DataFrame, groups: Sequence[EventGroup]) -> pl.DataFrame:
    """Add `groups_recorded` and `groups_derived`: names of groups joined by `;`, null where there is none.

    Needs `ctcae_term`, `is_other_specify`, `term_specification`, `related_components`, `is_related`, `treated_with`,
    `treated_from`, `astdt` and the columns in which groups are recorded.
    """
    recorded: list[pl.Expr] = []
    derived: list[pl.Expr] = []
    for group in groups:
        by_study = pl.col(group.recorded_in) if group.recorded_in is not None else pl.lit(None, pl.Boolean)
        by_rule = _meets(group) & by_study.is_null()
        recorded.append(pl.when(by_study).then(pl.lit(group.name)))
        derived.append(pl.when(by_rule).then(pl.lit(group.name)))
    return events.with_columns(groups_recorded=_joined(recorded), groups_derived=_joined(derived))


def _joined(names: list[pl.Expr]) -> pl.Expr:
    if not names:
        return pl.lit(None, pl.String)
    return pl.concat_str(names, separator=";", ignore_nulls=True).replace("", None)


def _meets(group: EventGroup) -> pl.Expr:
    """The event has a term of the group, the causality and a treatment that the rule asks for. Never null."""
    parts = [pl.col("ctcae_term").is_in(list(group.terms))]
    if group.specified:
        named = pl.col("term_specification").str.contains_any(list(group.specified), ascii_case_insensitive=True)
        parts.append(~pl.col("is_other_specify") | named.fill_null(value=False))
    if group.related_to == "any":
        parts.append(pl.col("is_related"))
    elif group.related_to is not None:
        parts.append(has_component("related_components", group.related_to, missing=True))
    if group.treated_with:
        parts.append(_is_treated(group))
    return reduce(and_, [part.fill_null(value=False) for part in parts])


def _is_treated(group: EventGroup) -> pl.Expr:
    """One of the treatments was given, and may have begun in time; without a day it counts as begun in time."""
    given = pl.col("treated_with").str.to_lowercase().str.split(";").list.eval(pl.element().str.strip_chars())
    wanted = given.list.set_intersection(pl.lit(list(group.treated_with))).list.len() > 0
    if group.treated_within_days is None:
        return wanted
    first, last = dates.first_possible_day(pl.col("treated_from")), dates.last_possible_day(pl.col("treated_from"))
    onset = pl.col("astdt")
    in_time = (first <= onset + pl.duration(days=group.treated_within_days)) & (last >= onset)
    return wanted & in_time.fill_null(value=True)


def in_group(name: str) -> pl.Expr:
    """The event is in the group, as recorded or by rule. Never null."""
    of = [is_listed(pl.col(column), name) for column in ("groups_recorded", "groups_derived")]
    return pl.any_horizontal(one.fill_null(value=False) for one in of)

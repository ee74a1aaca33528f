"""What a study writes about cause and consequence of an event: related to which component, which component was stopped.

The few different texts are read one by one; the records then look theirs up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from rules_engine.grading.rules import EventWords, GradingRules

#: A causality or action that is stated without a component.
UNSPECIFIED: Final = "unspecified"
NONE: Final = "none"

_ACTIONS: Final = ("withdrawn", "interrupted", "reduced")


def derive_causality(events: pl.DataFrame, rules: GradingRules) -> pl.DataFrame:
    """Add `related_components`, `is_related`, and for each action the components that it was taken with.

    `related_components` is `ici;tace` (sorted), `unspecified`, `none`, or null where no causality is recorded; `is_related`
    counts a missing causality as related (conservative; CONSORT Harms 2022 asks that it be said). `withdrawn`,
    `interrupted` and `reduced` are components joined by `;` or `unspecified`, null where the action was not taken.
    """
    words = rules.event_words
    causes = _lookup(events["related_to"], lambda text: {"related_components": read_causality(text, words)})
    actions = _lookup(events["action_taken"], lambda text: read_actions(text, words))
    return (
        events.join(causes, left_on="related_to", right_on="text", how="left", nulls_equal=False, maintain_order="left")
        .join(actions, left_on="action_taken", right_on="text", how="left", nulls_equal=False, maintain_order="left")
        .with_columns(is_related=pl.col("related_components").ne_missing(NONE))
    )


def _lookup(texts: pl.Series, read: Callable[[str], Mapping[str, str | None]]) -> pl.DataFrame:
    """One row per different text: `text` and what `read` makes of it."""
    distinct = texts.drop_nulls().unique().sort().to_list()
    rows = [{"text": text, **read(text)} for text in distinct]
    names = ["text", *read("")]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))


def read_causality(text: str, words: EventWords) -> str | None:
    """`tace; ICI` → `ici;tace`; a word for "related" → `unspecified`; a word for "not related" → `none`; empty → None."""
    parts = {part.strip().lower() for part in re.split(r"[;,]", text)} - {""}
    components = sorted(parts - words.related - words.not_related)
    if components:
        return ";".join(components)
    if parts & words.related:
        return UNSPECIFIED
    return NONE if parts else None


def read_actions(text: str, words: EventWords) -> dict[str, str | None]:
    """`ici: DRUG WITHDRAWN; tace: DOSE NOT CHANGED` → `withdrawn` `ici`; without a component → `unspecified`."""
    found: dict[str, set[str]] = {action: set() for action in _ACTIONS}
    for part in text.split(";"):
        component, _colon, word = part.rpartition(":")
        for action in _ACTIONS:
            if word.strip().lower() in getattr(words, action):
                found[action].add(component.strip().lower() or UNSPECIFIED)
    return {action: ";".join(sorted(components)) or None for action, components in found.items()}


def has_component(column: str, component: str, *, missing: bool) -> pl.Expr:
    """The components in `column` include this one; `missing` is the answer for a null, and for `unspecified`."""
    named = is_listed(pl.col(column), component)
    return pl.when(pl.col(column) == UNSPECIFIED).then(pl.lit(missing)).otherwise(named).fill_null(missing)


def is_listed(words: pl.Expr, word: str) -> pl.Expr:
    """The word is one of those joined by `;`; null for null."""
    return words.str.contains(f"(^|;){re.escape(word)}(;|$)")

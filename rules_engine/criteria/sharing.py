"""What several criteria, or several steps of one, make of the same records by the same rules: computed once.

Criteria that measure a lesion in the same way have the same sums, however they judge them, and findings look at the visits that the
responses were judged by. What a step makes of records is decided by the options that it reads. They are noted while it writes its
plan, and what it made stands for whoever comes later with the same values of these options, whatever the others say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from rules_engine.criteria.lesion_records import LesionRecords, hold
from rules_engine.criteria.lesions import Measure
from rules_engine.model import CriterionRules

#: What an option says that a ruleset does not have.
_NOTHING = object()


def derive_shared(
    records: LesionRecords,
    rules: CriterionRules,
    derive: Callable[..., pl.LazyFrame],
    *given: Any,
) -> pl.LazyFrame:
    """What `derive(records, rules, *given)` gives; of records that are shared it is computed for the first who asks.

    `derive` reads its options by name, and all of them while it writes its plan. A measure of a criterion's own is like no other:
    what rests on it is not shared.
    """
    if records.derived is None or any(isinstance(one, Measure) for one in given):
        return derive(records, rules, *given)
    known = records.derived.setdefault((derive, *given), [])
    for said, frame in known:
        if all(rules.options.get(key, _NOTHING) == value for key, value in said.items()):
            return frame
    noting = _Noting(rules.options)
    frame = hold(derive(records, replace(rules, options=noting), *given))
    known.append((noting.said, frame))
    return frame


class _Noting(Mapping[str, Any]):
    """Options that note which of them were read, and what each said."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self.said: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        self.said[key] = self._options.get(key, _NOTHING)
        return self._options[key]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("options are read by name where what they decide is shared")

    def __len__(self) -> int:
        return len(self._options)

"""The laws of an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from random import Random
from typing import Any, ClassVar

import polars as pl
from hypothesis import strategies as st

from rules_engine.errors import StudyError
from rules_engine.guard import fingerprint
from rules_engine.testing import laws, strategies
from rules_engine.vocabulary import ARD_KEY, ARD_OF_ENGINE, ARD_SCHEMA, RESPONSE_SCHEMA, SHAPES, TTE_SCHEMA, Estimator

GROUPS = ("A", "B")
_OWN = {name: dtype for name, dtype in ARD_SCHEMA.items() if name not in ARD_OF_ENGINE}
_KEY = [name for name in ARD_KEY if name not in ARD_OF_ENGINE]


class EstimatorConformance:
    """Everything that the engine relies on in an estimator. A subclass names the estimator and the options that have no default.

    `covariates` are columns that its options name, each with a maker of values (a function of a source of random numbers).
    """

    estimator: ClassVar[Estimator]
    options: ClassVar[Mapping[str, Any]] = {}
    covariates: ClassVar[Mapping[str, Callable[[Random], Any]]] = {}
    grouped: ClassVar[bool] = True
    examples: ClassVar[int] = 10
    subjects: ClassVar[int] = 40

    @cached_property
    def complete(self) -> dict[str, Any]:
        """The options with the defaults of the schema."""
        return laws.complete_options(self.options, self.estimator.options_schema)

    def rows(self) -> st.SearchStrategy[pl.DataFrame]:
        """Rows of an endpoint with a group; a subclass may draw its own."""
        return st.builds(
            lambda number, seed: self.made(number, Random(seed)),  # noqa: S311  (test data, not secrets)
            st.integers(1, self.subjects),
            st.integers(0, 2**32 - 1),
        )

    def made(self, subjects: int, rng: Random | None = None) -> pl.DataFrame:
        """Rows of so many subjects."""
        rng = rng or Random(3)  # noqa: S311  (test data, not secrets)
        make = _response_row if self.estimator.shape == "response" else _time_row
        schema = RESPONSE_SCHEMA if self.estimator.shape == "response" else TTE_SCHEMA
        made = []
        for number in range(subjects):
            own = {name: cell(rng) for name, cell in self.covariates.items()}
            row = {"subject": f"{number + 1:03d}", "arm": rng.choice([*GROUPS, *GROUPS, None]), **make(rng), **own}
            made.append(row)
        frame = pl.DataFrame(
            [{name: row.get(name) for name in [*schema, "arm", *self.covariates]} for row in made],
            schema={**schema, "arm": pl.String(), **dict.fromkeys(self.covariates)},
        )
        return frame.with_columns(pl.col("arm").cast(pl.Enum(GROUPS)))

    def estimated(self, rows: pl.DataFrame) -> pl.DataFrame | str:
        """The estimates, or the text of the error by which an estimator refuses data that cannot be estimated."""
        try:
            found = self.estimator.estimate(rows, "arm" if self.grouped else None, self.complete)
        except StudyError as error:
            return str(error)
        assert isinstance(found, pl.DataFrame), f"`estimate` returned {type(found).__name__}, not a data frame"
        return found

    # Laws

    def test_rows_are_those_of_the_contract(self) -> None:
        """One row per number, named once; a number that is missing says why."""

        def hold(rows: pl.DataFrame) -> None:
            found = self.estimated(rows)
            if isinstance(found, str):
                return
            laws.require_schema(found, _OWN)
            twice = found.filter(pl.struct(_KEY).is_duplicated())
            assert twice.is_empty(), f"two numbers of one name: {twice.head(2).to_dicts()}"
            silent = found.filter(pl.col("value").is_null() & pl.col("note").is_null())
            assert silent.is_empty(), f"a number is missing without a reason: {silent.head(1).to_dicts()}"
            odd = found.filter(~pl.col("value").is_finite().fill_null(value=True))
            assert odd.is_empty(), f"a value is no number: {odd.head(1).to_dicts()}"

        laws.for_all(self.rows(), hold, self.examples)

    def test_few_or_no_subjects_are_an_answer(self) -> None:
        """Nothing fails on 0, 1 or 2 subjects: a number that cannot be estimated is null with its reason."""
        for subjects in (0, 1, 2):
            found = self.estimated(self.made(subjects))
            if not isinstance(found, str):
                laws.require_schema(found, _OWN)

    def test_what_is_given_is_not_changed_and_the_answer_is_the_same_twice(self) -> None:
        """No state, no chance, no changed input."""

        options = fingerprint(self.complete)
        self.estimated(self.made(self.subjects))
        assert fingerprint(self.complete) == options, "the estimator changed its options"

        def hold(rows: pl.DataFrame) -> None:
            before = rows.clone()
            first = self.estimated(rows)
            assert rows.columns == before.columns, "the estimator changed the rows"
            assert rows.equals(before), "the estimator changed the rows"
            self._require_equal(first, self.estimated(before), "the same input gave another answer")

        laws.for_all(self.rows(), hold, self.examples)

    def test_the_order_of_rows_does_not_matter(self) -> None:
        """To the last bit, so that files are the same at every run."""

        def hold(rows: pl.DataFrame) -> None:
            again = self.estimated(rows.sample(fraction=1, shuffle=True, seed=5))
            self._require_equal(self.estimated(rows), again, "the same rows in another order gave another answer")

        laws.for_all(self.rows(), hold, self.examples)

    @staticmethod
    def _require_equal(first: pl.DataFrame | str, second: pl.DataFrame | str, why: str) -> None:
        if isinstance(first, str) or isinstance(second, str):
            assert first == second, why
            return
        names = [name for name in first.columns if name != "value"]
        one, other = (frame.sort(names, nulls_last=True) for frame in (first, second))
        assert one.select(names).equals(other.select(names)), why
        pairs = zip(one["value"], other["value"], strict=True)
        assert all(a == b or (a is not None and b is not None and abs(a - b) <= 1e-9 * abs(a)) for a, b in pairs), why

    def test_options_are_described_and_what_is_unknown_is_refused(self) -> None:
        """The schema says what each option means and takes no other."""
        laws.require_option_schema(self.estimator.options_schema)

    def test_the_estimator_says_what_it_is_and_where_it_is_from(self) -> None:
        """Id, version, title, reference, and what it reads."""
        laws.require_words(self.estimator, ("id", "version", "title", "reference"))
        assert self.estimator.shape in SHAPES


def _time_row(rng: Random) -> dict[str, Any]:
    days = rng.randrange(1, 400)
    event = rng.random() < 0.6
    last = strategies.START + timedelta(days=days - 1)
    return {
        "start_date": strategies.START, "date": last, "days": days, "months": days / 30.4375, "event": event,
        "cnsr": 0 if event else 1, "event_type": 1 if event else rng.choice([0, 0, 2]), "reason": "PD" if event else "CUTOFF",
        "event_description": "x", "rule_id": "x", "interval_left": last, "interval_right": last if event else None,
    }  # fmt: skip


def _response_row(rng: Random) -> dict[str, Any]:
    code = rng.choice(["CR", "PR", "SD", "PD", "NE"])
    return {"value": code, "responder": code in ("CR", "PR"), "date": strategies.START, "rule_id": "x"}

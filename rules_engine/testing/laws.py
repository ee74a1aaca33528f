"""What the laws of all kinds of objects share: rows compared, rows changed, work counted, options and words checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules_engine.loading import to_plain
from rules_engine.loading.nodes import from_plain
from rules_engine.loading.options import complete

Frames = Mapping[str, pl.DataFrame]


#: What Hypothesis does with a law: draw, and make a failure small.
PHASES: tuple[Phase, ...] = (Phase.generate, Phase.shrink)


def for_all(strategy: st.SearchStrategy[Any], law: Callable[[Any], None], examples: int) -> None:
    """Hold the law against drawn examples: the same ones at every run, no time limit."""

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(drawn: Any) -> None:
        law(drawn)

    run()


def collected(frame: Any, what: str) -> pl.DataFrame:
    """The rows of a lazy frame; an object that gives anything else breaks its contract."""
    assert isinstance(frame, pl.LazyFrame), f"{what} returned {type(frame).__name__}, not a lazy frame"
    return frame.collect(engine="in-memory")


def require_schema(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> None:
    """Every column of the contract is there with its type."""
    for name, dtype in schema.items():
        assert name in rows.columns, f"column {name!r} is missing"
        assert rows.schema[name] == dtype, f"column {name!r} is {rows.schema[name]}, not {dtype}"


def require_same(before: pl.DataFrame, after: pl.DataFrame, why: str) -> None:
    """The same rows in any order."""
    assert before.columns == after.columns, why
    first, second = in_order(before), in_order(after)
    if not first.equals(second):
        gone, come = (_only_in(one, other) for one, other in ((first, second), (second, first)))
        raise AssertionError(f"{why}\nrows before:\n{gone}\nrows after:\n{come}")


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows sorted by all their columns that can be sorted."""
    by = [name for name, dtype in rows.schema.items() if not dtype.is_nested()]
    return rows.sort(by, nulls_last=True) if by else rows


def _only_in(rows: pl.DataFrame, others: pl.DataFrame) -> list[dict[str, Any]]:
    there = {repr(row) for row in others.iter_rows()}
    return [row for row in rows.iter_rows(named=True) if repr(tuple(row.values())) not in there][:3]


def shuffled(frames: Frames, seed: int = 7) -> dict[str, pl.DataFrame]:
    """The same rows in another order; their row numbers, which name them, stay."""
    return {name: rows.sample(fraction=1, shuffle=True, seed=seed) for name, rows in frames.items()}


def subjects_of(frames: Frames) -> list[str]:
    """Everybody who is in any of the frames."""
    found = {subject for rows in frames.values() if "subject" in rows.columns for subject in rows["subject"]}
    return sorted(found)


def of_subjects(frames: Frames, subjects: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The rows of these subjects."""
    return {name: rows.filter(pl.col("subject").is_in(list(subjects))) for name, rows in frames.items()}


def with_holes(frames: Frames, keep: Sequence[str], seed: int = 11) -> dict[str, pl.DataFrame]:
    """The frames with a fifth of their cells emptied, but for the columns `keep`."""
    rng = Random(seed)  # noqa: S311  (test data, not secrets)
    return {
        name: rows.with_columns(
            pl.when(pl.Series([rng.random() < 0.8 for _ in range(rows.height)], dtype=pl.Boolean)).then(column).alias(column)
            for column in rows.columns
            if column not in keep
        )
        for name, rows in frames.items()
    }  # fmt: skip


def complete_options(options: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the defaults of their schema, as the loader gives them to an object."""
    completed, unstated = complete(from_plain(dict(options), "the options under test"), schema, "the object under test")
    assert not unstated, f"options without a default must be given: {[one.path for one in unstated]}"
    plain = to_plain(completed)
    assert isinstance(plain, dict)
    return plain


# Work ------------------------------------------------------------------------------------------------------------------


def python_calls(work: Callable[[], object]) -> int:
    """How many Python functions `work` starts, in this thread and where Polars calls back from its own."""
    counted = 0

    def count(*_event: Any) -> None:
        nonlocal counted
        counted += 1

    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:  # before Python 3.12
        with _callbacks_profiled(lambda _frame, event, _arg: count() if event == "call" else None):
            work()
        return counted
    tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
    monitoring.use_tool_id(tool, "rules_engine.testing")
    monitoring.register_callback(tool, monitoring.events.PY_START, count)
    monitoring.set_events(tool, monitoring.events.PY_START)
    try:
        work()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, monitoring.events.PY_START, None)
        monitoring.free_tool_id(tool)
    return counted


#: Where Polars takes a Python function that it calls from threads of its own.
_CALLBACKS = (
    (pl.Expr, "map_elements"), (pl.Expr, "map_batches"), (pl.Series, "map_elements"), (pl.LazyFrame, "map_batches"),
    (pl.DataFrame, "map_rows"),
)  # fmt: skip


@contextmanager
def _callbacks_profiled(profile: Callable[[Any, str, Any], None]) -> Iterator[None]:
    """Let this thread, and every function that Polars is given, run under the profile."""

    def profiled(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            before = sys.getprofile()
            sys.setprofile(profile)
            try:
                return function(*given, **named)
            finally:
                sys.setprofile(before)

        return run

    def taking(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, function, *rest, **named: method(self, profiled(function), *rest, **named)

    honest = [(owner, name, getattr(owner, name)) for owner, name in _CALLBACKS]
    for owner, name, method in honest:
        setattr(owner, name, taking(method))
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        for owner, name, method in honest:
            setattr(owner, name, method)


def require_work_that_does_not_grow(work_on: Callable[[int], Callable[[], object]], few: int, many: int) -> None:
    """The number of Python calls for many subjects is about that for few: rows are Polars' work, never Python's.

    `work_on(n)` prepares n subjects and gives the work. It is done once before it is counted, so that what is done only the
    first time (imports, caches) does not count.
    """
    small, large = work_on(few), work_on(many)
    small()
    counts = [python_calls(work) for work in (small, large)]
    assert counts[1] <= counts[0] * 1.1 + 100, (
        f"{counts[0]} Python calls for {few} subjects and {counts[1]} for {many}: work in Python for each row or subject"
    )


# Words -----------------------------------------------------------------------------------------------------------------


def require_words(thing: Any, names: Sequence[str]) -> None:
    """These attributes say something."""
    for name in names:
        assert str(getattr(thing, name)).strip(), f"{name!r} is empty"


def require_option_schema(schema: Mapping[str, Any]) -> None:
    """A JSON Schema that refuses what it does not know, and says of every option what it means."""
    Draft202012Validator.check_schema(dict(schema))
    assert schema.get("type") == "object", "the options are no object"
    assert schema.get("additionalProperties") is False, "an option that does not exist would be taken without a word"
    require_descriptions(schema)


def require_descriptions(schema: Mapping[str, Any]) -> None:
    """Every option says what it means, and a default is one of the values that it may have."""
    for name, about in schema.get("properties", {}).items():
        assert str(about.get("description", "")).strip(), f"option {name!r} has no description"
        if "default" in about:
            errors = list(Draft202012Validator(about).iter_errors(about["default"]))
            assert not errors, f"the default of option {name!r} is refused: {errors[0].message}"

"""Work side by side: given in its order, failing in its turn, and a step that several ask for at once is done once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import polars as pl
import pytest
from rules_engine import side_by_side as module
from rules_engine.endpoints import records_from_mappings
from rules_engine.side_by_side import side_by_side


@pytest.fixture(params=[1, 2, 4], autouse=True)
def at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    number: int = request.param
    monkeypatch.setattr(module, "at_a_time", lambda: number)
    return number


def after(seconds: float, given: int) -> int:
    time.sleep(seconds)
    return given


def test_what_is_given_comes_in_the_order_of_the_work() -> None:
    with side_by_side(
        [partial(after, seconds, given) for given, seconds in enumerate([0.03, 0.0, 0.02, 0.01])]
    ) as found:
        assert list(found) == [0, 1, 2, 3]


def test_of_work_that_shares_most_of_it_one_piece_begins_first() -> None:
    begun: list[int] = []
    with side_by_side([partial(begun.append, number) for number in range(5)], ["a", "a", "b", "a", "b"]) as found:
        assert list(found) == [None] * 5
    assert sorted(begun) == list(range(5))
    assert module._in_turns(["a", "a", "b", "a", "b"]) == [0, 2, 1, 4, 3]


def test_what_fails_is_told_when_its_turn_comes() -> None:
    def fail() -> int:
        raise ValueError("second")

    with side_by_side([partial(after, 0.03, 1), fail, partial(after, 0, 3)]) as found:
        assert next(found) == 1
        with pytest.raises(ValueError, match="second"):
            next(found)


def test_who_leaves_early_leaves_nothing_running() -> None:
    begun, done = [], []

    def piece(number: int) -> None:
        begun.append(number)
        time.sleep(0.02)
        done.append(number)

    with side_by_side([partial(piece, number) for number in range(50)]) as found:
        next(found)
    assert sorted(begun) == sorted(done)
    assert len(begun) < 50


def test_a_step_that_several_ask_for_at_once_is_done_once() -> None:
    records = records_from_mappings([])
    gate, built = threading.Event(), []

    def build(key: str) -> pl.LazyFrame:
        gate.wait(0.05)
        built.append(key)
        return records.step("shared", build_shared) if key == "own" else pl.LazyFrame({"a": [1]})

    build_shared: Callable[[], pl.LazyFrame] = partial(build, "shared")
    with side_by_side(
        [partial(records.step, key, partial(build, key)) for key in ("own", "shared", "own", "shared")]
    ) as found:
        frames = list(found)
    assert sorted(built) == ["own", "shared"]
    assert frames[0] is frames[2]
    assert frames[1] is frames[3]

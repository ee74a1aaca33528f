"""Work on several endpoints or analyses at a time: many small plans leave cores idle that one plan alone cannot use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

import polars as pl

Given = TypeVar("Given")

#: More at a time would take memory and win little: most of the work is shared, and done by whoever comes first.
MOST = 4


def at_a_time() -> int:
    """How many pieces of work are done side by side: as many as Polars has threads, within `MOST`."""
    return min(MOST, pl.thread_pool_size())


@contextmanager
def side_by_side(
    work: Sequence[Callable[[], Given]], shares: Sequence[Hashable] | None = None
) -> Iterator[Iterator[Given]]:
    """What each piece of work gives, in their order; what one raises is raised where its turn comes.

    `shares` says of each piece with which others it has work in common: of those one is begun at first, since the rest
    would wait for it. Who leaves early waits for what has begun; the rest is not begun.
    """
    if at_a_time() == 1:
        yield (piece() for piece in work)
        return
    threads = ThreadPoolExecutor(at_a_time(), thread_name_prefix="side by side")
    try:
        turns = _in_turns(range(len(work)) if shares is None else shares)
        begun = {place: threads.submit(copy_context().run, work[place]) for place in turns}
        yield (begun[place].result() for place in range(len(work)))
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _in_turns(shares: Sequence[Hashable]) -> list[int]:
    """The places of all: the first of each kind, then the second of each, and so on."""
    earlier: Counter[Hashable] = Counter()
    turn = []
    for kind in shares:
        turn.append(earlier[kind])
        earlier[kind] += 1
    return sorted(range(len(shares)), key=turn.__getitem__)

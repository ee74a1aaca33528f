"""What Spark calls in its workers: thin functions over `work`, which is imported there.

One worker is one core: Polars gets one thread, which must be said before it is imported. So this module imports nothing of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

#: Columns of the rows in which frames travel: the part that a frame belongs to, its name, which slice of it, and that as Arrow stream.
PACKED = "part int, name string, slice int, payload binary"
#: Column of the tables on their way to the workers: where a row stood.
POSITION = "__rules_engine_position__"

Batches = Iterator[Any]


def look_task(
    job: bytes, table: str, offsets: dict[int, int] | None, known: bytes | None
) -> Callable[[Batches], Batches]:
    """Looks at rows of a table; `work.look` says what comes out."""

    def look(batches: Batches) -> Batches:
        _state_threads()
        from rules_engine.spark import work

        return work.look(job, table, offsets, known, batches)

    return look


def split_task(job: bytes, table: str, offsets: dict[int, int] | None, firsts: bytes) -> Callable[[Batches], Batches]:
    """Brings rows of a table into canonical form and splits them by part."""

    def split(batches: Batches) -> Batches:
        _state_threads()
        from rules_engine.spark import work

        return work.split(job, table, offsets, firsts, batches)

    return split


def derive_task(job: bytes) -> Callable[[Any], Any]:
    """Derives one part of all its pieces."""

    def derive(pieces: Any) -> Any:
        _state_threads()
        from rules_engine.spark import work

        return work.derive(job, pieces)

    return derive


def unpack_task(finish: bytes | None) -> Callable[[Batches], Batches]:
    """Gives the rows of a data set from its packed frames."""

    def unpack(batches: Batches) -> Batches:
        _state_threads()
        from rules_engine.spark import work

        return work.unpack_data_set(finish, batches)

    return unpack


def _state_threads() -> None:
    if "polars" not in sys.modules:
        os.environ.setdefault("POLARS_MAX_THREADS", "1")

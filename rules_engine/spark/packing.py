"""Frames as bytes, and the rows in which they travel between driver and workers."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa

from rules_engine.errors import RulesEngineError

#: As `tasks.PACKED`; Spark takes no `large_binary`.
SCHEMA = pa.schema([("part", pa.int32()), ("name", pa.string()), ("slice", pa.int32()), ("payload", pa.binary())])
#: Frames travel in slices, each well below the two gigabytes that an Arrow cell may hold.
SLICE = 500_000
#: Name of a packed error, which stops the run as it would have here.
ERROR = "error!"


def pack(frame: pl.DataFrame) -> bytes:
    """The frame as an Arrow stream."""
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, compression="lz4")
    return buffer.getvalue()


def unpack(payload: bytes | bytearray | memoryview) -> pl.DataFrame:
    """The frame of an Arrow stream."""
    return pl.read_ipc_stream(io.BytesIO(payload))


def packed(part: int, name: str, frame: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    """The frame as rows to send, at least one."""
    for number, piece in enumerate(frame.iter_slices(SLICE) if frame.height else [frame]):
        yield _row(part, name, number, pack(piece))


def _row(part: int, name: str, number: int, payload: bytes) -> pa.RecordBatch:
    row = {"part": part, "name": name, "slice": number, "payload": payload}
    return pa.RecordBatch.from_pylist([row], schema=SCHEMA)


def packed_error(part: int, error: RulesEngineError) -> pa.RecordBatch:
    """An error as a row: Spark would try again and then show a traceback."""
    return _row(part, ERROR, 0, pickle.dumps((type(error), tuple(error.problems))))


def raise_packed(payloads: Sequence[bytes | bytearray]) -> None:
    """Raise the first of these errors, if there is one."""
    for payload in payloads:
        kind, problems = pickle.loads(payload)  # noqa: S301  (from our own worker, as everything that Spark's Python sends)
        raise kind(problems)

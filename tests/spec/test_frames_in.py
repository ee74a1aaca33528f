"""Tables may come as any frame that speaks Arrow; the answer is the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rules_engine import Engine

CUTOFF = "2025-12-31"


class OnlyArrowStream:
    """A frame of some other library: all it has is the Arrow C stream interface."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._table = frame.to_arrow()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_every_kind_of_frame_gives_the_same_answer(study_folder: Path) -> None:
    tables = {file.stem: pl.read_parquet(file) for file in study_folder.glob("*.parquet")}
    engine = Engine("tace_ici_hcc")
    eager = engine.run(tables, data_cutoff=CUTOFF)
    lazy = engine.run({name: table.lazy() for name, table in tables.items()}, data_cutoff=CUTOFF)
    arrow = engine.run({name: table.to_arrow() for name, table in tables.items()}, data_cutoff=CUTOFF)
    stream = engine.run({name: OnlyArrowStream(table) for name, table in tables.items()}, data_cutoff=CUTOFF)
    pandas = engine.run({name: table.to_pandas() for name, table in tables.items()}, data_cutoff=CUTOFF)
    for other in (lazy, arrow, stream, pandas):
        assert eager.adtte.equals(other.adtte)
        assert eager.adrs.equals(other.adrs)
        assert eager.adae.equals(other.adae)

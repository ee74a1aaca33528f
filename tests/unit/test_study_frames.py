"""Tables handed over in memory, as frames of any library that speaks Arrow."""

from __future__ import annotations

from datetime import date

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from rules_engine.errors import StudyError
from rules_engine.study import read_study

ROWS = {
    "subject": ["1", "1"],
    "visit_date": [date(2024, 1, 1), date(2024, 3, 1)],
    "is_baseline": [True, False],
    "lesion_id": ["T1", "T1"],
    "role": ["target", "target"],
    "mm": [12.3, None],
}
SUBJECTS = pl.DataFrame({"subject": ["1"]})


class OnlyArrowStream:
    """A frame of some other library: all it has is the Arrow C stream interface."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._table = frame.to_arrow()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def lesions(frame: object) -> pl.DataFrame:
    return read_study({"subjects": SUBJECTS, "lesion_assessments": frame}).tables["lesion_assessments"].collect()


def test_every_kind_of_frame_is_the_same_table() -> None:
    expected = lesions(pl.DataFrame(ROWS))
    assert expected["mm_x100"].to_list() == [1230, None]
    pandas = pd.DataFrame(ROWS)
    frames = [
        pl.LazyFrame(ROWS), pa.table(ROWS), OnlyArrowStream(pl.DataFrame(ROWS)), pandas, pandas.set_index(pd.Index([7,
        9])),
        pandas.assign(visit_date=pd.to_datetime(pandas["visit_date"])), pandas.convert_dtypes(),
        pandas.astype({"role": "category", "lesion_id": "string"}), pa.table(ROWS).to_batches()[0],
    ]  # fmt: skip
    for frame in frames:
        assert lesions(frame).equals(expected), type(frame)


def test_pandas_missing_values_are_missing() -> None:
    frame = pd.DataFrame(
        {"subject": ["1", "2"], "arm": ["A", float("nan")], "death_date": [pd.NaT, pd.Timestamp("2024-05-01")]}
    )
    subjects = read_study({"subjects": frame}).tables["subjects"].sort("row").collect()
    assert subjects["arm"].to_list() == ["A", None]
    assert subjects["death_date"].to_list() == [None, "2024-05-01"]


def test_frames_that_cannot_be_tables_are_refused() -> None:
    twice = pd.DataFrame([["1", "a", "b"]], columns=["subject", "arm", "arm"])
    mixed = pd.DataFrame({"subject": ["1"], "arm": [object()]})
    for frame, message in (
        (twice, "two columns have one name: arm"),
        (pa.table([["1"], ["a"]], names=["subject", "subject"]), "two columns have one name: subject"),
        (mixed, "the DataFrame cannot be read"),
        ([{"subject": "1"}], "list is no frame that can be read"),
        ("subjects.csv", "str is no frame that can be read"),
    ):
        with pytest.raises(StudyError, match=message):
            read_study({"subjects": frame})


def test_table_names_are_matched_without_regard_to_case_and_once() -> None:
    assert read_study({"Subjects": SUBJECTS}).has("subjects")
    with pytest.raises(StudyError, match="it is there twice"):
        read_study({"Subjects": SUBJECTS, "SUBJECTS": SUBJECTS})

"""Who asks a study for one subject has the file pass over all others, and gets the rows that a reading of everything has."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine import read_study

NAMES = [f"S{number:03d}" for number in range(40)]
LESIONS = pl.DataFrame(
    {
        "subject": [name for name in NAMES for _visit in range(3)],
        "visit_date": [day for _name in NAMES for day in ("2024-01-08", "2024-03-04", "2024-05-06")],
        "is_baseline": [baseline for _name in NAMES for baseline in (True, False, False)],
        "lesion_id": "T1",
        "role": "target",
        "organ": "liver",
        "mm": 20.0,
        "state": "measured",
    }
)
SUBJECTS = pl.DataFrame({"subject": NAMES, "randomisation_date": "2024-01-10"})


def write(folder: Path, lesions: pl.DataFrame, form: str) -> Path:
    SUBJECTS.write_parquet(folder / "subjects.parquet")
    path = folder / f"lesion_assessments.{form}"
    if form == "parquet":
        lesions.write_parquet(path, row_group_size=15)
    elif form == "csv":
        lesions.write_csv(path)
    else:
        lesions.write_ipc(path, record_batch_size=15)
    return folder


@pytest.mark.parametrize("form", ["parquet", "csv", "arrow"])
@pytest.mark.parametrize("order", ["sorted", "mixed"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_rows_of_one_subject_are_those_of_the_whole(tmp_path: Path, form: str, order: str, padded: bool) -> None:
    lesions = LESIONS if order == "sorted" else LESIONS.sample(fraction=1, shuffle=True, seed=1)
    if padded:
        name = pl.col("subject")
        lesions = lesions.with_columns(subject=pl.when(name == "S020").then(pl.lit(" S020 ")).otherwise(name))
    rows = read_study(write(tmp_path, lesions, form)).tables["lesion_assessments"]
    whole = rows.collect()
    for name in ("S000", "S020", "S039"):
        mine = rows.filter(pl.col("subject") == name).collect()
        assert mine.height == 3
        assert_frame_equal(mine, whole.filter(pl.col("subject") == name))
        stated = lesions.with_row_index("row", offset=1).filter(pl.col("subject").str.strip_chars() == name)
        assert sorted(mine["row"]) == stated["row"].to_list()


def test_the_file_is_asked_for_the_subject(tmp_path: Path) -> None:
    rows = read_study(write(tmp_path, LESIONS, "parquet")).tables["lesion_assessments"]
    plan = rows.filter(pl.col("subject") == "S020").explain()
    asked = plan[plan.index("Parquet SCAN") :].splitlines()
    assert any(line.strip().startswith("SELECTION") and '"S020"' in line for line in asked), plan
    assert any(line.strip().startswith("ROW_INDEX") for line in asked), plan

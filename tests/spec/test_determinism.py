"""The same study and ruleset give the same bytes, whatever the order of rows, the number of threads or the day."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
from rules_engine import Engine, read_study

CUTOFF = "2025-12-31"


def data_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet"))}


def run(study: Path, out: Path, **environment: str) -> dict[str, bytes]:
    code = (
        "import sys; from rules_engine import Engine, read_study; "
        "Engine('tace_ici_hcc').run(read_study(sys.argv[1]), data_cutoff=sys.argv[2]).write(sys.argv[3], report=False)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(study), CUTOFF, str(out)], check=True, env={**os.environ, **environment}
    )
    return data_files(out)


def test_order_of_rows_threads_and_locale_change_no_byte(study_folder: Path, tmp_path: Path) -> None:
    shuffled = tmp_path / "shuffled"
    shutil.copytree(study_folder, shuffled)
    for file in shuffled.glob("*.parquet"):
        pl.read_parquet(file).sample(fraction=1.0, shuffle=True, seed=3).write_parquet(file)
    one = run(study_folder, tmp_path / "one", POLARS_MAX_THREADS="1", TZ="Asia/Tokyo")
    two = run(study_folder, tmp_path / "two", POLARS_MAX_THREADS="2", TZ="America/Lima")
    three = run(shuffled, tmp_path / "three")
    assert one == two
    # Findings name rows of the source by number, so they follow the order of its rows; nothing else may.
    for name in set(one) - {"findings.parquet"}:
        assert one[name] == three[name], name


def test_adding_subjects_changes_no_other_subject(study_folder: Path) -> None:
    whole = Engine("tace_ici_hcc").run(read_study(study_folder), data_cutoff=CUTOFF)
    tables = {file.stem: pl.read_parquet(file) for file in study_folder.glob("*.parquet")}
    some = whole.adtte["USUBJID"].unique().sort()[:20].to_list()
    part = Engine("tace_ici_hcc").run(
        {name: table.filter(pl.col("subject").is_in(some)) for name, table in tables.items()}, data_cutoff=CUTOFF
    )
    assert whole.adtte.filter(pl.col("USUBJID").is_in(some)).equals(part.adtte)
    assert whole.adrs.filter(pl.col("USUBJID").is_in(some)).equals(part.adrs)

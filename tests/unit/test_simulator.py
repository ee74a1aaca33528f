"""The made-up study: the same seed gives the same one, it shows what a real one shows, it is written all or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rules_engine.errors import UsageError
from rules_engine.simulator import _study, simulate, simulate_to

TABLES = {
    "subjects",
    "lesion_assessments",
    "treatments",
    "clinical_events",
    "adverse_events",
    "labs",
    "response_assessments",
}


@pytest.fixture(scope="module")
def study() -> dict[str, pl.DataFrame]:
    return simulate(4_000, 11)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


# The same seed gives the same study.


def test_same_seed_same_study() -> None:
    first, second = simulate(50, 3), simulate(50, 3)
    assert set(first) == TABLES
    for name in first:
        assert_frame_equal(first[name], second[name])


def test_another_seed_another_study() -> None:
    assert not simulate(50, 3)["lesion_assessments"].equals(simulate(50, 4)["lesion_assessments"])


def test_files_do_not_depend_on_threads(tmp_path: Path) -> None:
    simulate_to(tmp_path / "here", 60, 5)
    code = "import sys; from rules_engine.simulator import simulate_to; simulate_to(sys.argv[1], 60, 5)"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "there")],
        check=True,
        env={**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "1"},
    )
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_written_in_chunks_is_the_study_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setattr(_study, "CHUNK_SUBJECTS", 20)
    whole = simulate(50, 9)
    assert whole["subjects"]["subject"].to_list() == [f"HCC-{number:06d}" for number in range(1, 51)]
    summary = simulate_to(tmp_path / "out", 50, 9, format=file_format)  # type: ignore[arg-type]
    for name, table in whole.items():
        file = tmp_path / "out" / f"{name}.{file_format}"
        if file_format == "parquet":
            assert_frame_equal(pl.read_parquet(file), table)
        else:
            as_text = pl.read_csv(file, infer_schema=False)
            assert as_text.columns == table.columns
            assert as_text.height == table.height
        assert summary["rows"][name] == table.height


def test_nothing_to_make_up() -> None:
    with pytest.raises(UsageError, match="at least one subject"):
        simulate(0, 1)
    with pytest.raises(UsageError, match="must not be negative"):
        simulate(1, -1)


# It shows what a real study shows.


def test_every_feature_of_the_trial_occurs(study: dict[str, pl.DataFrame]) -> None:
    lesions = study["lesion_assessments"]
    assert set(lesions["state"].drop_nulls()) == {"measured", "absent", "tstm", "ne", "merged"}
    assert set(lesions["status"].drop_nulls()) == {"absent", "present", "unequivocal", "ne"}
    assert {"effusion", "pvt", "infiltrative", "bone"} <= set(lesions["kind"].drop_nulls())
    assert set(lesions["pattern"].drop_nulls()) == {"typical", "atypical"}
    assert set(lesions["cytology"].drop_nulls()) == {"positive", "negative", "not_done"}
    assert set(lesions["reason"]) == {"scheduled", "symptom", "other"}
    assert {"a", "b"} == set(lesions["fragment_id"].drop_nulls())
    assert {"porta_hepatis"} <= set(lesions["site"].drop_nulls())
    viable_not_read = (pl.col("organ") == "liver") & (pl.col("role") == "target") & (pl.col("state") == "measured")
    assert lesions.filter(viable_not_read & pl.col("viable_mm").is_null()).height > 0
    assert lesions.filter((pl.col("viable_mm") == 0) & (pl.col("mm") > 20)).height > 0  # necrosis
    assert set(study["treatments"]["component"].drop_nulls()) == {"tace", "ici", "other"}
    assert {"systemic", "resection", "transplant", "ablation"} <= set(study["treatments"]["kind"].drop_nulls())
    subjects = study["subjects"]
    assert {4, 7, 10} == set(subjects["death_date"].drop_nulls().str.len_chars())
    assert subjects["withdrawal_date"].drop_nulls().len() > 0
    assert subjects["lost_to_followup_date"].drop_nulls().len() > 0
    assert {"1", "2", "3", "4", "5"} == set(study["adverse_events"]["grade"].drop_nulls())
    events = study["adverse_events"]
    assert {True, False, None} == set(events["immune_related"])
    by_ici = pl.col("related_to") == "ici"
    assert events.filter(~by_ici & (pl.col("immune_related") | pl.col("treated_with").is_not_null())).is_empty()
    assert {"steroid", "high_dose_steroid", "hormone"} <= set(events["treated_with"].drop_nulls())
    assert events.filter(pl.col("treated_from") < pl.col("start_date")).is_empty()
    assert study["labs"]["value"].str.starts_with("<").any()
    assert {"g/L", "g/dL"} == set(study["labs"].filter(analyte="HGB")["unit"])


def test_pseudoprogression_rises_under_suspicion_and_falls_again(study: dict[str, pl.DataFrame]) -> None:
    lesions = study["lesion_assessments"]
    sums = (
        lesions.filter(role="target", organ="liver")
        .group_by("subject", "visit_date")
        .agg(pl.col("viable_mm").sum(), pl.col("suspected_pseudoprogression").any())
        .sort("subject", "visit_date")
        .with_columns(
            before=pl.col("viable_mm").shift(1).over("subject"), after=pl.col("viable_mm").shift(-1).over("subject")
        )
    )
    flagged = sums.filter("suspected_pseudoprogression")
    transient = flagged.filter((pl.col("viable_mm") > 1.2 * pl.col("before")) & (pl.col("after") < pl.col("before")))
    growing = flagged.filter(
        (pl.col("viable_mm") > 1.2 * pl.col("before")) & (pl.col("after") > pl.col("viable_mm") + 5)
    )
    assert transient.height > 20
    assert growing.height > 20
    under_ici = study["subjects"].filter(arm="TACE+ICI")
    assert flagged.join(under_ici, on="subject", how="anti").is_empty()


def test_transaminases_peak_after_tace(study: dict[str, pl.DataFrame]) -> None:
    sessions = (
        study["treatments"].filter(component="tace").select("subject", session=pl.col("start_date").str.to_date())
    )
    ast = study["labs"].filter(analyte="AST").join(sessions, on="subject")
    days = (pl.col("date") - pl.col("session")).dt.total_days()
    values = ast.with_columns(days=days, number=pl.col("value").cast(pl.Float64))
    after = values.filter(pl.col("days").is_between(1, 5))["number"].median()
    before = values.filter("is_baseline")["number"].median()
    assert isinstance(after, float)
    assert isinstance(before, float)
    assert after > 2 * before


def test_survival_is_longer_with_the_inhibitor(study: dict[str, pl.DataFrame]) -> None:
    """Without censoring before the event, the share alive at 18 months is a survival estimate good enough here."""
    starts = study["treatments"].filter(pl.col("component").is_not_null())
    starts = starts.group_by("subject").agg(start=pl.col("start_date").str.to_date().min())
    died = pl.col("death_date").str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    months = (died - pl.col("start")).dt.total_days() / 30.4375
    early = (
        study["subjects"]
        .join(starts, on="subject")
        .filter(pl.col("withdrawal_date").is_null() & pl.col("lost_to_followup_date").is_null())
        .group_by("arm")
        .agg(share=(months <= 18).fill_null(value=False).mean())
    )
    share = dict(early.iter_rows())
    assert 0.30 < share["TACE+ICI"] < 0.50
    assert 0.47 < share["TACE"] < 0.68


# It is written all or nothing.


def test_a_previous_simulation_is_replaced(tmp_path: Path) -> None:
    simulate_to(tmp_path / "out", 40, 1, format="csv")
    simulate_to(tmp_path / "out", 30, 2)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.parquet" for name in TABLES} | {"simulation.json"}
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["subjects"] == 30
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    simulate_to(tmp_path / "out", 10, 1)
    (tmp_path / "out" / "my_notes.txt").write_text("mine")
    before = hashes(tmp_path / "out")
    with pytest.raises(UsageError, match="my_notes"):
        simulate_to(tmp_path / "out", 10, 2)
    assert hashes(tmp_path / "out") == before


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="not a folder"):
        simulate_to(tmp_path / "out", 10, 2)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        simulate_to(tmp_path / "file" / "out", 10, 2)


def test_after_resection_the_liver_cannot_be_evaluated(study: dict[str, pl.DataFrame]) -> None:
    conversions = study["treatments"].filter(pl.col("kind").is_in(["resection", "transplant"]))
    conversions = conversions.select("subject", month=pl.col("start_date").str.slice(0, 7))
    later = study["lesion_assessments"].join(conversions, on="subject").filter(
        pl.col("month").str.len_chars() == 7, pl.col("visit_date").dt.strftime("%Y-%m") > pl.col("month")
    )  # fmt: skip
    in_liver = later.filter((pl.col("organ") == "liver") & (pl.col("role") != "new"))
    assert in_liver.height > 100
    seen = set(in_liver["state"].drop_nulls()) | set(in_liver["status"].drop_nulls())
    assert seen <= {"ne", "merged"}


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    simulate_to(tmp_path / "out", 10, 1)
    before = hashes(tmp_path / "out")

    def stop(_stage: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_to(tmp_path / "out", 10, 2, progress=stop)
    assert hashes(tmp_path / "out") == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_study_in_which_nobody_has_an_adverse_event_has_an_empty_table() -> None:
    assert simulate(1, 1797)["adverse_events"].is_empty()

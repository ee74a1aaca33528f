"""A run in parts, and shards put together, write the same files, byte for byte, as a run in memory."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine
from rules_engine.errors import StudyError, UsageError
from rules_engine.partitions import Shard, merge_shards, run_in_parts, run_shard
from rules_engine.partitions.plan import of_range, part_of, parted, parts_needed, read_memory, subjects_of

from tests.scale.conftest import CUTOFF, files


def test_every_file_of_a_made_up_study_is_the_same(made_up: Path, tmp_path: Path) -> None:
    engine = Engine("tace_ici_hcc")
    engine.run(made_up, data_cutoff=CUTOFF).write(tmp_path / "whole", formats=("parquet", "csv"))
    told: list[str] = []
    with run_in_parts(
        engine,
        made_up,
        tmp_path / "parts",
        parts=3,
        data_cutoff=CUTOFF,
        formats=("parquet", "csv"),
        progress=told.append,
    ) as result:
        assert result.adtte.height == pl.read_parquet(tmp_path / "whole" / "adtte.parquet").height
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["parts", "whole"]  # nothing is left behind
    assert any(stage.startswith("part 3 of 3, about") and stage.endswith("left") for stage in told)


@pytest.mark.parametrize("shards", [1, 3, 12])
def test_shards_together_are_the_whole(small: Path, small_whole: dict[str, bytes], tmp_path: Path, shards: int) -> None:
    """With twelve shards of ten subjects, two shards are empty."""
    engine = Engine(small / "protocol.yaml")
    folders = []
    for number in range(shards, 0, -1):
        folders.append(run_shard(engine, small / "data", tmp_path / f"{number}", Shard(number, shards), parts=2))
    with merge_shards(engine, folders, tmp_path / "out"):
        pass
    assert files(tmp_path / "out") == small_whole
    assert all(folder.is_dir() for folder in folders)


def shards_of(small: Path, where: Path, *numbers: int, data: Path | None = None) -> list[Path]:
    engine = Engine(small / "protocol.yaml")
    return [run_shard(engine, data or small / "data", where / f"{n}", Shard(n, 3)) for n in numbers]


def test_a_missing_shard_and_one_that_is_there_twice_are_named(small: Path, tmp_path: Path) -> None:
    one, three = shards_of(small, tmp_path, 1, 3)
    again = run_shard(Engine(small / "protocol.yaml"), small / "data", tmp_path / "again", Shard(1, 3))
    with pytest.raises(StudyError, match="missing: 2/3") as caught:
        merge_shards(Engine(small / "protocol.yaml"), [one, three, again], tmp_path / "out")
    assert "shard 1 is there twice" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_shards_of_other_data_or_of_another_ruleset_are_refused(small: Path, tmp_path: Path) -> None:
    import shutil

    folders = shards_of(small, tmp_path, 1, 2)
    other = tmp_path / "other"
    shutil.copytree(small / "data", other)
    rows = (other / "lesion_assessments.csv").read_text().replace(",60", ",61")
    (other / "lesion_assessments.csv").write_text(rows)
    folders += shards_of(small, tmp_path, 3, data=other)
    with pytest.raises(StudyError, match="another sources"):
        merge_shards(Engine(small / "protocol.yaml"), folders, tmp_path / "out")
    changed = Engine(small / "protocol.yaml", overrides={"title": "Another"})
    with pytest.raises(StudyError, match="another ruleset"):
        merge_shards(changed, folders[:2], tmp_path / "out")


def test_what_is_no_shard_is_refused(small: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    engine = Engine(small / "protocol.yaml")
    with pytest.raises(StudyError, match="no folder of a shard"):
        merge_shards(engine, [tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(UsageError, match="no such folder"):
        merge_shards(engine, [tmp_path / "nowhere"], tmp_path / "out")


def test_ranges_from_other_subjects_cannot_be_parted(small: Path, tmp_path: Path) -> None:
    document = {"labs": {"grading": "ctcae_v5", "options": {"missing_range": "same_laboratory"}}}
    engine = Engine(small / "protocol.yaml", overrides=document)
    with pytest.raises(UsageError, match="its subjects cannot be run apart"):
        run_in_parts(engine, small / "data", tmp_path / "out")


# The plan -------------------------------------------------------------------------------------------------------------


def test_shards_and_parts_are_neighbours_in_the_order_of_names() -> None:
    subjects = pl.Series("subject", ["C", "A", "E", "B", "D"])
    assert [subjects_of(subjects, Shard(n, 2)).to_list() for n in (1, 2)] == [["A", "B"], ["C", "D", "E"]]
    assert parted(subjects.sort(), 2)["part"].to_list() == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 7])
def test_the_part_of_a_row_is_that_of_its_subject(parts: int) -> None:
    names = ["10", "9", "Ü-1", "a", "a b", "aa", ""]
    subjects = pl.Series("subject", names).sort()
    rows = pl.LazyFrame({"subject": [*names, *reversed(names), "a"]}).with_row_index("row")
    by_search = rows.with_columns(part=part_of(parted(subjects, parts))).collect()
    by_join = rows.join(parted(subjects, parts).lazy(), on="subject", maintain_order="left").collect()
    assert by_search.select("row", "part").rows() == by_join.select("row", "part").rows()


def test_rows_of_neighbours_are_those_of_each_of_them() -> None:
    rows = pl.LazyFrame({"subject": ["c", "a", "ab", "b", None, "bz", "d"]})
    assert of_range(rows, pl.Series("subject", ["ab", "b", "bz"])).collect()["subject"].to_list() == ["ab", "b", "bz"]
    assert of_range(rows, pl.Series("subject", ["d"])).collect()["subject"].to_list() == ["d"]
    assert of_range(rows, pl.Series("subject", [], dtype=pl.String)).collect().is_empty()


def test_more_rows_or_less_memory_make_more_parts(small: Path) -> None:
    ruleset = Engine(small / "protocol.yaml").ruleset
    rows = {"subjects": 200_000, "lesion_assessments": 10_000_000, "labs": 20_000_000}
    numbers = [parts_needed(rows, ruleset, read_memory(amount)) for amount in ("64GiB", "8GiB", "2GiB")]
    assert numbers == sorted(numbers)
    assert numbers[0] == 1
    assert numbers[2] >= 4 * numbers[1] > 4
    with pytest.raises(UsageError, match="less than any run takes"):
        parts_needed(rows, ruleset, read_memory("100MiB"))


@pytest.mark.parametrize(
    ("text", "number"), [("8GiB", 8 << 30), ("800 MB", 800 << 20), ("1.5g", 3 << 29), ("1048576", 1 << 20)]
)
def test_amounts_of_memory(text: str, number: int) -> None:
    assert read_memory(text) == number


@pytest.mark.parametrize("text", ["much", "8 GiB of it", "-1", ""])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no amount of memory"):
        read_memory(text)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0"])
def test_what_is_no_shard_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NUMBER/OF"):
        Shard.read(text)

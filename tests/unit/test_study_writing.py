"""Results on disk: all or nothing, the same bytes for the same result, and a user's own files stay."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from rules_engine.errors import UsageError
from rules_engine.study import writing
from rules_engine.study.writing import require_writable, write_outputs, write_text

FRAME = pl.DataFrame({"USUBJID": ["1", "2"], "AVAL": [1.5, None], "N": [1, 2]})
MANIFEST = {"ruleset": {"id": "x"}}


def write(out: Path, **more: object) -> dict[str, Path]:
    return write_outputs({"adtr": FRAME}, out, manifest=MANIFEST, **more)  # type: ignore[arg-type]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_everything_is_written_and_the_manifest_lists_it(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    written = write(out, formats=["parquet", "csv"], documents={"report.html": "<html>"})
    assert names(out) == ["adtr.csv", "adtr.parquet", "manifest.json", "report.html"]
    assert written == {"adtr": out / "adtr.parquet", "report": out / "report.html", "manifest": out / "manifest.json"}
    assert pl.read_parquet(out / "adtr.parquet").equals(FRAME)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["ruleset"] == {"id": "x"}
    for entry in manifest["outputs"]:
        assert hashlib.sha256((out / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert [(entry["file"], entry["rows"]) for entry in manifest["outputs"]] == [
        ("adtr.csv", 2), ("adtr.parquet", 2), ("report.html", None),
    ]  # fmt: skip
    assert manifest["columns"]["adtr"]["USUBJID"] == {"type": "String", "label": "Unique Subject Identifier"}
    assert names(tmp_path / "deep") == ["out"]


def test_labels_stand_in_the_parquet_file(tmp_path: Path) -> None:
    write(tmp_path / "out")
    labels = json.loads(pl.read_parquet_metadata(tmp_path / "out" / "adtr.parquet")["labels"])
    assert labels == {"AVAL": "Analysis Value", "USUBJID": "Unique Subject Identifier"}


def test_writing_again_replaces_a_previous_result_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, formats=["csv", "parquet"], documents={"report.html": "old"})
    write(out)
    assert names(out) == ["adtr.parquet", "manifest.json"]
    assert names(tmp_path) == ["out"]


def test_a_users_own_files_stay(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, formats=["csv"])
    (out / "notes.txt").write_text("mine")
    (out / "sub").mkdir()
    write(out)
    assert names(out) == ["adtr.parquet", "manifest.json", "notes.txt", "sub"]
    assert (out / "notes.txt").read_text() == "mine"


def test_a_file_of_the_same_name_that_is_not_ours_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "adtr.parquet").write_text("mine")
    with pytest.raises(UsageError, match=r"already holds adtr\.parquet"):
        write(out)
    assert names(out) == ["adtr.parquet"]
    assert (out / "adtr.parquet").read_text() == "mine"


def test_a_manifest_of_somebody_else_gives_no_right_to_delete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text(json.dumps({"outputs": [{"file": "adtr.parquet"}]}))
    with pytest.raises(UsageError, match=r"already holds manifest\.json"):
        write(out)
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    forged = {"producer": "endpoint-rules-engine", "outputs": [{"file": "../precious.txt"}, {"file": str(outside)}]}
    (out / "manifest.json").write_text(json.dumps(forged))
    write(out)
    assert outside.read_text() == "mine"
    assert names(out) == ["adtr.parquet", "manifest.json"]


def test_an_existing_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out")
    assert names(tmp_path / "out") == ["adtr.parquet", "manifest.json"]


def test_a_run_that_fails_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    monkeypatch.setattr(writing, "flush", full)
    with pytest.raises(UsageError, match="No space left"):
        write(out)
    assert names(tmp_path) == []
    monkeypatch.undo()
    write(out)
    before = (out / "adtr.parquet").read_bytes()
    monkeypatch.setattr(writing, "flush", full)
    with pytest.raises(UsageError):
        write_outputs({"adtr": FRAME.head(1)}, out, manifest=MANIFEST)
    assert (out / "adtr.parquet").read_bytes() == before
    assert names(tmp_path) == ["out"]


def test_a_swap_that_fails_half_way_puts_the_old_result_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write(out)
    before = (out / "manifest.json").read_bytes()
    rename = Path.rename

    def refuse_the_new_one(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(UsageError):
        write_outputs({"adtr": FRAME.head(1)}, out, manifest=MANIFEST)
    assert (out / "manifest.json").read_bytes() == before


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"use arrow, csv, .*parquet"):
        write(tmp_path / "out", formats=["sas7bdat"])
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\tx"),
        ("-3", "-3"), ("+1.5", "+1.5"), ("a=b", "a=b"), ("NON-CR/NON-PD", "NON-CR/NON-PD"), ("'=x", "'=x"),
    ],
)  # fmt: skip
def test_csv_neutralises_formulas_and_leaves_numbers_alone(tmp_path: Path, text: str, written: str) -> None:
    frame = pl.DataFrame({"A": [text], "B": ["x"]})
    write_outputs({"findings": frame}, tmp_path / "out", manifest={}, formats=["csv", "parquet"])
    assert pl.read_csv(tmp_path / "out" / "findings.csv", infer_schema=False)["A"].to_list() == [written]
    assert pl.read_parquet(tmp_path / "out" / "findings.parquet")["A"].to_list() == [text]


def test_the_bytes_depend_on_the_data_alone(tmp_path: Path) -> None:
    code = (
        "import sys, polars as pl\n"
        "from rules_engine.study.writing import write_outputs\n"
        "frame = pl.DataFrame({'a': list(range(300_000)), 'b': [str(i % 7) for i in range(300_000)]})\n"
        "frame = pl.concat([frame[:100], frame[100:]], rechunk=False)\n"
        "write_outputs({'ard': frame}, sys.argv[1], manifest={'b': 1, 'a': {'y': 1, 'x': [2]}})\n"
    )
    for threads, name in (("1", "one"), ("4", "two")):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=True, env=environment)
    for file in ("ard.parquet", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


# Where results may go


def test_results_never_go_into_the_input_data(tmp_path: Path) -> None:
    data = tmp_path / "study"
    data.mkdir()
    (data / "subjects.csv").write_text("subject\n1\n")
    for inputs in ([data], [data / "subjects.csv"]):
        for out in (data, data / "results", data / "a" / ".." / "results", tmp_path / "x" / ".." / "study"):
            with pytest.raises(UsageError, match="in the folder of the input data"):
                require_writable(out, inputs=inputs)
    assert require_writable(tmp_path / "study-results", inputs=[data]) == (tmp_path / "study-results").resolve()
    assert require_writable(tmp_path, inputs=[data]) == tmp_path.resolve()


def test_a_link_to_the_input_data_is_seen_through(tmp_path: Path) -> None:
    data = tmp_path / "study"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)
    with pytest.raises(UsageError, match="in the folder of the input data"):
        require_writable(tmp_path / "link", inputs=[data])


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="is a file, not a folder"):
            require_writable(out)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(UsageError, match="may not write"):
            write(tmp_path / "out")
    finally:
        tmp_path.chmod(0o755)


def test_one_text_file_is_written_whole(tmp_path: Path) -> None:
    path = write_text(tmp_path / "new" / "report.html", "<p>Größe</p>\n")
    assert path.read_bytes() == "<p>Größe</p>\n".encode()
    write_text(path, "again")
    assert path.read_text() == "again"
    assert names(path.parent) == ["report.html"]
    with pytest.raises(UsageError, match="it is a folder"):
        write_text(tmp_path, "x")

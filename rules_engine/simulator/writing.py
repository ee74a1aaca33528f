"""Writes the made-up study to a folder: one file per input table, all or nothing, a chunk of subjects at a time."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

import rules_engine
from rules_engine.errors import UsageError
from rules_engine.simulator._study import CHUNK_SUBJECTS, study_in_chunks

Format = Literal["parquet", "csv"]

#: Says that a folder is a made-up study, how it was made, and which files belong to it.
MARK = "simulation.json"
#: Says which defects were put where.
DEFECTS = "defects.json"

#: Row groups are bounded, so that a large table can be read in pieces.
_PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "row_group_size": 250_000}


def simulate_to(
    out: str | Path,
    subjects: int,
    seed: int,
    *,
    format: Format = "parquet",  # noqa: A002  (the word of the command line)
    defects: bool | Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write the study that `simulate` gives for the same arguments to the folder `out`; return what was written.

    One file per input table (`subjects.parquet` …), `simulation.json`, and `defects.json` where defects were asked for.
    `out` is made if missing; a previous simulation in it is replaced; any other folder that is not empty is refused
    with `UsageError`. The folder appears complete or not at all. Memory does not grow with `subjects`. `progress` is
    called with what is being done.
    """
    tell = progress or (lambda _stage: None)
    folder = Path(out).resolve()
    try:
        require_replaceable(folder)
        return _write_and_replace(folder, subjects, seed, format, defects, tell)
    except OSError as error:
        remedy = "name a folder that can be made and written to; nothing was changed"
        raise UsageError.at(str(folder), f"it cannot be written: {error.strerror or error}", remedy) from error


def _write_and_replace(
    folder: Path,
    subjects: int,
    seed: int,
    file_format: Format,
    defects: bool | Sequence[str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Write to a folder beside `folder`, and let it take the place of what was there once it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as work:
        new = Path(work) / "new"
        new.mkdir()
        summary = _write(new, Path(work) / "parts", subjects, seed, file_format, defects, tell)
        _replace(folder, new, Path(work) / "old")
    return summary


def _replace(folder: Path, new: Path, old: Path) -> None:
    """Put `new` in the place of `folder`; where that fails, what was there comes back."""
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def require_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but a previous simulation."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError.at(str(folder), "it is a file, not a folder", "name another folder")
    found = {path.name for path in folder.iterdir()}
    if not found:
        return
    try:
        ours = set(json.loads((folder / MARK).read_text(encoding="utf-8"))["files"]) | {MARK}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    foreign = sorted(found - ours)
    if foreign:
        raise UsageError.at(
            str(folder),
            f"the folder is not empty, and {foreign[0]!r} is not part of a previous simulation",
            "name an empty or new folder; nothing was changed",
        )


def _write(
    new: Path,
    parts: Path,
    subjects: int,
    seed: int,
    file_format: Format,
    defects: bool | Sequence[str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    rows: dict[str, int] = {}
    done = 0
    placed: list[dict[str, Any]] = []
    for number, chunk in enumerate(study_in_chunks(subjects, seed, defects=defects, placed=placed)):
        for name, table in chunk.items():
            rows[name] = rows.get(name, 0) + table.height
            if file_format == "csv":
                with (new / f"{name}.csv").open("ab") as stream:
                    table.write_csv(stream, include_header=number == 0)
            else:
                part = parts / name / f"{number:06d}.parquet"
                part.parent.mkdir(parents=True, exist_ok=True)
                table.write_parquet(part, **_PARQUET)
        done = min(done + CHUNK_SUBJECTS, subjects)
        tell(f"made up {done:,} of {subjects:,} subjects")
    if file_format == "parquet":
        for name in rows:
            tell(f"writing {name}")
            _join(sorted((parts / name).iterdir()), new / f"{name}.parquet")
    asked = [one["defect"] for one in placed]
    files = [f"{name}.{file_format}" for name in rows]
    if asked:
        files.append(DEFECTS)
        (new / DEFECTS).write_text(_as_text(placed), encoding="utf-8")
    summary: dict[str, Any] = {
        "made_by": f"rules_engine {rules_engine.__version__}, simulator",
        "subjects": subjects,
        "seed": seed,
        "format": file_format,
        "rows": rows,
        "defects": sorted(set(asked)),
        "files": sorted(files),
    }
    (new / MARK).write_text(_as_text(summary), encoding="utf-8")
    return summary


def _join(parts: Iterable[Path], file: Path) -> None:
    """Stack the parts of a table into one file, streaming, in their order."""
    found = list(parts)
    if len(found) == 1:
        found[0].rename(file)
        return
    pl.scan_parquet(found).sink_parquet(file, maintain_order=True, **_PARQUET)


def _as_text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"

"""Writes results: all or nothing, byte for byte the same for the same result, and never over a user's own files.

New results are made in a hidden folder beside the target and moved there when they are complete. Where the target
already holds results of a previous run, only files that its manifest lists are replaced.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from rules_engine import guard
from rules_engine.errors import PluginError, Problem, UsageError, WriteError, closest
from rules_engine.registry import Registry, default_registry
from rules_engine.study.adam import as_text
from rules_engine.study.labels import DATA_SET_LABELS, KEYS, SHORT_NAMES, column_labels
from rules_engine.study.manifest import PRODUCER, as_json
from rules_engine.study.sources import hash_file
from rules_engine.vocabulary import DataSet, Writer

Frames = Mapping[str, pl.DataFrame | pl.LazyFrame]
MANIFEST = "manifest.json"


def write_outputs(
    frames: Frames,
    out: str | Path,
    *,
    manifest: Mapping[str, Any],
    formats: Sequence[str] = ("parquet",),
    documents: Mapping[str, str] | None = None,
    inputs: Sequence[str | Path] = (),
    registry: Registry | None = None,
) -> dict[str, Path]:
    """Write every frame in every format, the documents (file name to text) and the manifest into the folder `out`.

    A lazy frame is streamed into its file where the format can, which has the same bytes as that of the frame collected.
    Returns the path of everything written, by name (`adtte`, `report`, `manifest`; with several formats the first one's
    path). Raises `UsageError` where the folder cannot be written, lies in an input folder, or holds a file of the same
    name that is not ours; nothing is changed then.
    """
    registry = registry or default_registry()
    writers = chosen_writers(formats, registry)
    target = require_writable(out, inputs=inputs)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True) as work:
        new = Path(work) / "new"
        new.mkdir()
        with writing_to(target):
            data_sets = {name: _data_set(name, frame, manifest) for name, frame in frames.items()}
            written = {
                name: _write_data_set(data_set, writers, new, target, registry) for name, data_set in data_sets.items()
            }
            written |= _write_documents(documents or {}, new)
            _write_manifest(new, manifest, frames, {writer.suffix for writer in writers})
            flush(new)
            with _alone_beside(target):
                _put_in_place(new, target, Path(work) / "old")
    return {name: target / file for name, file in {**written, "manifest": MANIFEST}.items()}


def write_text(path: str | Path, text: str) -> Path:
    """Write one text file (UTF-8), complete or not at all; returns its path."""
    return write_file(path, text.encode("utf-8"))


def write_file(path: str | Path, content: bytes) -> Path:
    """Write one file, complete or not at all; returns its path."""
    target = Path(path)
    if target.is_dir():
        raise UsageError.at(str(target), "it is a folder, not a file", "name a file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
            new = Path(work) / "new"
            new.write_bytes(content)
            _flush_file(new)
            new.replace(target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    return target


# Is the place free? ---------------------------------------------------------------------------------------------------


def require_writable(out: str | Path, *, inputs: Sequence[str | Path] = ()) -> Path:
    """The absolute path of the folder `out`; raises `UsageError` where results cannot be put there.

    `inputs` are the folders or files that are read: results neither replace them nor go in among them.
    """
    target = Path(out).expanduser().absolute().resolve()
    if target.exists() and not target.is_dir():
        raise UsageError.at(str(target), "it is a file, not a folder", "name another folder for the results")
    for given in inputs:
        source = Path(given).expanduser().absolute().resolve()
        folder = source.parent if source.is_file() else source
        if target == folder or target.is_relative_to(folder):
            raise UsageError.at(
                str(target),
                f"it lies in the folder of the input data, {folder}",
                "name a folder outside the input data",
            )
    nearest = next(path for path in (target, *target.parents) if path.exists())
    if not nearest.is_dir():
        raise UsageError.at(str(target), f"{nearest} is a file, not a folder", "name another folder for the results")
    if not os.access(nearest, os.W_OK | os.X_OK) or (
        target.is_dir() and not os.access(target.parent, os.W_OK | os.X_OK)
    ):
        raise UsageError.at(str(target), f"this user may not write to {nearest}", "allow it, or name another folder")
    return target


@contextmanager
def writing_to(target: Path) -> Iterator[None]:
    """Raises `UsageError` where what is done inside fails for want of space or permission, also inside Polars."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(target, error) from error
    except pl.exceptions.ComputeError as error:
        if "os error" not in str(error).lower():
            raise
        raise _cannot_write(target, OSError(str(error))) from error


def _cannot_write(target: Path, error: OSError) -> UsageError:
    what = error.strerror or str(error)
    remedy = "free some space, allow this user to write there, or name another folder; nothing was left half done"
    problem = UsageError.at(str(target), f"it cannot be written: {what}", remedy)
    return UsageError(problem.problems)


def _files_of_ours(folder: Path) -> set[str]:
    """Names of the files that a previous run wrote into the folder, by its manifest; empty without one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["producer"] != PRODUCER:
            return set()
        names = {str(entry["file"]) for entry in manifest["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if Path(name).name == name and name not in ("", ".", "..")} | {MANIFEST}


# Making the files -----------------------------------------------------------------------------------------------------


def chosen_writers(formats: Sequence[str], registry: Registry | None = None) -> list[Writer]:
    """The writers of these formats, each once; raises `UsageError` for a format that no plugin offers."""
    known = (registry or default_registry()).writers
    for format_ in formats:
        if format_ not in known:
            raise UsageError.at(
                f"format {format_!r}", "results cannot be written in it", f"use {', '.join(known)}",
                meant=closest(format_, known),
            )  # fmt: skip
    return [known[format_] for format_ in dict.fromkeys(formats)]


def _write_data_set(
    data_set: DataSet, writers: Sequence[Writer], folder: Path, target: Path, registry: Registry
) -> str:  # fmt: skip
    """Write one data set in every format; returns the name of the first file."""
    files = [f"{data_set.name}{writer.suffix}" for writer in writers]
    for writer, file in zip(writers, files, strict=True):
        who = guard.who_is(registry, "writer", writer.id, writer.version)
        on_file = guard.Who(f"{who} on {file}", who.seconds)
        guard.call(on_file, partial(_write_in, writer, data_set, folder / file, target))
        if not (folder / file).is_file():
            raise PluginError([Problem(on_file, "it wrote no such file", guard.REMEDY)])
    return files[0]


def _write_in(writer: Writer, data_set: DataSet, path: Path, target: Path) -> None:
    try:
        with writing_to(target):
            writer.write(data_set if writer.takes_categories else replace(data_set, rows=as_text(data_set.rows)), path)
    except WriteError as error:
        remedy = error.remedy or "choose another format for the results"
        raise UsageError.at(f"{path.name} ({writer.title})", error.what, f"{remedy}; nothing was written") from error


def _write_documents(documents: Mapping[str, str], folder: Path) -> dict[str, str]:
    for file, text in documents.items():
        (folder / file).write_bytes(text.encode("utf-8"))
    return {Path(file).stem: file for file in documents}


def _data_set(name: str, frame: pl.DataFrame | pl.LazyFrame, manifest: Mapping[str, Any]) -> DataSet:
    """The frame with what its files say about it."""
    labels = column_labels(name)
    stated = manifest.get("data_cutoff")
    return DataSet(
        name=name,
        label=DATA_SET_LABELS.get(name, name),
        rows=frame,
        labels={column: labels[column] for column in frame.lazy().collect_schema().names() if column in labels},
        short_names=SHORT_NAMES.get(name, {}),
        keys=KEYS.get(name, ()),
        study=str(manifest.get("study") or ""),
        **({"as_of": date.fromisoformat(str(stated))} if stated else {}),
    )


def _write_manifest(folder: Path, manifest: Mapping[str, Any], frames: Frames, suffixes: AbstractSet[str]) -> None:
    rows = {name: frame.lazy().select(pl.len()).collect().item() for name, frame in frames.items()}
    outputs = [
        {
            "file": path.name,
            "sha256": hash_file(path),
            "rows": rows.get(path.stem) if path.suffix in suffixes else None,
        }
        for path in sorted(folder.iterdir())
    ]
    columns = {
        name: {
            column: {"type": str(dtype), "label": column_labels(name).get(column, "")}
            for column, dtype in as_text(frame.lazy()).collect_schema().items()
        }
        for name, frame in frames.items()
    }
    text = as_json({**manifest, "producer": PRODUCER, "outputs": outputs, "columns": columns})
    (folder / MANIFEST).write_bytes((text + "\n").encode("utf-8"))


# Moving them into place -----------------------------------------------------------------------------------------------


def flush(folder: Path) -> None:
    """Make sure that every file is on the disk before the folder gets its name."""
    for path in folder.iterdir():
        if path.is_dir():
            flush(path)
        else:
            _flush_file(path)
    _flush_file(folder)


def _flush_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems cannot flush a folder
        pass
    finally:
        os.close(handle)


@contextmanager
def _alone_beside(target: Path) -> Iterator[None]:
    """Wait until no other process puts results into this folder, and keep others waiting: two runs that end together leave the whole
    result of one, never files of both. What is locked is the folder above, so that nothing is left behind; where a system cannot
    lock folders, nobody waits.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _put_in_place(new: Path, target: Path, old: Path) -> None:
    new.chmod(0o755)
    if not target.exists():
        new.rename(target)
        return
    ours = _files_of_ours(target)
    there = {path.name for path in target.iterdir()}
    blocked = sorted((there - ours) & {path.name for path in new.iterdir()})
    if blocked:
        raise UsageError.at(
            str(target),
            f"it already holds {', '.join(blocked)}, not written by a previous run",
            "move these files away or name another folder; nothing was changed",
        )
    if there <= ours and _swap(new, target, old):
        return
    _replace_one_by_one(new, target, ours)


def _swap(new: Path, target: Path, old: Path) -> bool:
    """Exchange a folder that holds only our files for the new one; False where the file system refuses."""
    mode = target.stat().st_mode & 0o7777
    try:
        target.rename(old)
    except OSError:  # a mount point, for example
        return False
    try:
        new.chmod(mode)
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
    return True


def _replace_one_by_one(new: Path, target: Path, ours: set[str]) -> None:
    """Among a user's own files: the old manifest goes first and the new one comes last, so that half a result is never
    taken for a whole.
    """
    (target / MANIFEST).unlink(missing_ok=True)
    names = sorted(path.name for path in new.iterdir() if path.name != MANIFEST)
    for name in sorted(ours - {MANIFEST} - set(names)):
        (target / name).unlink(missing_ok=True)
    for name in [*names, MANIFEST]:
        (new / name).replace(target / name)
    _flush_file(target)

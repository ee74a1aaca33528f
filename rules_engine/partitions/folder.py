"""A work folder: finished parts on disk, each complete and with the hashes of its files, or not there at all.

run.json            what is run on what (`key`), and how it is parted
lock                held while a process works here
tables/             the study's tables, split by part
parts/00001/ …      what was derived of a part; part.json names its files with their hashes
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from rules_engine.errors import StudyError, UsageError
from rules_engine.partitions import files
from rules_engine.partitions.plan import of_range, part_of
from rules_engine.study.manifest import as_json
from rules_engine.study.sources import hash_file
from rules_engine.study.writing import flush, writing_to

PRODUCER = "endpoint-rules-engine parts"
_RUN, _LOCK, _PART, _TABLES, _PARTS = "run.json", "lock", "part.json", "tables", "parts"
#: How the name of a part begins that is being written.
_NEW = ".new."
#: A file of each table that holds no row.
_EMPTY = "empty.parquet"
#: How the tables are split: Parquet, since who asks for one subject is spared the rows of others.
_SPLIT: dict[str, Any] = {"compression": "lz4", "statistics": True}


@dataclass(frozen=True)
class WorkFolder:
    """The work folder of one run or shard."""

    path: Path

    # The whole folder -------------------------------------------------------------------------------------------------

    def begin(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Make the folder ready for this run: what another run left there goes, what this one left stays.

        Returns what `run.json` says from now on.
        """
        known = self._known()
        if known is None:
            self._require_empty()
        for left in (*self.path.glob(f".{_TABLES}.*"), *(self.path / _PARTS).glob(f"{_NEW}*")):  # by a killed process
            shutil.rmtree(left, ignore_errors=True)
        if known is not None and known["key"] == run["key"]:
            return known
        for name in (_TABLES, _PARTS):
            shutil.rmtree(self.path / name, ignore_errors=True)
        document = {"producer": PRODUCER, **run}
        with writing_to(self.path):
            _put(self.path / _RUN, as_json(document))
        return document

    def run(self) -> dict[str, Any]:
        """What `run.json` says; raises `StudyError` where there is none."""
        known = self._known()
        if known is None:
            what = "it is no folder of a shard, or the shard was not begun properly"
            raise StudyError.at(str(self.path), what, "name the folder that `run --shard` wrote with --out")
        return known

    def _known(self) -> dict[str, Any] | None:
        try:
            document = json.loads((self.path / _RUN).read_text(encoding="utf-8"))
            is_ours = document["producer"] == PRODUCER and isinstance(document["key"], str)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return document if is_ours else None

    def _require_empty(self) -> None:
        """Refuse a folder that holds what no run of ours put there."""
        strange = sorted({path.name for path in self.path.iterdir()} - {_LOCK, f".{_RUN}.new"})
        if strange:
            raise UsageError.at(
                str(self.path), f"it holds {', '.join(strange[:3])}, which no run in parts wrote",
                "name an empty folder, or one that is not there yet; nothing was changed",
            )  # fmt: skip

    def remove(self) -> None:
        """Delete what runs wrote here, and the folder if nothing else is in it."""
        for folder in (self.path / _TABLES, self.path / _PARTS, *self.path.glob(f".{_TABLES}.*")):
            shutil.rmtree(folder, ignore_errors=True)
        for name in (_RUN, f".{_RUN}.new"):
            (self.path / name).unlink(missing_ok=True)

    # The study's tables, split ----------------------------------------------------------------------------------------

    @property
    def has_tables(self) -> bool:
        """Whether the tables were split to the end."""
        return (self.path / _TABLES).is_dir()

    def split(self, tables: Mapping[str, pl.LazyFrame], parts: pl.DataFrame) -> None:
        """Split the rows of every table by the part of their subject (`plan.parted`), streaming."""
        with writing_to(self.path), tempfile.TemporaryDirectory(prefix=f".{_TABLES}.", dir=self.path) as work:
            new = Path(work) / _TABLES
            for name, rows in tables.items():
                where = new / name
                where.mkdir(parents=True)
                rows.clear().collect().write_parquet(where / _EMPTY)  # the columns, where no row is
                if not parts.is_empty():
                    target = pl.PartitionBy(where, key="part", include_key=False, file_path_provider=_split_name)
                    mine = of_range(rows, parts["subject"]).with_columns(part=part_of(parts))
                    mine.sink_parquet(target, **_SPLIT, mkdir=True)
            flush(new)
            new.rename(self.path / _TABLES)

    def put_tables(self, part: int, tables: Mapping[str, pl.DataFrame]) -> None:
        """Put the tables of one part, which were split elsewhere."""
        with writing_to(self.path):
            for name, rows in tables.items():
                where = self.path / _TABLES / name
                where.mkdir(parents=True, exist_ok=True)
                if not (where / _EMPTY).exists():
                    rows.clear().write_parquet(where / _EMPTY)
                rows.write_parquet(where / f"part-{part:05d}-0000.parquet", **_SPLIT)

    def tables(self, names: Sequence[str], part: int | None = None) -> dict[str, pl.LazyFrame]:
        """The tables of one part, or of all of them."""
        pattern = "part-*" if part is None else f"part-{part:05d}-*"
        found = {}
        for name in names:
            where = self.path / _TABLES / name
            found[name] = pl.scan_parquet([where / _EMPTY, *sorted(where.glob(f"{pattern}.parquet"))])
        return found

    # Parts ------------------------------------------------------------------------------------------------------------

    def is_done(self, part: int, key: str) -> bool:
        """Whether a part is there, of this run, with every file as it was written."""
        try:
            self.frames(part, key)
        except StudyError:
            shutil.rmtree(self._part(part), ignore_errors=True)
            return False
        return True

    def write(self, part: int, key: str, frames: Iterator[tuple[str, pl.DataFrame]]) -> None:
        """Write what was derived of a part: complete, or not at all."""
        parts = self.path / _PARTS
        with writing_to(self.path):
            parts.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=_NEW, dir=parts) as work:
                new = Path(work) / "part"
                new.mkdir()
                written = []
                for number, (name, frame) in enumerate(frames):
                    file = new / f"{number:04d}{files.SUFFIX}"
                    files.put(frame, file)
                    written.append({"name": name, "file": file.name, "sha256": hash_file(file)})
                _put(new / _PART, as_json({"key": key, "part": part, "frames": written}))
                flush(new)
                shutil.rmtree(self._part(part), ignore_errors=True)
                new.rename(self._part(part))

    def frames(self, part: int, key: str) -> dict[str, Path]:
        """The file of each frame of a part; raises `StudyError` where one is missing or not as it was written."""
        folder = self._part(part)
        try:
            told = json.loads((folder / _PART).read_text(encoding="utf-8"))
            entries: Sequence[Mapping[str, str]] = told["frames"]
            if told["key"] != key:
                raise StudyError.at(str(folder), "this part is of another run", "run its shard again")
            found = {entry["name"]: folder / Path(entry["file"]).name for entry in entries}
            odd = [found[entry["name"]] for entry in entries if hash_file(found[entry["name"]]) != entry["sha256"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"part {part} is missing or cannot be read: {error}"
            raise StudyError.at(str(folder), what, "run its shard again") from error
        if odd:
            raise StudyError.at(str(odd[0]), "the file is not as it was written", "run its shard again")
        return found

    def _part(self, part: int) -> Path:
        return self.path / _PARTS / f"{part:05d}"


def _split_name(told: Any) -> str:
    return f"part-{told.partition_keys.item():05d}-{told.index_in_partition:04d}.parquet"


def _put(path: Path, text: str) -> None:
    """A small text file, complete or not there."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text + "\n", encoding="utf-8")
    new.replace(path)


# One process at a time ------------------------------------------------------------------------------------------------


@contextmanager
def working_in(path: Path) -> Iterator[WorkFolder]:
    """The work folder, made if missing and held for this process; a process that dies lets go of it."""
    with writing_to(path):
        path.mkdir(parents=True, exist_ok=True)
        file = (path / _LOCK).open("a")
    with file:
        if not _locked(file):
            raise UsageError.at(
                str(path), "another process is at work in this folder", "wait for it, or name another folder"
            )
        try:
            yield WorkFolder(path)
        finally:
            if not (path / _RUN).exists():
                _leave(path)


def _leave(path: Path) -> None:
    """Take the lock away, and the folder if it is empty then."""
    with suppress(OSError):
        (path / _LOCK).unlink()
        path.rmdir()


def _locked(file: IO[str]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A process that was ending may have taken the file away between our opening and locking it.
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except OSError:
        return False

"""The laws of a reader of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from rules_engine.testing import laws
from rules_engine.vocabulary import Reader

#: Texts that a format must give back as they are: Unicode, quotes, a number with leading zeros, what looks like a date, no value.
CELLS = pl.DataFrame(
    {
        "subject": ["01-001", "01-002", "02-001"],
        "site": ["007", "010", "0"],
        "arm": ["Größe ≥ 2", 'said "no", twice', None],
        "randomisation_date": ["2024-01-08", "2024-02-30", "NA"],
    }
)


class ReaderConformance:
    """Everything that the engine relies on in a reader. A subclass names the reader and how a file of its format is written.

    `write(frame, path)` writes the text cells `CELLS` with another tool than the reader's own, where there is one; a form that holds
    several tables gets them as the table `subjects`.
    """

    reader: ClassVar[Reader]
    write: ClassVar[Callable[[pl.DataFrame, Path], object]]

    def read(self, path: Path) -> pl.DataFrame:
        """The rows of a file of one table, or of the table `subjects` of a file that holds several."""
        reader = self.reader
        if reader.scan is not None:
            scanned = reader.scan(path, None) if reader.takes_encoding else reader.scan(path)
        else:
            assert reader.scan_tables is not None, "the reader has neither `scan` nor `scan_tables`"
            scanned = reader.scan_tables(str(path), lambda _name: True)["subjects"]  # type: ignore[assignment]
        return laws.collected(scanned, f"reader {reader.id!r}")

    def _written(self, folder: Path) -> Path:
        path = folder / f"subjects{self.reader.suffixes[0]}"
        type(self).write(CELLS, path)
        return path

    def test_every_cell_comes_back_as_it_was_written(self, tmp_path: Path) -> None:
        """A lazy frame with all columns and rows, in order; text stays text, and a missing value is missing."""
        rows = self.read(self._written(tmp_path))
        assert rows.columns == CELLS.columns
        assert rows.select(pl.all().cast(pl.String)).rows() == CELLS.rows()

    def test_a_file_without_rows_has_its_columns(self, tmp_path: Path) -> None:
        """Nobody is an answer as well."""
        path = tmp_path / f"empty{self.reader.suffixes[0]}"
        type(self).write(CELLS.clear(), path)
        rows = self.read(path)
        assert rows.columns == CELLS.columns
        assert rows.is_empty()

    def test_reading_changes_nothing_on_disk(self, tmp_path: Path) -> None:
        """Not the file, and nothing beside it."""
        path = self._written(tmp_path)
        before, names = path.read_bytes(), sorted(file.name for file in tmp_path.iterdir())
        self.read(path)
        assert path.read_bytes() == before
        assert sorted(file.name for file in tmp_path.iterdir()) == names

    def test_a_file_that_is_not_there_or_of_another_kind_is_an_error(self, tmp_path: Path) -> None:
        """An ordinary exception, which the engine tells with the file's name; never rows."""
        with pytest.raises(Exception):  # noqa: B017, PT011  (whatever the format's library raises)
            self.read(tmp_path / f"nowhere{self.reader.suffixes[0]}")

    def test_the_reader_says_what_it_is(self) -> None:
        """Id, version, title, and endings that begin with a dot and are in lower case."""
        laws.require_words(self.reader, ("id", "version", "title"))
        assert self.reader.suffixes
        for suffix in self.reader.suffixes:
            assert suffix.startswith(".") and suffix == suffix.lower(), suffix  # noqa: PT018

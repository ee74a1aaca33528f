"""The subjects of a study as grading knows them: there are few of them however many results there are, and results carry
the number of their subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from rules_engine import dates
from rules_engine.ordering import rank_of

#: What grading may know of each subject, with its type; any of it may be missing.
PEOPLE: Final[dict[str, pl.DataType]] = {
    "treatment_start": pl.Date(),
    "treatment_start_time": pl.Time(),
    "treatment_end": pl.Date(),
    "window_end": pl.Date(),
    "sex": pl.String(),
    "birth_date": pl.String(),
}


@dataclass(frozen=True)
class LabPeople:
    """The subjects of a table of results, one row of `table` each, and the number of its subject for each result (null for
    a result of nobody).

    Columns of `table`: `subject`, those of `PEOPLE` (null where nothing is known of a subject), and `born`, the first day that
    the date of birth may mean.
    """

    table: pl.DataFrame
    number: pl.Series

    def of_results(self, column: str) -> pl.Series:
        """A column of the table, for every result."""
        return self.table[column].gather(self.number)

    def part(self, first: int, last: int) -> LabPeople:
        """The same subjects, with the numbers of the results from `first` to before `last`."""
        return LabPeople(self.table, self.number.slice(first, last - first))


def find_people(subjects: pl.Series, people: pl.DataFrame) -> LabPeople:
    """The subjects of results; `people` has the columns of `PEOPLE` by subject."""
    number = rank_of(subjects)
    distinct = (
        pl.LazyFrame({"subject": subjects, "number": number})
        .drop_nulls()
        .group_by("number")
        .agg(pl.col("subject").first())
        .sort("number")
        .collect(engine="in-memory")
    )
    known = distinct.select("subject").join(people, on="subject", how="left", maintain_order="left")
    return LabPeople(known.with_columns(born=dates.first_possible_day(pl.col("birth_date"))), number)

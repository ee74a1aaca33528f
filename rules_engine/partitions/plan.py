"""How the subjects of a study are parted: runs of subjects in the order of their names, as many as the memory asks for.

A part is a run of neighbours, not a hash: published data sets are sorted by subject, so the parts one after another *are* the data
set, and nothing has to be sorted again. Which part a subject is in changes no result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from rules_engine.errors import UsageError
from rules_engine.machine import cores
from rules_engine.model import Ruleset

GIB: Final = 1 << 30
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": GIB, "T": 1 << 40}
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE)

#: What a run takes before it has read anything: the interpreter, Polars and its threads, the plugins and the ruleset.
BASE_BYTES: Final = 450 << 20
#: Need of memory per row of a table, and per subject and endpoint, while a part is derived: one and a half times what was measured with
#: four criteria and twelve endpoints.
BYTES_PER_ROW: Final = {
    "lesion_assessments": 560, "labs": 840, "response_assessments": 350, "adverse_events": 1_050, "treatments": 210,
    "clinical_events": 210,
}  # fmt: skip
BYTES_PER_ENDPOINT: Final = 1_400
SMALLEST_PART: Final = 50
#: Fewer subjects than this are not worth a part of their own, only to keep another core busy.
WORTH_A_PART: Final = 500
#: A worker process that has less than this for its part, beside what it takes anyway, is not worth starting.
LEAST_OF_WORKER: Final = 256 << 20


@dataclass(frozen=True)
class Shard:
    """The `number`-th of `of` shards of a study; shards and parts count from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def read(cls, text: str) -> Shard:
        """`3/8` as a shard."""
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError.at(f"shard {text!r}", "it is not NUMBER/OF, such as 3/8", "count the shards from 1")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def read_memory(amount: int | str) -> int:
    """Bytes, from a number of bytes or a text such as `8GiB`, `800 MB` or `2g`; units count in 1024."""
    if isinstance(amount, int):
        return amount
    found = _AMOUNT.fullmatch(amount.strip())
    if found is None:
        raise UsageError.at(f"memory {amount!r}", "it is no amount of memory", "write it as 8GiB or 800MiB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def parts_needed(rows: Mapping[str, int], ruleset: Ruleset, memory: int) -> int:
    """How many parts keep each within `memory` bytes; `rows` are those of each table of the shard."""
    if memory < BASE_BYTES + (64 << 20):
        least = (BASE_BYTES + (64 << 20)) >> 20
        raise UsageError.at("memory", f"{memory >> 20} MiB are less than any run takes", f"allow {least} MiB or more")
    subjects = rows.get("subjects", 0)
    needed = sum(count * BYTES_PER_ROW.get(table, 210) for table, count in rows.items())
    needed += subjects * len(ruleset.endpoints) * BYTES_PER_ENDPOINT
    parts = -(-needed // (memory - BASE_BYTES))
    return max(1, min(parts, -(-subjects // SMALLEST_PART)))


def workers_for(stated: int | None, subjects: int, memory: int) -> int:
    """How many processes derive parts side by side: as many as stated, else one for each core where there are subjects enough; no
    more than `memory` bytes have room for beside this process.
    """
    if stated is not None and stated < 1:
        raise UsageError.at(f"workers {stated}", "at least one process must do the work", "state 1 or more")
    wanted = stated if stated is not None else min(cores(), subjects // WORTH_A_PART)
    return max(1, min(wanted, (memory - BASE_BYTES) // (BASE_BYTES + LEAST_OF_WORKER)))


def share_of(memory: int, workers: int) -> int:
    """The bytes that each of so many workers may use: all of them where this process does the work itself."""
    return memory if workers == 1 else (memory - BASE_BYTES) // workers


def subjects_of(subjects: pl.Series, shard: Shard) -> pl.Series:
    """The subjects of a shard, in order; `subjects` are all of the study."""
    ordered = subjects.unique().sort()
    first, end = ((shard.number - 1) * ordered.len()) // shard.of, (shard.number * ordered.len()) // shard.of
    return ordered.slice(first, end - first)


def parted(subjects: pl.Series, parts: int) -> pl.DataFrame:
    """The part of each of these subjects, which are in order: subject, part (from 1)."""
    numbered = pl.DataFrame({"subject": subjects}).with_row_index("place")
    part = pl.col("place").cast(pl.Int64) * parts // max(1, subjects.len()) + 1
    return numbered.select("subject", part=part.cast(pl.Int32))


def of_range(rows: pl.LazyFrame, subjects: pl.Series) -> pl.LazyFrame:
    """The rows of these subjects, which are in order and neighbours among those of the study."""
    if subjects.is_empty():
        return rows.clear()
    return rows.filter(pl.col("subject").is_between(pl.lit(subjects[0]), pl.lit(subjects[-1])))


def part_of(parts: pl.DataFrame) -> pl.Expr:
    """The part of each row's subject, one of `parts` (`parted`), from the first subjects of the parts: a join would hold the rows."""
    first = parts.group_by("part").agg(pl.col("subject").min()).sort("part")
    return pl.col("subject").map_batches(
        lambda subject: first["part"].gather(first["subject"].search_sorted(subject, side="right") - 1),
        return_dtype=pl.Int32,
        is_elementwise=True,
    )

"""Where a date comes from: the data set and variable of each kind of record, for SRCDOM, SRCVAR and SRCSEQ."""

from __future__ import annotations

from typing import Final

import polars as pl

ASSESSMENT: Final = "ASSESSMENT"
DEATH: Final = "DEATH"
ORIGIN: Final = "ORIGIN"
LAST_CONTACT: Final = "LAST_CONTACT"
WITHDRAWAL: Final = "WITHDRAWAL"
CUTOFF: Final = "CUTOFF"
THERAPY: Final = "THERAPY"
TACE: Final = "TACE"
COMPONENT_START: Final = "COMPONENT_START"
COMPONENT_LAST: Final = "COMPONENT_LAST"
EVENT: Final = "EVENT"

#: Data set and variable that hold the date of each kind of record.
_PLACES: Final = {
    ASSESSMENT: ("ADRS", "ADT"),
    DEATH: ("ADSL", "DTHDT"),
    ORIGIN: ("ADSL", "STARTDT"),
    LAST_CONTACT: ("ADSL", "LSTALVDT"),
    WITHDRAWAL: ("ADSL", "WDCONSDT"),
    CUTOFF: ("RULESET", "CUTOFF"),
    THERAPY: ("CM", "CMSTDTC"),
    TACE: ("PR", "PRSTDTC"),
    COMPONENT_START: ("EX", "EXSTDTC"),
    COMPONENT_LAST: ("EX", "EXENDTC"),
    EVENT: ("CE", "CESTDTC"),
}

SOURCE_COLUMNS: Final = ("source_domain", "source_variable", "source_seq", "source_id")


def source(kind: str) -> dict[str, pl.Expr]:
    """The source columns of a record that is known by its kind alone."""
    domain, variable = _PLACES[kind]
    return {
        "source_domain": pl.lit(domain),
        "source_variable": pl.lit(variable),
        "source_seq": pl.lit(None, pl.Int64),
        "source_id": pl.lit(kind),
    }


def record_source(kind: str) -> dict[str, pl.Expr]:
    """The source columns of a record that has its own `source_id` and `seq`."""
    return {**source(kind), "source_seq": pl.col("seq").cast(pl.Int64), "source_id": pl.col("source_id")}

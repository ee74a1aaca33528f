"""Which record stands for a subject: the first emergent one, and the first of the worst grade (ADaM AOCC… flags).

Order of records: day of start, then sequence number; for the worst grade, the grade before both. Records without a
start or grade come last.
"""

from __future__ import annotations

import polars as pl

from rules_engine.ordering import number_of

#: Flag, columns of a group, and whether the worst grade goes first.
FLAGS = {
    "aoccfl": (("subject",), False),
    "aoccsfl": (("subject", "analysis_soc"), False),
    "aoccpfl": (("subject", "analysis_term"), False),
    "aoccifl": (("subject",), True),
    "aoccsifl": (("subject", "analysis_soc"), True),
    "aoccpifl": (("subject", "analysis_term"), True),
}


def derive_occurrence_flags(events: pl.DataFrame) -> pl.DataFrame:
    """Add the six flags; only emergent records carry them, one per group.

    Needs `subject`, `analysis_soc`, `analysis_term`, `atoxgrn`, `astdt`, `aeseq`, `row` and `treatment_emergent`.
    """
    groups = {columns: number_of(events, columns).alias("+".join(columns)) for columns, _worst_first in FLAGS.values()}
    emergent = (
        events.select("row", "atoxgrn", "astdt", "aeseq", "treatment_emergent", *groups.values())
        .with_row_index("place")
        .filter("treatment_emergent")
    )
    by_time = emergent.sort("astdt", "aeseq", "row", nulls_last=True)
    by_grade = by_time.sort("atoxgrn", descending=True, nulls_last=True, maintain_order=True)
    flags = []
    for flag, (columns, worst_first) in FLAGS.items():
        of_group = groups[columns].name
        first = (by_grade if worst_first else by_time).unique(of_group, keep="first", maintain_order=True)
        is_first = pl.repeat(value=False, n=events.height, eager=True)
        is_first.scatter(first["place"], values=True)
        flags.append(is_first.alias(flag))
    return events.with_columns(flags)

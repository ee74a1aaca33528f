"""SQL over the Parquet files of a run, with DuckDB: nothing is imported or converted.

python examples/duckdb_outputs.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

QUERY = """
    SELECT t.PARAMCD,
           t.TRT01A,
           count(*)                                            AS subjects,
           count(*) FILTER (WHERE t.CNSR = 0)                  AS events,
           round(sum(t.AVAL) / 365.25, 2)                      AS years_at_risk,
           round(count(*) FILTER (WHERE t.CNSR = 0) / (sum(t.AVAL) / 365.25), 3) AS events_per_year,
           mode(t.EVNTDESC) FILTER (WHERE t.CNSR = 0)          AS commonest_event
    FROM read_parquet($adtte) AS t
    WHERE t.PARAMCD IN ('PFS', 'OS')
    GROUP BY ALL
    ORDER BY ALL
"""


def event_rates(out: Path) -> list[tuple[object, ...]]:
    """Events per year at risk, by endpoint and arm."""
    with duckdb.connect() as connection:
        return connection.execute(QUERY, {"adtte": str(out / "adtte.parquet")}).fetchall()


if __name__ == "__main__":
    for row in event_rates(Path(sys.argv[1])):
        print(*row, sep="\t")

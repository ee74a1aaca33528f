"""Small studies written by hand: CSV text per table, and a protocol around the responses that a test is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from rules_engine import Engine
from rules_engine.engine import Result
from rules_engine.registry import Registry

SUBJECTS = """
subject,arm,randomisation_date,baseline_date,baseline_adequate,death_date,last_contact_date
A,X,2024-01-10,2024-01-08,Y,,2024-12-31
B,Y,2024-01-10,2024-01-08,Y,,2024-12-31
"""
LESIONS = """
subject,visit_date,is_baseline,lesion_id,role,organ,mm,viable_mm,state,status
A,2024-01-08,Y,T1,target,liver,40,40,,
A,2024-03-04,N,T1,target,liver,20,20,,
A,2024-04-29,N,T1,target,liver,30,30,,
B,2024-01-08,Y,T1,target,liver,50,50,,
B,2024-03-04,N,T1,target,liver,48,48,,
"""
TREATMENTS = "subject,treatment,start_date\n"
ORIGIN = {"origin": "randomisation"}


def protocol(responses: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A protocol with PFS on the first of these responses, from randomisation, in the style `seed`."""
    first = next(iter(responses))
    return {
        "rules_engine": 1, "id": "small", "kind": "protocol", "title": "A small study", "extends": ["seed"],
        "study": {"id": "SMALL", "data_cutoff": "2024-12-31"},
        "responses": dict(responses),
        "endpoints": {"PFS": {"like": "PFS", "response": first, "options": ORIGIN}},
        **more,
    }  # fmt: skip


def write_tables(folder: Path, **tables: str) -> Path:
    """The tables as CSV files; `subjects` and `lesion_assessments` have rows where they are left out, `treatments` has none."""
    written = {"subjects": SUBJECTS, "lesion_assessments": LESIONS, "treatments": TREATMENTS, **tables}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        (folder / f"{name}.csv").write_text(text.lstrip(), encoding="utf-8")
    return folder


def run(folder: Path, responses: Mapping[str, Any], registry: Registry | None = None, **more: Any) -> Result:
    """Run the protocol on the tables of a folder."""
    cutoff = more.pop("data_cutoff", None)
    return Engine(protocol(responses, **more), registry=registry).run(folder, data_cutoff=cutoff)


def codes(result: Result, response: str = "overall") -> dict[str, list[str]]:
    """Overall responses of each subject in the order of the visits."""
    rows = result.timepoints.filter(pl.col("response_name") == response).sort("subject", "visit_date")
    grouped = rows.group_by("subject", maintain_order=True).agg("overall")
    return {row["subject"]: row["overall"] for row in grouped.iter_rows(named=True)}


def told(result: Result, subject: str | None = None) -> set[str]:
    """Rules of the findings, of one subject or of all."""
    found = result.findings if subject is None else result.findings.filter(pl.col("subject") == subject)
    return set(found["rule_id"])

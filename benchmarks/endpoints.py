"""All endpoints of a protocol from records in memory: time, processor time and memory by number of subjects.

`python -m benchmarks endpoints --subjects 10000 100000 1000000`: each size in a process of its own. The records are made up: ten
assessments per subject in each stream of responses, deaths, therapies and sessions; nothing is read or written. As in a run in
parts, `--part` subjects are derived at a time, of records that are made when their turn comes.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rules_engine import pipeline

from benchmarks.meter import Meter

CUTOFF = date(2025, 12, 31)
VISITS = 10
FIRST = np.datetime64("2021-01-01")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks endpoints", description=__doc__)
    parser.add_argument("--subjects", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ruleset", default="tace_ici_hcc")
    parser.add_argument("--part", type=int, default=50_000, help="subjects derived at a time (default: %(default)s)")
    parser.add_argument("--here", action="store_true", help="measure in this process and print JSON")
    asked = parser.parse_args(words)
    if asked.here:
        print(json.dumps(measure(asked.subjects[0], asked.ruleset, asked.part)))
        return 0
    print(f"{'subjects':>10}{'assessments':>13}{'seconds':>9}{'cpu':>8}{'peak MiB':>10}{'cpu / 10k':>11}")
    for subjects in asked.subjects:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", "endpoints", "--here", "--subjects", str(subjects), "--ruleset", asked.ruleset,
             "--part", str(asked.part)],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        if done.returncode:
            print(done.stderr[-2000:])
            return 1
        told = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{subjects:>10,}{told['assessments']:>13,}{told['seconds']:>9.2f}{told['cpu']:>8.2f}{told['peak_mib']:>10,.0f}"
            f"{told['cpu'] / subjects * 10_000:>11.3f}",
            flush=True,
        )
    return 0


def measure(subjects: int, ruleset_name: str, part: int) -> dict[str, Any]:
    """Derive every endpoint and its findings once, part after part; the making of the records is not counted."""
    from rules_engine import load_ruleset
    from rules_engine.registry import default_registry

    registry = default_registry()
    ruleset = load_ruleset(ruleset_name, registry=registry)
    told: dict[str, Any] = {"assessments": subjects * VISITS, "seconds": 0.0, "cpu": 0.0, "rows": 0, "findings": 0}
    meter = Meter()
    for first in range(0, subjects, part):
        meter("making")
        streams = sorted({one.response for one in ruleset.endpoints.values() if one.response is not None})
        gathered = made_up(min(part, subjects - first), streams)
        gc.collect()
        meter("endpoints")
        began, used = time.perf_counter(), _cpu()
        derived = pipeline.derive_endpoint_rows(ruleset, gathered, registry, CUTOFF)
        pipeline.tally_endpoints(ruleset, gathered, registry, CUTOFF)
        told["seconds"] += time.perf_counter() - began
        told["cpu"] += _cpu() - used
        told["rows"] += sum(frame.height for frame in (*derived.time_to_event.values(), *derived.responses.values()))
        told["findings"] += derived.findings.height
    meter.stop()
    return {**told, "peak_mib": max(stage["peak_mib"] for stage in meter.stages if stage["stage"] == "endpoints")}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def made_up(subjects: int, streams: list[str]) -> dict[str | None, Any]:
    """Records of a cohort, by stream of responses (None: without responses), held in memory."""
    from rules_engine import contracts, records

    draw = np.random.default_rng(1)
    name = pl.Series("subject", [f"S{number:07d}" for number in range(subjects)])
    start = FIRST + draw.integers(0, 1400, subjects).astype("timedelta64[D]")
    died = draw.random(subjects) < 0.5
    death = start + draw.integers(100, 900, subjects).astype("timedelta64[D]")
    table = pl.DataFrame(
        {"subject": name, "start": start, "death": death, "died": died, "ici": draw.integers(0, 40, subjects)}
    )
    cohort = table.with_columns(pl.col("start", "death").cast(pl.Date))
    day = pl.col("start")
    frames = {
        "subjects": cohort.select(
            "subject", baseline_date=day, baseline_adequate=pl.col("ici") != 1,
            death_date=pl.when("died").then(pl.col("death").cast(pl.String)), last_contact_date=pl.when(~pl.col("died")).then("death"),
            withdrawal_date=pl.when(pl.col("ici") == 2).then(day.dt.offset_by("300d")), lost_to_followup_date=pl.lit(None, pl.Date),
            end_of_study_date=pl.lit(None, pl.Date),
        ),
        "origins": pl.concat([
            cohort.select("subject", origin=pl.lit("first_tace"), date=day),
            cohort.select("subject", origin=pl.lit("first_ici"), date=day + pl.duration(days="ici")),
        ]),
        "therapies": cohort.filter(pl.col("ici") % 4 == 0).select(
            "subject", source_id=pl.lit("T1"), seq=pl.lit(1, pl.Int64), start_date=day.dt.offset_by("250d").cast(pl.String),
            kind=pl.when(pl.col("ici") % 8 == 0).then(pl.lit("transplant")).otherwise(pl.lit("systemic")),
        ),
        "tace": cohort.select("subject", source_id=pl.lit("TACE1"), seq=pl.lit(1, pl.Int64), date=day),
        "components": cohort.select(
            "subject", source_id=pl.lit("ici"), seq=pl.lit(2, pl.Int64), component=pl.lit("ici"),
            start_date=day + pl.duration(days="ici"), last_date=day.dt.offset_by("200d"), ended=pl.lit(value=True),
        ),
        "clinical_events": pl.DataFrame(
            schema={"subject": pl.String, "source_id": pl.String, "seq": pl.Int64, "date": pl.Date, "kind": pl.String}
        ),
    }  # fmt: skip
    without = records.SubjectRecords(
        **{key: frame.lazy() for key, frame in frames.items()},
        assessments=pl.LazyFrame(schema=records.ASSESSMENT_SCHEMA),
        tables={table: contracts.empty_table(table) for table in contracts.TABLES}, hold=records.in_memory,
    )  # fmt: skip
    gathered: dict[str | None, Any] = {None: without}
    for stream in streams:
        gathered[stream] = replace(without, assessments=_assessments(cohort, draw).lazy())
    return gathered


def _assessments(cohort: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """Ten visits per subject, about eight weeks apart, as derived timepoints become assessments."""
    codes = pl.Series(["CR", "PR", "SD", "SD", "SD", "SD", "NE", "PD"])
    size = cohort.height * VISITS
    rows = cohort.select("subject", "start").with_columns(visit=pl.lit(list(range(VISITS)))).explode("visit")
    offset = pl.Series("offset", draw.integers(-5, 6, size))
    flagged = pl.Series("flagged", draw.random(size) < 0.4)
    return rows.with_columns(offset, flagged, response=codes.gather(pl.Series(draw.integers(0, len(codes), size)))).select(
        "subject",
        source_id=(pl.col("start") + pl.duration(days=50 + 56 * pl.col("visit") + pl.col("offset"))).cast(pl.String),
        seq=pl.col("visit").cast(pl.Int64) + 1,
        date=(pl.col("start") + pl.duration(days=50 + 56 * pl.col("visit") + pl.col("offset"))).cast(pl.String),
        visit_date=pl.col("start") + pl.duration(days=50 + 56 * pl.col("visit") + pl.col("offset")),
        visit=pl.lit(None, pl.String),
        earliest_part_date=pl.lit(None, pl.Date),
        latest_part_date=pl.lit(None, pl.Date),
        earliest_pd_part_date=pl.lit(None, pl.Date),
        response="response",
        iresponse=pl.lit(None, pl.String),
        suspected_pseudoprogression=pl.col("flagged") & (pl.col("response") == "PD"),
    )  # fmt: skip

"""Grade laboratory results and summarise adverse events at size: `python -m benchmarks grading`.

Ten million results graded with v5.0 are meant to take under 15 s and 4 GiB on two cores; a million adverse event records
summarised under 5 s. Results and events are made up from a fixed seed; making them is not measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date

import numpy as np
import polars as pl
from rules_engine import contracts, grading
from rules_engine.grading.documents import rules_of_version

from benchmarks.meter import Meter

RESULTS, RECORDS = 10_000_000, 1_000_000
START = date(2024, 1, 1)
#: Unit and limits of a usual adult range.
TESTS = {
    "ALT": ("U/L", 7, 45), "AST": ("U/L", 8, 40), "BILI": ("umol/L", 3.4, 20.5), "ALB": ("g/L", 35, 52), "ALP": ("U/L", 40, 130),
    "GGT": ("U/L", 8, 61), "CREAT": ("umol/L", 45, 104), "HGB": ("g/L", 130, 175), "PLAT": ("10^9/L", 125, 350),
    "WBC": ("10^9/L", 3.5, 9.5), "NEUT": ("10^9/L", 1.8, 6.3), "LYM": ("10^9/L", 1.1, 3.2), "K": ("mmol/L", 3.5, 5.1),
    "SODIUM": ("mmol/L", 136, 145), "INR": ("ratio", 0.85, 1.15), "LIPASE": ("U/L", 13, 60), "CA": ("mmol/L", 2.1, 2.6),
    "MG": ("mmol/L", 0.7, 1.0), "GLUC": ("mmol/L", 3.9, 5.6), "FIBRINO": ("g/L", 2, 4),
}  # fmt: skip


def results(count: int, per_subject: int = 200) -> pl.DataFrame:
    """Results of subjects with 200 each, from 20 days before to 400 days after the first treatment."""
    rng = np.random.default_rng(1)
    names, tests = list(TESTS), rng.integers(0, len(TESTS), count)
    limits = {
        side: np.array([TESTS[name][place] for name in names], dtype=float)[tests]
        for side, place in (("lln", 1), ("uln", 2))
    }
    values = np.round(limits["uln"] * np.exp(rng.normal(-0.2, 0.6, count)), 2)
    chosen = pl.Series(tests.astype(np.uint32))
    frame = pl.DataFrame({
        "subject": pl.Series(np.arange(count) // per_subject).cast(pl.String).str.zfill(7),
        "date": pl.Series((rng.integers(-20, 400, count) + (START - date(1970, 1, 1)).days).astype(np.int32)).cast(pl.Date),
        "analyte": pl.Series(names).gather(chosen), "unit": pl.Series([TESTS[name][0] for name in names]).gather(chosen),
        "value": pl.Series(values).cast(pl.String), **limits, "seq": np.arange(count) % per_subject, "row": np.arange(count),
    })  # fmt: skip
    return _complete(frame, "labs")


def events(count: int, per_subject: int = 20) -> pl.DataFrame:
    """Event records of subjects with 20 each, of 60 terms."""
    rng = np.random.default_rng(2)
    terms = sorted(rules_of_version("5.0").terms)[::14]
    day = pl.Series((rng.integers(0, 400, count) + (START - date(1970, 1, 1)).days).astype(np.int32)).cast(pl.Date)
    frame = pl.DataFrame({
        "subject": pl.Series(np.arange(count) // per_subject).cast(pl.String).str.zfill(7),
        "term": pl.Series(terms).gather(pl.Series(rng.integers(0, len(terms), count).astype(np.uint32))),
        "grade": pl.Series(rng.integers(1, 6, count)).cast(pl.String), "start_date": day.cast(pl.String),
        "end_date": day.cast(pl.String),
        "related_to": pl.Series(["tace", "ici", "tace;ici", "none"]).gather(pl.Series(rng.integers(0, 4, count).astype(np.uint32))),
        "serious": rng.random(count) < 0.2, "aeseq": np.arange(count) % per_subject, "row": np.arange(count),
    })  # fmt: skip
    return _complete(frame, "adverse_events")


def _complete(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    schema = contracts.canonical_schema(contracts.TABLES[table])
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    return frame.with_columns(missing).select([pl.col(name).cast(kind) for name, kind in schema.items()])


def _context(subjects: pl.Series) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The subjects, treated from the first day, half of them in each arm, and what grading knows of them."""
    number = pl.int_range(pl.len())
    people = _complete(
        pl.DataFrame({"subject": subjects.unique(maintain_order=True)}).with_columns(
            arm=pl.when(number % 2 == 0).then(pl.lit("A")).otherwise(pl.lit("B")),
            end_of_study_date=date(2025, 6, 1),
            row=number,
        ),
        "subjects",
    )
    courses = people.select("subject", component=pl.lit("tace"), start_date=pl.lit(START.isoformat()), row="row")
    treatments = _complete(courses, "treatments")
    return people.lazy(), grading.derive_context(people.lazy(), treatments.lazy(), date(2025, 12, 31))


def main(arguments: list[str]) -> int:
    """Measure both and print seconds and peak memory, as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks grading", description=__doc__)
    parser.add_argument("--results", type=int, default=RESULTS)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    rules, meter = rules_of_version("5.0"), Meter()

    labs = results(asked.results)
    _people, context = _context(labs["subject"])
    context = context.collect().lazy()
    meter("labs graded")
    graded = grading.derive_lab_grades(labs.lazy(), rules, grading.LabOptions(), context).collect()
    meter.stop()
    assert graded.height == asked.results
    del labs, graded

    records = events(asked.records)
    people, context = _context(records["subject"])
    context = context.collect().lazy()
    meter("events graded")
    adae = grading.derive_event_grades(records.lazy(), rules, grading.EventOptions(), context).collect()
    meter("events summarised")
    ard = grading.summarise_events(adae.lazy(), people, "arm", context=context).collect()
    meter.stop()
    assert ard.height
    if asked.json:
        print(json.dumps({"results": asked.results, "records": asked.records, "stages": meter.stages}))
        return 0
    print(f"{asked.results:,} results, {asked.records:,} event records, {pl.thread_pool_size()} threads")
    for stage in meter.stages:
        print(f"  {stage['stage']:20}{stage['seconds']:>8.2f} s{stage['peak_mib']:>9,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""All estimates of the first trial for made-up endpoint rows: `python -m benchmarks estimates`.

The rows are drawn here, at random but always the same, in the shape that the endpoints of `tace_ici_hcc` have, so that the
numbers are those of the estimates alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
import polars as pl
from rules_engine.analyses import derive_estimates
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset
from rules_engine.registry import default_registry

from benchmarks.meter import Meter

ARMS = ("TACE+ICI", "TACE")
#: Median months of the endpoints, about as the simulator has them; progression is seen every seven weeks.
MEDIANS = {"OS": 19.0, "PFS": 7.0}
DAYS_PER_MONTH = 30.4375
SCAN = 49


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks estimates", description=__doc__)
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ruleset", default="tace_ici_hcc")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    asked = parser.parse_args()
    ruleset = load_ruleset(asked.ruleset)
    subjects, endpoints = made_up(ruleset, asked.subjects, asked.seed)
    registry = default_registry()
    meter = Meter()
    begun: list[str] = []
    cpu = time.process_time()

    def stage(words: str) -> None:
        name = words.removeprefix("analyses: ").partition(",")[0]
        if name not in begun:
            begun.append(name)
            meter(name)

    # All at once, as a run does it: analyses share characteristics and weights, which the first that needs them makes.
    rows = derive_estimates(ruleset, endpoints, subjects, registry, stage).ard.height
    meter.stop()
    cpu = time.process_time() - cpu
    total = sum(stage["seconds"] for stage in meter.stages)
    if asked.json:
        found = {
            "subjects": asked.subjects,
            "rows": rows,
            "seconds": total,
            "cpu_seconds": cpu,
            "peak_mib": meter.peak_mib,
        }
        print(json.dumps({**found, "analyses": meter.stages}, indent=2))
        return 0
    print(f"{asked.subjects:,} subjects, {len(ruleset.analyses)} analyses, {rows:,} numbers")
    for stage in meter.stages:
        print(f"  {stage['stage']:28}{stage['seconds']:>8.2f} s{stage['peak_mib']:>10,.0f} MiB")
    print(f"  {'all':28}{total:>8.2f} s{meter.peak_mib:>10,.0f} MiB, {cpu:.2f} s of processor time")
    return 0


def made_up(ruleset: Ruleset, count: int, seed: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Subjects with the characteristics of the first trial, and rows of every endpoint of the ruleset."""
    random = np.random.default_rng(seed)
    arm = random.integers(0, 2, count)
    stage, afp = random.integers(0, 3, count), np.exp(random.normal(4.2, 2.0, count))
    risk = 0.35 * (stage == 2) + 0.25 * (afp >= 400) + 0.4 * arm
    subjects = pl.DataFrame(
        {
            "subject": pl.Series(np.arange(count)).cast(pl.String).str.zfill(8),
            "arm": np.array(ARMS)[arm],
            "sex": np.array(["M", "F"])[(random.random(count) < 0.17).astype(int)],
            "birth_date": pl.Series(random.integers(1930, 2000, count)).cast(pl.String),
            "baseline_date": pl.Series(random.integers(18628, 19800, count)).cast(pl.Int32).cast(pl.Date),
            "bclc": np.array(["A", "B", "C"])[stage],
            "ecog": random.integers(0, 2, count),
            "albi_grade": random.integers(1, 4, count),
            "vascular_invasion": random.random(count) < 0.3,
            "extrahepatic_spread": random.random(count) < 0.2,
            "afp": afp.round(1),
        }
    )
    ids, start = subjects["subject"], subjects["baseline_date"].cast(pl.Int32).to_numpy().astype(np.int64)
    end = random.integers(200, 1800, count)
    endpoints: dict[str, pl.DataFrame] = {}
    for paramcd, definition in ruleset.endpoints.items():
        shape = default_registry().endpoint_kinds[definition.kind].shape
        endpoints[paramcd] = (
            _times(random, ids, start, end, risk, "OS" if paramcd == "OS" else "PFS")
            if shape == "time_to_event"
            else _responses(random, ids)
        )
    return subjects, endpoints


def _times(random: np.random.Generator, ids: pl.Series, start: Any, end: Any, risk: Any, like: str) -> pl.DataFrame:
    mean = MEDIANS[like] * DAYS_PER_MONTH / np.log(2)
    time = np.maximum(random.exponential(mean * np.exp(-risk)), 1).astype(np.int64)
    died = random.random(time.size) < (1.0 if like == "OS" else 0.25)
    seen = np.where(died, time, (time // SCAN + 1) * SCAN + random.integers(-5, 6, time.size))
    event = seen <= end
    last_scan = np.maximum((np.minimum(seen, end) - 1) // SCAN * SCAN, 0)
    days = np.where(event, seen, np.maximum(last_scan, 1))
    left = np.where(event & died, seen, np.where(event, last_scan, days))

    def day(number: Any) -> pl.Series:
        return pl.Series(number + start).cast(pl.Int32).cast(pl.Date)

    return pl.DataFrame(
        {
            "subject": ids,
            "days": days,
            "event": event,
            "event_type": np.where(event, np.where(died & (like == "PFS"), 2, 1), 0),
            "entry_days": pl.Series([None], dtype=pl.Int64).extend_constant(None, ids.len() - 1),
            "date": day(days),
            "interval_left": day(left),
            "interval_right": day(np.where(event, seen, 0)).set(pl.Series(~event), None),
        }
    )


def _responses(random: np.random.Generator, ids: pl.Series) -> pl.DataFrame:
    value = random.choice(["CR", "PR", "SD", "PD", "NE"], ids.len(), p=[0.1, 0.3, 0.3, 0.2, 0.1])
    return pl.DataFrame({"subject": ids, "value": value, "responder": np.isin(value, ["CR", "PR"])})


if __name__ == "__main__":
    sys.exit(main())

"""Everything, in one command: `python -m benchmarks all` writes the figures as JSON and a page with plots.

* the goal: endpoints of 580,800 collected records of 30,600 subjects, start-up included;
* scaling: RECIST 1.1 from lesions to best response, progression-free and overall survival, from 1,000 lesion rows up, with one thread and
  two, beside plain pandas and plain Python for the same derivations, whose answers are held against the engine's;
* the whole: the first trial's protocol in parts within 8 GiB, beside reading the same files and grouping them once by subject;
* the profile: time and peak memory of each stage of the first trial's protocol.

Every run is a process of its own. The page is for readers; `docs/benchmarks.md` is one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import rules_engine

from benchmarks.collected import write_collected
from benchmarks.measured import bare_run, engine_run, plain_run
from benchmarks.page import write_page
from benchmarks.plain_study import write_plain_study

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
THREADS = (1, 2)
PLAIN = ("pandas", "python")
RULESETS = Path(__file__).parent / "rulesets"
#: From this size on the engine runs in parts.
_IN_PARTS = 20_000_000
ANSWERS = ("BOR", "PFS", "PFS_event", "OS", "OS_event")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks all", description=__doc__)
    parser.add_argument(
        "--upto", type=int, default=10_000_000, help="largest number of lesion rows (default: %(default)s)"
    )
    parser.add_argument(
        "--plain-upto", type=int, default=10_000_000, help="largest number for pandas and Python (default: %(default)s)"
    )
    parser.add_argument("--from", dest="least", type=int, default=0, help="smallest number of lesion rows")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=list(THREADS), help="of the engine (default: %(default)s)"
    )
    parser.add_argument("--profile-subjects", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3, help="runs of the goal, of which the best counts")
    parser.add_argument(
        "--whole-subjects",
        type=int,
        nargs="+",
        default=[10_000, 50_000],
        help="sizes of the whole (default: %(default)s)",
    )
    parser.add_argument("--only", nargs="+", choices=list(_PARTS), default=list(_PARTS))
    parser.add_argument(
        "--work", type=Path, help="folder for studies and results in between (default: a temporary one)"
    )
    parser.add_argument("--page", type=Path, help="write the page to this file (default: beside the figures)")
    parser.add_argument("--figures", type=Path, help="make the page of these figures (JSON) instead of measuring")
    asked = parser.parse_args(words)
    if asked.figures:
        document = json.loads(asked.figures.read_text(encoding="utf-8"))
    else:
        document = {"about": about()}
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        asked.figures = results / f"all-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=asked.work) as work:
            for part in asked.only:
                for so_far in _PARTS[part](asked, Path(work)):
                    document[part] = so_far
                    asked.figures.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    page = write_page(document, asked.page or asked.figures.with_suffix(".md"))
    print(f"Figures: {asked.figures}\nPage: {page}")
    return 1 if "failed" in json.dumps(document) else 0


def about() -> dict[str, Any]:
    """What the figures were measured with; nothing that names a machine."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "memory_gib": round(pages / (1 << 30)),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "polars": pl.__version__,
        "rules_engine": rules_engine.__version__,
    }


# The goal -------------------------------------------------------------------------------------------------------------


def goal(asked: argparse.Namespace, work: Path) -> Iterator[dict[str, Any]]:
    """The endpoints of collected responses, several times with as many threads as there are cores."""
    study = work / "collected"
    rows = write_collected(study)
    runs = []
    for number in range(asked.repeat):
        runs.append(engine_run(RULESETS / "collected.yaml", study, work / f"goal-{number}", os.cpu_count() or 1))
        _tell("goal", runs[-1])
    files = {name: work / "goal-0" / f"{name}.parquet" for name in ("adrs", "adtte")}
    made = {
        name: pl.scan_parquet(file).select(pl.len()).collect().item() for name, file in files.items() if file.exists()
    }
    yield {"rows": rows, "made": made, "runs": runs}


# Scaling --------------------------------------------------------------------------------------------------------------


def scaling(asked: argparse.Namespace, work: Path) -> Iterator[list[dict[str, Any]]]:
    """Each size: the engine with one thread and two, then the plain ways, whose answers must be the engine's."""
    measured = []
    for size in [size for size in SIZES if asked.least <= size <= asked.upto]:
        folder = work / f"rows-{size}"
        one: dict[str, Any] = {**write_plain_study(folder / "study", size), "ways": {}}
        for threads in asked.threads:
            more = ("--memory", "8GiB") if size >= _IN_PARTS else ()
            way = f"engine, {threads} thread{'s' if threads > 1 else ''}"
            one["ways"][way] = engine_run(RULESETS / "lesions.yaml", folder / "study", folder / "out", threads, *more)
            _tell(f"{size:,} rows, {way}", one["ways"][way])
        for way in PLAIN if size <= asked.plain_upto else ():
            one["ways"][way] = plain_run(way, folder / "study", folder / f"{way}.parquet")
            if "failed" not in one["ways"][way]:
                one["ways"][way]["differing"] = differing(folder / "out", folder / f"{way}.parquet")
            _tell(f"{size:,} rows, {way}", one["ways"][way])
        measured.append(one)
        yield measured


def differing(out: Path, plain: Path) -> int:
    """How many subjects the plain way gives another answer than the engine, or only one of them."""
    stamped = pl.col("ADT"), (pl.col("CNSR") == 0).cast(pl.Int64)
    engine = pl.scan_parquet(out / "adrs.parquet").filter(PARAMCD="BOR").select(subject="USUBJID", BOR="AVALC")
    for name in ("PFS", "OS"):
        rows = pl.scan_parquet(out / "adtte.parquet").filter(PARAMCD=name)
        engine = engine.join(
            rows.select(pl.col("USUBJID").alias("subject"), stamped[0].alias(name), stamped[1].alias(f"{name}_event")),
            on="subject", how="full", coalesce=True,
        )  # fmt: skip
    types = {
        "PFS": pl.Date,
        "OS": pl.Date,
        "PFS_event": pl.Int64,
        "OS_event": pl.Int64,
        "subject": pl.String,
        "BOR": pl.String,
    }
    both = engine.cast(types).join(
        pl.scan_parquet(plain).select("subject", *ANSWERS).cast(types),
        on="subject",
        how="full",
        coalesce=True,
        suffix="_plain",
    )
    other = pl.any_horizontal([pl.col(name).ne_missing(pl.col(f"{name}_plain")) for name in ANSWERS])
    return int(both.filter(other).select(pl.len()).collect().item())


# The whole ------------------------------------------------------------------------------------------------------------


def whole(asked: argparse.Namespace, work: Path) -> Iterator[list[dict[str, Any]]]:
    """Each size: the first trial's protocol in parts, by as many workers as there are cores, and the bare reading of its files."""
    from rules_engine.simulator import simulate_to

    sizes = []
    for subjects in asked.whole_subjects:
        folder = work / f"whole-{subjects}"
        rows = simulate_to(folder / "study", subjects, 1)["rows"]
        more = ("--memory", "8GiB", "--data-cutoff", "2025-12-31")
        ran = engine_run("tace_ici_hcc", folder / "study", folder / "out", os.cpu_count() or 1, *more)
        _tell(f"whole, {subjects:,} subjects", ran)
        sizes.append({"rows": rows, "engine": ran, "bare": bare_run(folder / "study")})
        shutil.rmtree(folder)
        yield sizes


# The profile ----------------------------------------------------------------------------------------------------------


def profile(asked: argparse.Namespace, work: Path) -> Iterator[dict[str, Any]]:
    """Stage by stage, the report included."""
    from benchmarks.__main__ import measure

    told = argparse.Namespace(seed=1, ruleset="tace_ici_hcc", data_cutoff="2025-12-31")
    one = measure(told, asked.profile_subjects, work / "profile")
    print(f"profile: {one['run_seconds']:.1f} s", flush=True)
    yield one


_PARTS = {"goal": goal, "scaling": scaling, "whole": whole, "profile": profile}


def _tell(what: str, figures: dict[str, Any]) -> None:
    more = f", {figures['differing']} subjects differ" if "differing" in figures else ""
    more += f", failed: {figures['failed'][-200:]}" if "failed" in figures else ""
    print(
        f"{what}: {figures['seconds']:.2f} s, CPU {figures['cpu']:.2f} s, {figures['peak_mib']:,.0f} MiB{more}",
        flush=True,
    )

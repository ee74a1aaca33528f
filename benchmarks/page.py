"""The figures as a page: Markdown with two plots beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Figures = dict[str, Any]
_TITLES = {"pandas": "plain pandas", "python": "plain Python"}
_STYLE = {
    "engine, 1 thread": ("#0b5cad", "--"),
    "engine, 2 threads": ("#0b5cad", "-"),
    "pandas": ("#b3530a", "-"),
    "python": ("#5b6670", "-"),
}


def write_page(document: Figures, page: Path) -> Path:
    """Write the page, and its plots into a folder of its name beside it."""
    page.parent.mkdir(parents=True, exist_ok=True)
    sections = [_about(document["about"])]
    if "goal" in document:
        sections.append(_goal(document["goal"]))
    if "scaling" in document:
        plots = page.with_suffix("")
        plots.mkdir(exist_ok=True)
        (plots / "time.svg").write_text(_plot(document["scaling"], "cpu", "processor seconds"), encoding="utf-8")
        (plots / "memory.svg").write_text(_plot(document["scaling"], "peak_mib", "peak memory, MiB"), encoding="utf-8")
        sections.append(_scaling(document["scaling"], plots.name))
    if "whole" in document:
        sections.append(_whole(document["whole"]))
    if "profile" in document:
        sections.append(_profile(document["profile"]))
    page.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return page


def _load(load: float) -> str:
    """What the load of the machine when the measurement began means for the figures."""
    if load < 1:
        return f"The machine had little else to do: its load was {load:.1f} when the measurement began."
    return (
        f"The machine was shared: its load was {load:.1f} when the measurement began, so wall time says more about the\n"
        "neighbours than about the engine; processor time is what to compare."
    )


def _about(about: Figures) -> str:
    return f"""# Benchmarks

Measured on {about["date"]}: {about["cores"]} cores, {about["memory_gib"]} GiB of memory, {about["system"]}, Python {about["python"]},
Polars {about["polars"]}. {_load(float(about["load"]))} Processor time is user and system, of all threads. Every run is a process of its
own, start-up included, from Parquet files to written data sets, without a report.

`python -m benchmarks all --page PAGE.md` makes this page; `--upto` states the largest number of rows."""


def _goal(goal: Figures) -> str:
    done = [run for run in goal["runs"] if "failed" not in run]
    if not done:
        return "## Collected responses\n\nIt failed."
    wall, cpu = min(run["seconds"] for run in done), min(run["cpu"] for run in done)
    rows, made = goal["rows"], goal["made"]
    verdict = "reached" if wall <= 2 else "missed"
    return f"""## Collected responses

{rows["response_assessments"]:,} collected records of {rows["subjects"]:,} subjects to ADRS (best response, confirmed best
response, response, clinical benefit, progression; {made["adrs"]:,} rows) and ADTTE (progression-free and overall
survival, duration of response; {made["adtte"]:,} rows), with candidates, findings and manifest:
`rules-engine run benchmarks/rulesets/collected.yaml --data … --out … --no-report`.

| | best of {len(done)} |
|---|--:|
| wall time | {wall:.1f} s |
| processor time | {cpu:.1f} s |
| peak memory | {max(run["peak_mib"] for run in done):,.0f} MiB |

The goal, under 2 s with start-up on two cores, is {verdict} on this machine; its processor time spread over two idle cores would be
{cpu / 2:.1f} s."""


def _scaling(sizes: list[Figures], plots: str) -> str:
    ways = list(dict.fromkeys(way for one in sizes for way in one["ways"]))
    head = "| lesion rows | subjects | " + " | ".join(_TITLES.get(way, way) for way in ways) + " |"
    lines = [head, "|--:|--:|" + "--:|" * len(ways)]
    lines += [
        f"| {one['lesion_assessments']:,} | {one['subjects']:,} | "
        + " | ".join(_cell(one["ways"].get(way)) for way in ways)
        + " |"
        for one in sizes
    ]
    last = [one for one in sizes if one["lesion_assessments"] >= 900_000]
    return f"""## From lesions to best response, progression-free and overall survival

RECIST 1.1 on a made-up study with targets, non-targets and new lesions and nothing odd in it. The engine reads and checks the tables and
writes everything that it always writes: ADTR, ADRS with every visit and the reason of each record, ADTTE, candidates, estimates,
findings, manifest. Plain pandas and plain Python (`benchmarks/plain.py`) derive one row per subject for exactly this study and rule,
and nothing else. {_agreement(sizes)}

Processor seconds / wall seconds / peak memory in MiB:

{chr(10).join(lines)}

{_per_row(last)} {_ratios(sizes)}

![Processor seconds by number of lesion rows]({plots}/time.svg)

![Peak memory by number of lesion rows]({plots}/memory.svg)"""


def _agreement(sizes: list[Figures]) -> str:
    compared = [way["differing"] for one in sizes for way in one["ways"].values() if "differing" in way]
    if not compared:
        return "The plain ways were not run."
    if any(compared):
        return f"Their answers differ from the engine's in {sum(compared)} subjects."
    return "Every answer of theirs is the engine's, at every size."


def _per_row(sizes: list[Figures]) -> str:
    """Cost per row of the engine from a million rows on."""
    way = "engine, 2 threads"
    costs = [
        (one["lesion_assessments"], one["ways"][way])
        for one in sizes
        if "failed" not in one["ways"].get(way, {"failed": ""})
    ]
    if not costs:
        return ""
    told = "; ".join(f"{rows:,} rows: {figures['cpu'] / rows * 1e6:.1f}" for rows, figures in costs)
    return f"Processor seconds of the engine (two threads) per million rows: {told}."


def _ratios(sizes: list[Figures]) -> str:
    """What the engine costs beside the plain ways, at the largest size that all of them ran."""
    whole = [one["ways"] for one in sizes if {"engine, 2 threads", "pandas", "python"} <= one["ways"].keys()]
    if not whole or any("failed" in figures for figures in whole[-1].values()):
        return ""
    engine = whole[-1]["engine, 2 threads"]["cpu"]
    times = {way: engine / whole[-1][way]["cpu"] for way in ("pandas", "python")}
    return (
        f"At the largest size that all of them ran, the engine takes {times['pandas']:.1f} times the processor time of plain pandas and "
        f"{times['python']:.1f} times that of plain Python: the price of every visit, reason and check beyond the one row per subject."
    )


def _cell(figures: Figures | None) -> str:
    if figures is None:
        return "not run"
    if "failed" in figures:
        return "failed"
    return f"{figures['cpu']:.2f} / {figures['seconds']:.2f} / {figures['peak_mib']:,.0f}"


def _whole(sizes: list[Figures]) -> str:
    lines = [
        "| subjects | lesion rows | laboratory results | engine | bare | times | CPU s per million lesion rows |",
        "|--:|--:|--:|--:|--:|--:|--:|",
        *(_row_of_whole(one) for one in sizes),
    ]
    return f"""## The first trial in parts

`rules-engine run tace_ici_hcc --memory 8GiB --no-report` on made-up studies: everything from reading to writing, the parts derived by one
worker per core. Beside it, bare: the same Parquet files read whole by Polars, each grouped once by subject, and the processor time of
the engine as a multiple of that; the goal is 10 times.

Processor seconds / wall seconds / memory of all processes together in MiB:

{chr(10).join(lines)}"""


def _row_of_whole(one: Figures) -> str:
    rows, engine, bare = one["rows"], one["engine"], one["bare"]
    lesions = rows["lesion_assessments"]
    cells = [f"{rows[name]:,}" for name in ("subjects", "lesion_assessments", "labs")]
    if "failed" in engine or "failed" in bare:
        return f"| {' | '.join(cells)} | failed | | | |"
    told = [f"{one['cpu']:.1f} / {one['seconds']:.1f} / {one['together_mib']:,.0f}" for one in (engine, bare)]
    more = [f"{engine['cpu'] / bare['cpu']:.0f}", f"{engine['cpu'] / lesions * 1e6:.0f}"]
    return f"| {' | '.join([*cells, *told, *more])} |"


def _profile(one: Figures) -> str:
    rows = ", ".join(
        f"{count:,} {name.replace('_', ' ')}"
        for name, count in one["rows"].items()
        if count and name not in ("adtte", "adrs")
    )
    stages = [stage for stage in one["stages"] if stage["stage"] != "simulate" and stage["cpu"] >= 0.2]
    lines = ["| stage | CPU s | wall s | peak MiB |", "|---|--:|--:|--:|"]
    lines += [
        f"| {stage['stage']} | {stage['cpu']:.2f} | {stage['seconds']:.2f} | {stage['peak_mib']:,.0f} |"
        for stage in stages
    ]
    cpu = sum(stage["cpu"] for stage in one["stages"] if stage["stage"] != "simulate")
    lines.append(f"| **whole run** | **{cpu:.2f}** | **{one['run_seconds']:.2f}** | **{one['run_peak_mib']:,.0f}** |")
    return f"""## The first trial's protocol, stage by stage

`tace_ici_hcc` on {one["subjects"]:,} made-up subjects ({rows}):
response streams, endpoints, grading, estimates, files and report. Stages
under 0.2 s of processor time are left out.

{chr(10).join(lines)}"""


def _plot(sizes: list[Figures], key: str, label: str) -> str:
    """Lines by number of rows, both axes logarithmic, as SVG text that is the same for the same figures."""
    import io

    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    with mpl.rc_context(
        {"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    ):
        figure, axes = plt.subplots(figsize=(7, 4))
        for way in dict.fromkeys(way for one in sizes for way in one["ways"]):
            colour, dashes = _STYLE.get(way, ("#333333", ":"))
            points = [(one["lesion_assessments"], one["ways"][way][key]) for one in sizes if way in one["ways"]]
            axes.plot(*zip(*points, strict=True), dashes, color=colour, marker="o", label=_TITLES.get(way, way))
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("lesion rows")
        axes.set_ylabel(label)
        axes.grid(visible=True, which="major", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.tight_layout()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        plt.close(figure)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"

"""`python -m tests.mutation`: see the package."""

from __future__ import annotations

import argparse
import gc
import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.mutation import endpoints, exchange, runner
from tests.mutation.operators import Fault, faults
from tests.mutation.scope import Area
from tests.mutation.suites import CRITERIA_AREA, LEAVES_NOTHING, SUITES, Suite

AREAS = {area.name: area for area in (CRITERIA_AREA, endpoints.AREA)}
Tried = tuple[str, Path, Fault]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Faults that the tests do not notice."
    )
    parser.add_argument(
        "--area", choices=sorted(AREAS), default="criteria", help="part of the engine (default: %(default)s)"
    )
    parser.add_argument("--part", default="0/1", help="0/2 and 1/2: every second fault, for two processes")
    parser.add_argument(
        "modules", nargs="*", help="last parts of module names, in the order to try; all where none is given"
    )
    parser.add_argument("--suites", help="suites to ask, with commas between (default: all)")
    parser.add_argument("--name", help="only faults whose name contains this")
    parser.add_argument("--again", type=Path, help="only faults that nobody noticed in this earlier --log")
    parser.add_argument(
        "--log", type=Path, help="write each verdict there as one line of JSON, and try nothing that stands there"
    )
    chosen = parser.parse_args()
    area = AREAS[chosen.area]
    explained = explained_faults(area)
    tried, survivors, stale = 0, set(), set()
    runner.import_what_is_not_tried(area)
    asked = area.suites(chosen.suites.split(",") if chosen.suites else SUITES, lambda work: runner.in_fork(work) or b"")
    gc.freeze()  # what is there now stays shared with the forks
    verdict = runner.try_nothing(asked)
    if verdict.suite:
        parser.error(f"the tests fail without a fault: {verdict.suite}, {verdict.by}")
    for fault, verdict in verdicts(area, chosen_faults(area, chosen), asked):
        tried += 1
        if verdict.suite is None:
            survivors.add(fault.name)
            print(
                f"{'equivalent' if fault.name in explained else 'SURVIVES'}  line {fault.line}  {fault.name}",
                flush=True,
            )
        elif fault.name in explained:
            stale.add(fault.name)
            print(f"NO EQUIVALENT  line {fault.line}  {fault.name}: noticed by {verdict.by}", flush=True)
        if chosen.log:
            with chosen.log.open("a", encoding="utf-8") as log:
                log.write(
                    json.dumps({"name": fault.name, "line": fault.line, "suite": verdict.suite, "by": verdict.by})
                    + "\n"
                )
    unexplained = survivors - explained.keys()
    print(
        f"{tried - len(survivors)} of {tried} noticed, {len(survivors & explained.keys())} equivalent, {len(unexplained)} not noticed, "
        f"{len(stale)} listed as equivalent and noticed"
    )
    return 1 if unexplained or stale else 0


def explained_faults(area: Area) -> dict[str, str]:
    """Faults that change nothing, each with the reason."""
    file = Path(__file__).with_name(f"{area.name}_equivalent.yaml")
    listed: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else []
    return {name: entry["reason"] for entry in listed for name in entry["faults"]}


def verdicts(area: Area, found: Iterator[Tried], asked: Mapping[str, Suite]) -> Iterator[tuple[Fault, runner.Verdict]]:
    """Faults in what is run when everything is imported, then, with everything imported, those in other functions."""
    everything = area.import_everything
    inside = []
    ran = set()
    if everything is not None:
        ran = pickle.loads(runner.in_fork(lambda: pickle.dumps(exchange.functions_run_by(everything))) or b"")  # noqa: S301
    for dotted, file, fault in found:
        if (
            everything is not None
            and exchange.lies_in_functions(fault.line, file)
            and (str(file), fault.function.split(".")[0]) not in ran
        ):
            inside.append((dotted, file, fault))
        else:
            yield fault, runner.try_fault(fault, dotted, file, asked)
    if everything is None:
        return
    everything()
    gc.freeze()
    if asked.keys() <= LEAVES_NOTHING:
        yield from zip((fault for _dotted, _file, fault in inside), runner.try_in_turn(inside, asked), strict=True)
    else:
        yield from ((fault, runner.try_fault(fault, dotted, file, asked)) for dotted, file, fault in inside)


def chosen_faults(area: Area, chosen: argparse.Namespace) -> Iterator[Tried]:
    again = None if chosen.again is None else {line["name"] for line in read_log(chosen.again) if line["suite"] is None}
    done = {line["name"] for line in read_log(chosen.log)}
    part, parts = map(int, chosen.part.split("/"))
    place = -1
    modules = short_names(area.modules())
    for module in chosen.modules or modules:
        dotted, file = modules[module]
        for fault in faults(module, file.read_text(encoding="utf-8"), area.left_alone(dotted)):
            place += 1
            if place % parts != part:
                continue
            if (chosen.name or "") in fault.name and (again is None or fault.name in again) and fault.name not in done:
                yield dotted, file, fault


def short_names(files: Mapping[str, Path]) -> dict[str, tuple[str, Path]]:
    """Dotted name and file of each module by the last part of its name; by the last two where another has that already."""
    named: dict[str, tuple[str, Path]] = {}
    for dotted, file in files.items():
        *_, package, last = dotted.split(".")
        named[f"{package}.{last}" if last in named else last] = (dotted, file)
    return named


def read_log(log: Path | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log and log.exists() else []


if __name__ == "__main__":
    raise SystemExit(main())

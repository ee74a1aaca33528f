"""`python -m tests.mutation`: see the package."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.mutation import runner, scope
from tests.mutation.operators import Fault, faults
from tests.mutation.suites import SUITES, suites

EQUIVALENT = Path(__file__).with_name("criteria_equivalent.yaml")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation", description="Faults that the tests do not notice."
    )
    parser.add_argument("modules", nargs="*", help="last parts of module names; all where none is given")
    parser.add_argument("--suites", help="suites to ask, with commas between (default: all)")
    parser.add_argument("--name", help="only faults whose name contains this")
    parser.add_argument("--again", type=Path, help="only faults that nobody noticed in this earlier --log")
    parser.add_argument(
        "--log", type=Path, help="write each verdict there as one line of JSON, and try nothing that stands there"
    )
    chosen = parser.parse_args()
    explained = explained_faults()
    tried, survivors = 0, set()
    runner.import_what_is_not_tried()
    asked = suites(chosen.suites.split(",") if chosen.suites else SUITES, lambda work: runner.in_fork(work) or b"")
    gc.freeze()  # what is there now stays shared with the forks
    verdict = runner.try_nothing(asked)
    if verdict.suite:
        parser.error(f"the tests fail without a fault: {verdict.suite}, {verdict.by}")
    for dotted, file, fault in chosen_faults(chosen):
        verdict = runner.try_fault(fault, dotted, file, asked)
        tried += 1
        if verdict.suite is None:
            survivors.add(fault.name)
            print(
                f"{'equivalent' if fault.name in explained else 'SURVIVES'}  line {fault.line}  {fault.name}",
                flush=True,
            )
        if chosen.log:
            with chosen.log.open("a", encoding="utf-8") as log:
                log.write(
                    json.dumps({"name": fault.name, "line": fault.line, "suite": verdict.suite, "by": verdict.by})
                    + "\n"
                )
    unexplained = survivors - explained.keys()
    print(
        f"{tried - len(survivors)} of {tried} noticed, {len(survivors & explained.keys())} equivalent, {len(unexplained)} not noticed"
    )
    return 1 if unexplained else 0


def explained_faults() -> dict[str, str]:
    """Faults that change nothing, each with the reason."""
    listed: list[dict[str, Any]] = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else []
    return {name: entry["reason"] for entry in listed for name in entry["faults"]}


def chosen_faults(chosen: argparse.Namespace) -> Iterator[tuple[str, Path, Fault]]:
    again = None if chosen.again is None else {line["name"] for line in read_log(chosen.again) if line["suite"] is None}
    done = {line["name"] for line in read_log(chosen.log)}
    for dotted, file in scope.modules().items():
        module = dotted.rsplit(".", 1)[-1]
        if chosen.modules and module not in chosen.modules:
            continue
        for fault in faults(module, file.read_text(encoding="utf-8"), scope.left_alone(dotted)):
            if (chosen.name or "") in fault.name and (again is None or fault.name in again) and fault.name not in done:
                yield dotted, file, fault


def read_log(log: Path | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log and log.exists() else []


if __name__ == "__main__":
    raise SystemExit(main())

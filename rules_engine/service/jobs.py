"""What worker processes do: each job is a function from plain values to plain values.

Rulesets come as text and are written into the worker's own folder, where the loader finds them like any file; the registry is
confined, so that a ruleset reaches no other file. What is derived is kept in the run's folder. Paths of this machine are taken out of
every answer.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rules_engine.errors import EXIT_OURS, Problem, RulesEngineError, UsageError

if TYPE_CHECKING:
    from rules_engine.engine import Result
    from rules_engine.model import Ruleset
    from rules_engine.registry import PluginSelection, Registry

#: The made-up study that a service offers: how many subjects, from which seed, seen on which day.
DEMO_SUBJECTS, DEMO_SEED, DEMO_CUTOFF = 200, 20250101, "2025-12-31"
#: What a ruleset that is handed in beside another may be called.
BASE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_BASES, _HANDED_IN = "bases", "handed_in"
_RUN, _DERIVED = "run.json", "derived.pickle"

Tell = Callable[[str], None]


def serve_jobs(pipe: Connection, folder: Path, plugins: PluginSelection) -> None:
    """Do jobs as they come through the pipe, until it closes. The process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; it ends this process
    os.chdir(folder)
    try:
        bench = Bench(folder, plugins)
    except RulesEngineError as error:  # a plugin that does not load
        pipe.send(("problems", (error.exit_code, [problem.as_dict() for problem in error.problems])))
        return
    pipe.send(("ready", None))
    while True:
        try:
            job, arguments = pipe.recv()
        except EOFError:
            return
        pipe.send(_done(bench, job, arguments, lambda stage: pipe.send(("stage", stage))))


def _done(bench: Bench, job: str, arguments: dict[str, Any], tell: Tell) -> tuple[str, Any]:
    try:
        return "done", bench.without_paths(JOBS[job](bench, tell, **arguments))
    except RulesEngineError as error:
        problems = [problem.as_dict() for problem in error.problems]
        return "problems", (error.exit_code, bench.without_paths(problems))
    except Exception as error:  # the last line of defence, as on the command line
        problem = Problem(job, f"{type(error).__name__}: {error}", "this is a fault of the engine: please report it")
        return "fault", (EXIT_OURS, bench.without_paths([problem.as_dict()]))


class Bench:
    """A worker's place: its folder, the plugins, and how rulesets are laid out to be read."""

    def __init__(self, folder: Path, plugins: PluginSelection) -> None:
        from rules_engine.loading.sources import names
        from rules_engine.registry import Index, build_registry
        from rules_engine.vocabulary import RulesetFolder

        self.folder = folder
        self._count = 0
        shipped = build_registry(selection=plugins)
        self.shipped = names(shipped)
        self.shipped_folders = [str(found.path) for found in shipped.ruleset_folders.values()]
        folders = {**shipped.ruleset_folders, _HANDED_IN: RulesetFolder(_HANDED_IN, folder / _BASES)}
        self.registry: Registry = replace(shipped, ruleset_folders=Index("ruleset folder", folders), confined=True)
        self.studies: dict[str, str] = {}

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of rulesets."""
        from rules_engine.loading import ruleset_schema

        return ruleset_schema(self.registry)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each installed ruleset."""
        return {name: _stated(path.read_text(encoding="utf-8"), "kind") for name, path in sorted(self.shipped.items())}

    def text_of(self, name: str) -> str | None:
        """The text of an installed ruleset."""
        path = self.shipped.get(name)
        return None if path is None else path.read_text(encoding="utf-8")

    def load(self, given: Mapping[str, Any], file: str = "protocol.yaml") -> Ruleset:
        """The ruleset that a request hands in: the text `text`, read as `file`, or the installed ruleset `name`."""
        from rules_engine.loading import load_ruleset

        self._lay_out(given.get("bases") or {})
        parameters = given.get("parameters") or None
        if given.get("text") is None:
            return load_ruleset(str(given["name"]), parameters=parameters, registry=self.registry)
        path = Path(file)
        self._write(path, str(given["text"]))
        return load_ruleset(path, parameters=parameters, registry=self.registry)

    def _lay_out(self, bases: Mapping[str, str]) -> None:
        shutil.rmtree(_BASES, ignore_errors=True)
        for name, text in bases.items():
            if not BASE_NAME.fullmatch(name) or name in self.shipped:
                what = "the name is taken" if name in self.shipped else "it is no name"
                remedy = "use letters, digits and underscores, and a name that no installed ruleset has"
                raise UsageError.at(f"ruleset {name!r} beside this one", what, remedy)
            self._write(Path(_BASES, name, "ruleset.yaml"), text)

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        # The loader remembers files by their time of change, which would not tell two texts of one moment apart.
        self._count += 1
        os.utime(path, ns=(self._count, self._count))

    def without_paths(self, value: Any) -> Any:
        """The same plain value, folders of this machine taken out of its texts."""
        if isinstance(value, str):
            for folder in (*self.shipped_folders, str(self.folder)):
                value = value.replace(folder + os.sep, "")
            for folder, name in self.studies.items():
                value = value.replace(folder, name)
            return value
        if isinstance(value, Mapping):
            return {key: self.without_paths(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.without_paths(item) for item in value]
        return value


# Rulesets ---------------------------------------------------------------------------------------------------------------


def shipped_rulesets(bench: Bench, tell: Tell) -> list[dict[str, str]]:  # noqa: ARG001
    """Every installed ruleset: id, kind, title and text."""
    found = []
    for name, path in sorted(bench.shipped.items()):
        text = path.read_text(encoding="utf-8")
        stated = {key: _stated(text, key) for key in ("kind", "title")}
        found.append({"id": name, **stated, "text": text})
    return found


def _stated(text: str, key: str) -> str:
    """What a ruleset's text states for a key of its own."""
    found = re.search(rf"^{key}:[ \t]*(.*?)[ \t]*$", text, flags=re.MULTILINE)
    return found[1].strip("'\"") if found else ""


def schema(bench: Bench, tell: Tell) -> dict[str, Any]:  # noqa: ARG001
    """The JSON Schema of rulesets."""
    return bench.schema


def check(bench: Bench, tell: Tell, ruleset: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Whether a ruleset is right, every problem, and what it defines."""
    try:
        loaded = bench.load(ruleset)
    except RulesEngineError as error:
        return {
            "ok": False,
            "exit_code": error.exit_code,
            "problems": [problem.as_dict() for problem in error.problems],
            "ruleset": None,
        }
    return {"ok": True, "exit_code": 0, "problems": [], "ruleset": _about(loaded)}


def _about(ruleset: Ruleset) -> dict[str, Any]:
    stated = (ruleset.document.get("study") or {}).get("data_cutoff")
    return {
        "id": ruleset.id,
        "kind": ruleset.kind,
        "title": ruleset.title,
        "responses": list(ruleset.responses),
        "endpoints": {name: endpoint.label for name, endpoint in ruleset.endpoints.items()},
        "analyses": list(ruleset.analyses),
        "data_cutoff": None if stated is None else str(stated),
    }


def complete(
    bench: Bench, tell: Tell, text: str, line: int, column: int, bases: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    """What may stand at a place of a ruleset's text."""
    from rules_engine.completion import complete as completion_of

    del tell
    found = completion_of(
        text, line, column, schema=bench.schema, rulesets={**bench.kinds, **dict.fromkeys(bases, "protocol")},
        text_of=lambda name: bases.get(name) or bench.text_of(name),
    )  # fmt: skip
    suggestions = [
        {"label": one.label, "insert": one.insert, "kind": one.kind, "detail": one.detail} for one in found.suggestions
    ]
    return {"start": found.start, "end": found.end, "suggestions": suggestions}


def describe(bench: Bench, tell: Tell, ruleset: Mapping[str, Any], form: str) -> str:  # noqa: ARG001
    """The ruleset in plain English."""
    from rules_engine.describe import describe_ruleset

    description = describe_ruleset(bench.load(ruleset), registry=bench.registry)
    return description.html() if form == "html" else description.markdown()


def compare(bench: Bench, tell: Tell, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: ARG001
    """The effective values in which two rulesets differ."""
    from rules_engine.diff import compare_rules

    # Each is complete when it is loaded: the second may lay other rulesets beside it.
    one = bench.load(before, "before.yaml")
    other = bench.load(after, "after.yaml")
    return [rule.as_dict() for rule in compare_rules(one, other)]


# Studies and runs -------------------------------------------------------------------------------------------------------


def demo_study(bench: Bench, tell: Tell, folder: str) -> None:
    """Make up the study that the service offers, where it is not there yet."""
    from rules_engine.simulator import simulate_to

    if not Path(folder).exists():
        tell("making up a study")
        simulate_to(Path(folder), subjects=DEMO_SUBJECTS, seed=DEMO_SEED)
    del bench


def inspect_study(bench: Bench, tell: Tell, study: Mapping[str, str]) -> list[dict[str, Any]]:  # noqa: ARG001
    """The files of a study that a reader knows: name and size."""
    suffixes = {suffix for reader in bench.registry.readers.values() for suffix in reader.suffixes}
    files = [path for path in Path(study["folder"]).iterdir() if path.is_file() and path.suffix.lower() in suffixes]
    return [{"name": path.name, "bytes": path.stat().st_size} for path in sorted(files)]


def suffixes_read(bench: Bench, tell: Tell) -> list[str]:  # noqa: ARG001
    """The endings of files that the installed readers read."""
    return sorted({suffix for reader in bench.registry.readers.values() for suffix in reader.suffixes})


def run(
    bench: Bench, tell: Tell, *, folder: str, ruleset: Mapping[str, Any], study: Mapping[str, str], data_cutoff: str | None,
    make_up: bool,
) -> dict[str, Any]:  # fmt: skip
    """Run a ruleset on a study; data sets, report and what later questions need go into the run's folder."""
    from rules_engine.engine import Engine

    bench.studies = {study["folder"]: f"study {study['name']}"}
    if make_up:
        demo_study(bench, tell, study["folder"])
    engine = Engine(bench.load(ruleset), registry=bench.registry)
    result = engine.run(study["folder"], data_cutoff=data_cutoff, progress=tell)
    tell("writing")
    place = Path(folder)
    result.write(place / "results", report=True)
    about = {"ruleset": dict(ruleset), "study": dict(study), "data_cutoff": result.data_cutoff.isoformat()}
    (place / _RUN).write_text(json.dumps(about), encoding="utf-8")
    # Read again by these workers alone, from a folder that only this user may read.
    (place / _DERIVED).write_bytes(pickle.dumps(result.derived))
    return _summary(result)


def _summary(result: Result) -> dict[str, Any]:
    times, responses = result.derived.time_to_event, result.derived.responses
    labels = {name: endpoint.label for name, endpoint in result.ruleset.endpoints.items()}
    counted = {name: {"records": rows.height, "events": int(rows["event"].sum())} for name, rows in times.items()}
    counted |= {
        name: {"records": rows.height, "responders": int(rows["responder"].sum())} for name, rows in responses.items()
    }
    return {
        "ruleset": result.ruleset.id,
        "title": result.ruleset.title,
        "data_cutoff": result.data_cutoff.isoformat(),
        "subjects": result.subject_count,
        "endpoints": {name: {"label": labels[name], **numbers} for name, numbers in counted.items()},
        "findings": result.findings_overview().by_rule().to_dicts(),
        "tables": {name: frame.height for name, frame in result.data_sets().items()},
    }


def _again(bench: Bench, folder: str, file: str) -> Result:
    """The result of a run that was done before."""
    from datetime import date

    from rules_engine.engine import Engine
    from rules_engine.engine import Result as Again

    place = Path(folder)
    about = json.loads((place / _RUN).read_text(encoding="utf-8"))
    bench.studies[about["study"]["folder"]] = f"study {about['study']['name']}"
    engine = Engine(bench.load(about["ruleset"], file), registry=bench.registry)
    derived = pickle.loads((place / _DERIVED).read_bytes())  # noqa: S301  (written by `run`)
    study = engine.read(about["study"]["folder"])
    return Again(engine.ruleset, study, derived, date.fromisoformat(about["data_cutoff"]), bench.registry)


def explain(
    bench: Bench, tell: Tell, *, folder: str, subject: str, endpoint: str | None, response: str | None, visit: str | None
) -> dict[str, Any]:  # fmt: skip
    """Why the records of one subject of a run are as they are, as data and as text."""
    del tell
    explanation = _again(bench, folder, "protocol.yaml").explain(subject, endpoint, response=response, visit=visit)
    return {"explanation": explanation.as_dict(), "text": str(explanation)}


def timeline(bench: Bench, tell: Tell, *, folder: str, subject: str) -> str:
    """The course of one subject of a run, as an SVG picture."""
    del tell
    picture = Path("timeline.svg")
    _again(bench, folder, "protocol.yaml").timeline(subject).write(picture)
    return picture.read_text(encoding="utf-8")


def diff(
    bench: Bench, tell: Tell, *, before: str, after: str, endpoints: list[str], form: str
) -> dict[str, Any] | str:  # fmt: skip
    """What differs between two runs: rules, records with the rules that change them, estimates, curves."""
    from rules_engine.diff.curves import curve_figures
    from rules_engine.pages import Figure
    from rules_engine.report import figure_file

    del tell
    comparison = _again(bench, before, "before.yaml").diff(_again(bench, after, "after.yaml"), endpoints=endpoints)
    if form == "html":
        return comparison.html()
    figures = curve_figures(comparison.before, comparison.after, comparison.records)
    return {
        **comparison.as_dict(),
        "text": str(comparison),
        "figures": [
            {"name": figure.name, "caption": figure.caption, "svg": figure_file(figure, "svg").decode("utf-8")}
            for figure in figures
            if isinstance(figure, Figure)
        ],
    }


JOBS: dict[str, Callable[..., Any]] = {
    "rulesets": shipped_rulesets,
    "schema": schema,
    "check": check,
    "complete": complete,
    "describe": describe,
    "compare": compare,
    "demo study": demo_study,
    "study": inspect_study,
    "suffixes": suffixes_read,
    "run": run,
    "explain": explain,
    "timeline": timeline,
    "diff": diff,
}

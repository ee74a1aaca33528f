"""Derive part after part, go on where an earlier run stopped, and put the whole together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

import rules_engine
from rules_engine import pipeline
from rules_engine.contracts import ROW
from rules_engine.engine import Engine, cutoff_of
from rules_engine.errors import Problem, StudyError, UsageError
from rules_engine.hookspecs import HOOK_VERSION
from rules_engine.partitions import files
from rules_engine.partitions.folder import WorkFolder, working_in
from rules_engine.partitions.job import Job, can_be_rebuilt
from rules_engine.partitions.part import LESIONS, READING
from rules_engine.partitions.plan import (
    Shard,
    of_range,
    parted,
    parts_needed,
    read_memory,
    share_of,
    subjects_of,
    workers_for,
)
from rules_engine.partitions.stored import Part, StoredResult, stored_subjects
from rules_engine.partitions.workers import DONE, STAGE, derive_in_workers
from rules_engine.pipeline import Derived
from rules_engine.pipeline.plans import Progress
from rules_engine.study import Source, Study, open_study, require_tables
from rules_engine.study.extra_columns import read_extra_columns
from rules_engine.study.manifest import as_json, ruleset_hash
from rules_engine.study.sources import input_folders
from rules_engine.study.writing import require_writable
from rules_engine.watching import watched

DEFAULT_MEMORY = "4GiB"
#: What reading the whole study found, the frame of part 0.
OPENED = "opened"


def run_in_parts(
    engine: Engine,
    source: str | Path,
    out: str | Path,
    *,
    memory: int | str = DEFAULT_MEMORY,
    parts: int | None = None,
    workers: int | None = None,
    data_cutoff: date | str | None = None,
    work: str | Path | None = None,
    formats: Sequence[str] = ("parquet",),
    report: bool = True,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StoredResult:
    """Run a protocol on a study of any size within about `memory` bytes (or `8GiB`), and write everything to `out`.

    `parts` says in how many parts; without it, as many as the memory asks for. `workers` processes derive parts side by side and
    share the memory; without it, one for each core where there are subjects enough. The same files come out as from
    `Engine.run(…).write(out)`. Parts that are finished lie in `work`, by default a hidden folder
    beside `out`, until the result is closed; an interrupted run is called again and derives only what is missing.
    `progress` is told the stages and, from the second part on, how long the parts that are left will take.
    """
    target = require_writable(out, inputs=input_folders(source))
    tell = watched(progress, cancel)
    cutoff = cutoff_of(data_cutoff, engine.ruleset)
    folder = Path(work) if work is not None else target.with_name(f".{target.name}.parts")
    with ExitStack() as stack:
        place = stack.enter_context(working_in(folder))
        _derive_parts(engine, source, place, Shard(), _Size(memory, parts, workers), cutoff, tell)
        result = whole_of(engine, [place], cutoff, tell)
        tell("writing")
        written = result.write(target, formats=formats, report=report)
        stack.callback(place.remove)
        return replace(result, written=written, ending=stack.pop_all())


def run_shard(
    engine: Engine,
    source: str | Path,
    out: str | Path,
    shard: Shard,
    *,
    memory: int | str = DEFAULT_MEMORY,
    parts: int | None = None,
    workers: int | None = None,
    data_cutoff: date | str | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Path:
    """Derive one shard of a study into the folder `out`, for `merge_shards`; an interrupted shard goes on where it stopped."""
    tell = watched(progress, cancel)
    cutoff = cutoff_of(data_cutoff, engine.ruleset)
    with working_in(require_writable(out, inputs=input_folders(source))) as place:
        _derive_parts(engine, source, place, shard, _Size(memory, parts, workers), cutoff, tell)
        return place.path


def merge_shards(
    engine: Engine,
    shards: Sequence[str | Path],
    out: str | Path,
    *,
    formats: Sequence[str] = ("parquet",),
    report: bool = True,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StoredResult:
    """Put the shards of a study together and write everything to `out`, as one run would have; the shards stay.

    Raises `StudyError` where a shard is missing, twice there, unfinished, damaged or of another run.
    """
    target = require_writable(out, inputs=shards)
    tell = watched(progress, cancel)
    with ExitStack() as stack:
        missing = [path for path in map(Path, shards) if not path.is_dir()]
        if missing:
            raise UsageError.at(str(missing[0]), "there is no such folder", "name the folders of the shards")
        places = [stack.enter_context(working_in(Path(path))) for path in shards]
        ordered, cutoff = _complete(places, engine)
        result = whole_of(engine, ordered, cutoff, tell)
        tell("writing")
        written = result.write(target, formats=formats, report=report)
        return replace(result, written=written, ending=stack.pop_all())


# Part after part ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Size:
    """How large a run may be, as stated by whoever calls: its memory, and the numbers of its parts and workers."""

    memory: int | str
    parts: int | None
    workers: int | None

    def settled(self, engine: Engine, rows: Mapping[str, int]) -> tuple[int, int]:
        """The numbers of parts and of workers for a shard with so many rows of each table."""
        memory, subjects = read_memory(self.memory), rows.get("subjects", 0)
        workers = workers_for(self.workers, subjects, memory)
        if workers > 1 and self.workers is None and not can_be_rebuilt(engine.registry):
            workers = 1
        if self.parts is not None:
            return self.parts, min(workers, self.parts)
        parts = parts_needed(rows, engine.ruleset, share_of(memory, workers))
        # As many parts as keep all workers busy to the end.
        return min(-(-parts // workers) * workers, max(1, subjects)), workers


def _derive_parts(
    engine: Engine, source: str | Path, place: WorkFolder, shard: Shard, size: _Size, cutoff: date, tell: Progress
) -> None:
    """Derive every part of a shard that is not there yet."""
    require_separable(engine)
    tell("reading")
    study = open_study(source, ruleset=engine.ruleset, registry=engine.registry)
    require_tables(study, engine.ruleset, engine.registry)
    _require_hashed(study.sources)
    what = what_is_run(engine, study.sources, cutoff, shard.of)
    subjects = subjects_of(study.tables["subjects"].select("subject").collect()["subject"], shard)
    counts = pl.collect_all([of_range(rows, subjects).select(pl.len()) for rows in study.tables.values()])
    rows = {name: int(count.item()) for name, count in zip(study.tables, counts, strict=True)}
    number, workers = size.settled(engine, rows)
    run = place.begin(run_of(what, study, number, shard))
    parts = int(run["parts"])
    if not place.is_done(0, run["key"]):
        place.write(0, run["key"], iter([(OPENED, study.findings.collect())]))
    if not place.has_tables:
        tell("splitting")
        place.split(study.tables, parted(subjects, parts))
    missing = [part for part in range(1, parts + 1) if not place.is_done(part, run["key"])]
    job = Job.of(engine, study, cutoff, place, run["key"])
    told = _ToldParts(parts, len(missing), tell)
    if workers > 1 and len(missing) > 1:
        derive_in_workers(job, missing, workers, told)
        return
    for part in missing:
        told(STAGE, part, "")
        job.derive(engine, part, partial(told, STAGE, part))
        told(DONE, part, None)


class _ToldParts:
    """Tells which part is at which stage and, from the second part on, how long those that are left will take."""

    def __init__(self, parts: int, missing: int, tell: Progress) -> None:
        self._parts, self._missing, self._tell = parts, missing, tell
        self._done = 0
        self._began = time.monotonic()

    def __call__(self, kind: str, part: int, stage: Any) -> None:
        if kind == DONE:
            self._done += 1
            return
        left = ""
        if self._done:
            seconds = (time.monotonic() - self._began) / self._done * (self._missing - self._done)
            left = f", {_duration(seconds)} left"
        self._tell(f"part {part} of {self._parts}{left}" + (f": {stage}" if stage else ""))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"about {hours} h {minutes:02d} min" if hours else f"about {minutes} min" if minutes else f"about {rest} s"


def require_separable(engine: Engine) -> None:
    """Refuse a ruleset that grades one subject by the records of others."""
    labs = engine.ruleset.labs
    reason = (
        "" if labs is None else engine.registry.gradings.require(labs.rules.grading).needs_all_subjects(labs.options)
    )
    if reason:
        raise UsageError.at(
            f"ruleset {engine.ruleset.id!r}", f"its subjects cannot be run apart: {reason}",
            "run it in memory, without --memory and --shard, or change the option",
        )  # fmt: skip


def run_of(what: Mapping[str, Any], study: Study, parts: int, shard: Shard = Shard()) -> dict[str, Any]:  # noqa: B008  (frozen)
    """What `run.json` says of a run in so many parts; `what` is that of `what_is_run`."""
    return {
        "key": _digest({"what": what, "shard": shard.number}),
        "what": what,
        "shard": shard.number,
        "parts": parts,
        "study": {
            "id": study.id,
            "columns": {name: sorted(columns) for name, columns in study.columns.items()},
            "tables": list(study.tables),
        },
    }


def _require_hashed(sources: Sequence[Source]) -> None:
    unhashed = [source.name for source in sources if source.sha256 is None]
    if unhashed:
        raise UsageError.at(
            "study", f"table {unhashed[0]} comes from no file, so that nobody could tell whether it changed meanwhile",
            "write the tables to Parquet files and name their folder",
        )  # fmt: skip


def what_is_run(engine: Engine, sources: Sequence[Source], cutoff: date, shards: int = 1) -> dict[str, Any]:
    """Everything that decides what is in a part."""
    return {
        "ruleset": ruleset_hash(engine.ruleset),
        "data_cutoff": cutoff.isoformat(),
        "engine": rules_engine.__version__,
        "hooks": str(HOOK_VERSION),
        "polars": pl.__version__,
        "plugins": sorted(f"{plugin.name} {plugin.version}" for plugin in engine.registry.plugins),
        "shards": shards,
        "sources": [
            {"name": one.name, "path": None if one.path is None else str(one.path), "sha256": one.sha256, "rows": one.rows,
             "origin": one.origin, "alone": one.alone}
            for one in sources
        ],
    }  # fmt: skip


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(as_json(document, indent=None).encode()).hexdigest()


# The whole ------------------------------------------------------------------------------------------------------------


def _complete(places: Sequence[WorkFolder], engine: Engine) -> tuple[list[WorkFolder], date]:
    """The shards in order, and the data cut-off; raises `StudyError` with everything that keeps them from being one study."""
    runs = [(place, place.run()) for place in places]
    first = runs[0][1]["what"]
    cutoff = date.fromisoformat(first["data_cutoff"])
    sources = [
        Source(one["name"], _path(one), one["sha256"], one["rows"], one["origin"], one["alone"])
        for one in first["sources"]
    ]
    expected = _identity(what_is_run(engine, sources, cutoff, first["shards"]))
    problems = []
    by_number: dict[int, WorkFolder] = {}
    for place, run in runs:
        identity = _identity(run["what"])
        differing = [name for name in expected if identity.get(name) != expected[name]]
        if differing:
            what = f"it was run with another {', '.join(differing)}"
            problems.append(Problem(str(place.path), what, "run the shard again, as the others"))
        number = int(run["shard"])
        if number in by_number:
            what = f"shard {number} is there twice, also in {by_number[number].path}"
            problems.append(Problem(str(place.path), what, "name each shard once"))
        by_number[number] = place
    lacking = [number for number in range(1, int(first["shards"]) + 1) if number not in by_number]
    if lacking:
        numbers = ", ".join(f"{number}/{first['shards']}" for number in lacking)
        problems.append(Problem("shards", f"not all are there; missing: {numbers}", "run them, and name every folder"))
    if problems:
        raise StudyError(problems)
    return [by_number[number] for number in sorted(by_number)], cutoff


def _identity(what: Mapping[str, Any]) -> dict[str, Any]:
    """The same without where files lie: shards may be run on several machines."""
    sources = [{key: value for key, value in one.items() if key != "path"} for one in what["sources"]]
    return {**what, "sources": sources}


def _path(source: Mapping[str, Any]) -> Path | None:
    return None if source["path"] is None else Path(source["path"])


def whole_of(engine: Engine, places: Sequence[WorkFolder], cutoff: date, tell: Progress) -> StoredResult:
    """The result of all parts of these folders, which are in the order of their subjects."""
    tell("putting together")
    parts: list[Part] = []
    opened: Part = {}
    for place in places:
        run = place.run()
        opened = place.frames(0, run["key"])
        parts += [place.frames(part, run["key"]) for part in range(1, int(run["parts"]) + 1)]
    study = _study(places, parts, files.read(opened[OPENED]), engine)
    of_subjects = stored_subjects(parts)
    cohort = pipeline.derive_cohort(
        engine.ruleset, of_subjects, study.tables, engine.registry, cutoff, findings=study.findings, progress=tell
    )
    derived = Derived.of(of_subjects, cohort)
    return StoredResult(engine.ruleset, study, derived, cutoff, engine.registry, parts=parts)


def _study(places: Sequence[WorkFolder], parts: Sequence[Part], opened: pl.DataFrame, engine: Engine) -> Study:
    """The study as all parts read it; its tables stay on disk."""
    run = places[0].run()
    names = run["study"]["tables"]
    tables = dict(_stacked(places, names))
    lesions = [
        files.scan(part[LESIONS]) if LESIONS in part else rows
        for part, rows in zip(parts, _lesions_of_parts(places), strict=True)
    ]
    tables["lesion_assessments"] = pl.concat(lesions)
    for name in ("subjects", "treatments"):
        tables[name] = tables[name].sort(ROW.name).collect().lazy()  # in the order of the source
    findings = pl.concat([opened.lazy(), files.scan([part[READING] for part in parts])])
    sources = tuple(
        Source(one["name"], _path(one), one["sha256"], one["rows"], one["origin"], one["alone"])
        for one in run["what"]["sources"]
    )
    columns = {name: frozenset(columns) for name, columns in run["study"]["columns"].items()}
    study = Study(MappingProxyType(tables), findings, sources, run["study"]["id"], MappingProxyType(columns))
    extra = pipeline.extra_lesion_columns(engine.ruleset, engine.registry)
    return replace(read_extra_columns(study, "lesion_assessments", extra), findings=findings)


def _stacked(places: Sequence[WorkFolder], names: Sequence[str]) -> Iterator[tuple[str, pl.LazyFrame]]:
    of_places = [place.tables(names) for place in places]
    for name in names:
        yield name, pl.concat([tables[name] for tables in of_places])


def _lesions_of_parts(places: Sequence[WorkFolder]) -> Iterator[pl.LazyFrame]:
    for place in places:
        for part in range(1, int(place.run()["parts"]) + 1):
            yield place.tables(["lesion_assessments"], part)["lesion_assessments"]

"""Derive part after part, go on where an earlier run stopped, and put the whole together."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

import rules_engine
from rules_engine import pipeline
from rules_engine.contracts import ROW
from rules_engine.engine import Engine, cutoff_of
from rules_engine.errors import Problem, StudyError, UsageError
from rules_engine.findings import concat_findings
from rules_engine.hookspecs import HOOK_VERSION
from rules_engine.partitions.folder import WorkFolder, working_in
from rules_engine.partitions.part import LESIONS, READING, derive_part
from rules_engine.partitions.plan import Shard, parted, parts_needed, read_memory, subjects_of
from rules_engine.partitions.stored import Part, StoredResult, stored_subjects
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
    data_cutoff: date | str | None = None,
    work: str | Path | None = None,
    formats: Sequence[str] = ("parquet",),
    report: bool = True,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> StoredResult:
    """Run a protocol on a study of any size within about `memory` bytes (or `8GiB`), and write everything to `out`.

    `parts` says in how many parts; without it, as many as the memory asks for. The same files come out as from
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
        _derive_parts(engine, source, place, Shard(), (memory, parts), cutoff, tell)
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
    data_cutoff: date | str | None = None,
    progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Path:
    """Derive one shard of a study into the folder `out`, for `merge_shards`; an interrupted shard goes on where it stopped."""
    tell = watched(progress, cancel)
    cutoff = cutoff_of(data_cutoff, engine.ruleset)
    with working_in(require_writable(out, inputs=input_folders(source))) as place:
        _derive_parts(engine, source, place, shard, (memory, parts), cutoff, tell)
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


def _derive_parts(
    engine: Engine, source: str | Path, place: WorkFolder, shard: Shard, size: tuple[int | str, int | None], cutoff: date,
    tell: Progress,
) -> None:  # fmt: skip
    """Derive every part of a shard that is not there yet; `size` is the memory, and the number of parts if it is stated."""
    require_separable(engine)
    tell("reading")
    study = open_study(source, ruleset=engine.ruleset, registry=engine.registry)
    require_tables(study, engine.ruleset, engine.registry)
    _require_hashed(study.sources)
    what = what_is_run(engine, study.sources, cutoff, shard.of)
    subjects = subjects_of(study.tables["subjects"].select("subject").collect()["subject"], shard)
    mine = pl.LazyFrame({"subject": subjects})
    tables = {name: rows.join(mine, on="subject", how="semi") for name, rows in study.tables.items()}
    counts = pl.collect_all([rows.select(pl.len()) for rows in tables.values()])
    rows = {name: int(count.item()) for name, count in zip(tables, counts, strict=True)}
    number = size[1] or parts_needed(rows, engine.ruleset, read_memory(size[0]))
    run = place.begin(run_of(what, study, number, shard))
    parts = int(run["parts"])
    if not place.is_done(0, run["key"]):
        place.write(0, run["key"], iter([(OPENED, study.findings.collect())]))
    if not place.has_tables:
        tell("splitting")
        place.split(tables, parted(subjects, parts))
    _derive_missing(engine, place, run, study, cutoff, tell)


def _derive_missing(
    engine: Engine, place: WorkFolder, run: Mapping[str, Any], study: Study, cutoff: date, tell: Progress
) -> None:
    parts = int(run["parts"])
    missing = [part for part in range(1, parts + 1) if not place.is_done(part, run["key"])]
    began = time.monotonic()
    for position, part in enumerate(missing):
        left = ""
        if position:
            left = f", {_duration((time.monotonic() - began) / position * (len(missing) - position))} left"
        tell(f"part {part} of {parts}{left}")
        tables = place.tables(list(study.tables), part)
        of_part = replace(study, tables=MappingProxyType(tables), findings=concat_findings([]))
        stages = _named(tell, f"part {part} of {parts}{left}")
        place.write(part, run["key"], derive_part(engine, of_part, cutoff, stages))


def _named(tell: Progress, part: str) -> Progress:
    return lambda stage: tell(f"{part}: {stage}")


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
    study = _study(places, parts, pl.read_parquet(opened[OPENED]), engine)
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
        pl.scan_parquet(part[LESIONS]) if LESIONS in part else rows
        for part, rows in zip(parts, _lesions_of_parts(places), strict=True)
    ]
    tables["lesion_assessments"] = pl.concat(lesions)
    for name in ("subjects", "treatments"):
        tables[name] = tables[name].sort(ROW.name).collect().lazy()  # in the order of the source
    findings = pl.concat([opened.lazy(), *(pl.scan_parquet(part[READING]) for part in parts)])
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

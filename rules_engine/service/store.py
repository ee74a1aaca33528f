"""What a service keeps: studies and runs, each in a folder that only this user may read, the oldest given up for the newest."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rules_engine.service.jobs import DEMO_CUTOFF, DEMO_SUBJECTS
from rules_engine.service.problems import RequestError
from rules_engine.service.workers import Task

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED = ("done", "failed", "cancelled")
#: What an uploaded file may be called: the name of a table and an ending, no folder.
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}\.[A-Za-z0-9]{1,12}")


@dataclass(frozen=True)
class KeptStudy:
    """A study that runs may name. `folder` never leaves the service."""

    id: str
    title: str
    origin: Literal["demo", "configured", "uploaded"]
    folder: Path
    data_cutoff: str | None = None


class Studies:
    """The studies of a service, by id."""

    def __init__(self, configured: Mapping[str, Path], *, demo: bool, place: Path, kept: int) -> None:
        self._place = place
        self._kept = kept
        self._lock = threading.Lock()
        self._studies: dict[str, KeptStudy] = {}
        if demo:
            title = f"A made-up study of {DEMO_SUBJECTS} subjects"
            self._studies["demo"] = KeptStudy("demo", title, "demo", place / "demo", DEMO_CUTOFF)
        for name, folder in configured.items():
            self._studies[name] = KeptStudy(name, name, "configured", Path(folder).resolve())

    def all(self) -> list[KeptStudy]:
        """Every study, in the order in which they came."""
        with self._lock:
            return list(self._studies.values())

    def get(self, identity: str) -> KeptStudy:
        """The study with this id. Raises `RequestError` (404)."""
        with self._lock:
            found = self._studies.get(identity)
        if found is None:
            raise not_found("study", identity)
        return found

    def add(self, title: str, files: Mapping[str, bytes]) -> KeptStudy:
        """Keep uploaded files as a study; the oldest uploaded one is given up where there are too many."""
        identity = secrets.token_urlsafe(12)
        folder = self._place / identity
        folder.mkdir(mode=0o700)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        study = KeptStudy(identity, title, "uploaded", folder)
        with self._lock:
            self._studies[identity] = study
            uploaded = [one for one in self._studies.values() if one.origin == "uploaded"]
            given_up = uploaded[: -self._kept] if len(uploaded) > self._kept else []
            for old in given_up:
                del self._studies[old.id]
        for old in given_up:
            shutil.rmtree(old.folder, ignore_errors=True)
        return study

    def remove(self, identity: str) -> None:
        """Delete an uploaded study. Raises `RequestError` where there is none (404) or it is not uploaded (409)."""
        study = self.get(identity)
        if study.origin != "uploaded":
            what = "it was configured when the service was started, not uploaded"
            raise RequestError.because(
                409, "Not yours to delete", f"study {identity!r}", what, "delete uploaded studies"
            )
        with self._lock:
            self._studies.pop(identity, None)
        shutil.rmtree(study.folder, ignore_errors=True)


@dataclass(eq=False)
class KeptRun:
    """A run: what was asked for, where it stands, what it came to. Changed under the lock of `Runs` alone."""

    id: str
    study: str
    ruleset: Mapping[str, Any]
    folder: Path
    state: State = "queued"
    stage: str = ""
    summary: Mapping[str, Any] | None = None
    error: RequestError | None = None
    task: Task | None = field(default=None, repr=False)


class Runs:
    """The runs of a service, by id."""

    def __init__(self, place: Path, *, kept: int) -> None:
        self._place = place
        self._kept = kept
        self.lock = threading.Lock()
        self._runs: dict[str, KeptRun] = {}

    def all(self) -> list[KeptRun]:
        """Every run, oldest first."""
        with self.lock:
            return list(self._runs.values())

    def get(self, identity: str, *, done: bool = False) -> KeptRun:
        """The run with this id. Raises `RequestError`: 404, or 409 where it must be `done` and is not."""
        with self.lock:
            found = self._runs.get(identity)
        if found is None:
            raise not_found("run", identity)
        if done and found.state != "done":
            raise RequestError.because(
                409, "Not done", f"run {identity!r}", f"it is {found.state}", "wait until it is done, or run again"
            )
        return found

    def new(self, study: str, ruleset: Mapping[str, Any]) -> KeptRun:
        """Keep a run that is about to begin; the oldest finished one is given up where there are too many."""
        identity = secrets.token_urlsafe(12)
        run = KeptRun(identity, study, ruleset, self._place / identity)
        run.folder.mkdir(mode=0o700)
        with self.lock:
            self._runs[identity] = run
            finished = [one.id for one in self._runs.values() if one.state in FINISHED]
            given_up = finished[: max(0, len(self._runs) - self._kept)]
            gone = [self._runs.pop(old) for old in given_up]
        for old in gone:
            shutil.rmtree(old.folder, ignore_errors=True)
        return run

    def remove(self, identity: str) -> None:
        """Cancel a run that is going on, and delete it. Raises `RequestError` (404)."""
        run = self.get(identity)
        if run.task is not None:
            run.task.cancel()
        with self.lock:
            self._runs.pop(identity, None)
        self.tidy(run)

    def tidy(self, run: KeptRun) -> None:
        """Delete the folder of a run that is no longer kept; called again when it has ended, which may write until then."""
        with self.lock:
            kept = run.id in self._runs
        if not kept:
            shutil.rmtree(run.folder, ignore_errors=True)


def not_found(word: str, identity: str) -> RequestError:
    """There is no such thing."""
    where = f"{word} {identity[:80]!r}"
    return RequestError.because(
        404, f"No such {word}", where, "there is none with this id", f"list them: /api/v1/{_many(word)}"
    )


def _many(word: str) -> str:
    return "studies" if word == "study" else f"{word}s"

"""What a running service holds: its settings, its workers, its studies and its runs."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request

from rules_engine.service.problems import RequestError
from rules_engine.service.settings import ServiceSettings
from rules_engine.service.store import FINISHED, KeptRun, KeptStudy, Runs, Studies
from rules_engine.service.workers import Stopped, Task, WorkerPool


@dataclass(frozen=True)
class State:
    """`answers` does what a person waits for, `work` does runs; so that a run holds up no check."""

    settings: ServiceSettings
    answers: WorkerPool
    work: WorkerPool
    studies: Studies
    runs: Runs
    known: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, settings: ServiceSettings, place: Path) -> State:
        """Start the workers; `place` is the folder for everything that is kept."""
        for name in ("studies", "runs", "workers"):
            (place / name).mkdir(mode=0o700)
        workers: dict[str, Any] = {
            "folder": place / "workers",
            "max_memory": settings.max_memory,
            "plugins": settings.plugins,
        }
        answers = WorkerPool("answers", size=2, waiting=settings.queue, **workers)
        answers.submit(
            Task("suffixes", {}, settings.answer_seconds)
        )  # so that the first to ask meets a worker that is ready
        return cls(
            settings,
            answers,
            WorkerPool("work", size=settings.workers, waiting=settings.queue, **workers),
            Studies(settings.studies, demo=settings.demo, place=place / "studies", kept=settings.kept_studies),
            Runs(place / "runs", kept=settings.kept_runs),
        )

    def end(self) -> None:
        """End the workers."""
        self.work.close()
        self.answers.close()

    def ask(self, job: str, **arguments: Any) -> Any:
        """The answer to a short job. Raises `RequestError`."""
        task = self.answers.submit(Task(job, arguments, self.settings.answer_seconds))
        try:
            return task.answer.result()
        except (Stopped, CancelledError):
            raise RequestError.because(503, "Going down", "service", "it is being stopped", "ask again later") from None

    def ask_once(self, job: str) -> Any:
        """The answer to a job that always has the same one, such as which rulesets are installed."""
        if job not in self.known:
            self.known[job] = self.ask(job)
        return self.known[job]

    def prepared(self, study: KeptStudy) -> KeptStudy:
        """The same study, made up where it is the one that comes with the service."""
        if study.origin == "demo" and not study.folder.exists():
            self.ask("demo study", folder=str(study.folder))
        return study

    def start(self, study: KeptStudy, ruleset: Mapping[str, Any], data_cutoff: str | None) -> KeptRun:
        """Begin a run. Raises `RequestError` (503) where too many wait."""
        run = self.runs.new(study.id, ruleset)
        arguments = {
            "folder": str(run.folder), "ruleset": dict(ruleset), "data_cutoff": data_cutoff,
            "study": {"folder": str(study.folder), "name": study.id}, "make_up": study.origin == "demo",
        }  # fmt: skip
        task = Task(
            "run", arguments, self.settings.run_seconds,
            on_start=lambda: self._note(run, state="running"), on_stage=lambda stage: self._note(run, stage=stage),
        )  # fmt: skip
        task.answer.add_done_callback(lambda _done: self._ended(run, task))
        run.task = task
        try:
            self.work.submit(task)
        except RequestError:
            self.runs.remove(run.id)
            raise
        return run

    def _note(self, run: KeptRun, **changes: Any) -> None:
        with self.runs.lock:
            if run.state not in FINISHED:
                for name, value in changes.items():
                    setattr(run, name, value)

    def _ended(self, run: KeptRun, task: Task) -> None:
        error = task.answer.exception()
        if error is None:
            self._note(run, summary=task.answer.result(), state="done", stage="")
        elif isinstance(error, RequestError):
            self._note(run, error=error, state="failed")
        else:
            self._note(run, state="cancelled")
        self.runs.tidy(run)


def state_of(request: Request) -> State:
    """The service that answers a request."""
    found: State = request.app.state.service
    return found

"""Worker processes: one job at a time each, ended when it takes too long, too much memory, or is no longer wanted.

Processes are started with the method `spawn` and go on to the next job; after one was ended, the next job starts a new one.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rules_engine.errors import EXIT_PLUGIN
from rules_engine.registry import PluginSelection
from rules_engine.service.problems import RequestError
from rules_engine.watching import LOGGER

_SPAWN = multiprocessing.get_context("spawn")
#: Seconds between two looks at a job that is going on.
_LOOK = 0.1
#: Seconds that a process may take to get ready; they do not count as the job's.
_GETTING_READY = 300.0


class Stopped(Exception):  # noqa: N818  (it was asked for)
    """The job was cancelled; its process was ended where it had begun."""


@dataclass(eq=False)
class Task:
    """A job that was handed in: what to do, how long it may take, and where its answer comes."""

    job: str
    arguments: dict[str, Any]
    seconds: float
    on_start: Callable[[], None] = lambda: None
    on_stage: Callable[[str], None] = lambda _stage: None
    answer: Future[Any] = field(default_factory=Future)
    _stop: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """End it, whether it waits or is going on."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for its end."""
        return self._stop.is_set()


class WorkerPool:
    """`size` processes, and room for `waiting` more jobs; a job beyond that is refused at once (503)."""

    def __init__(
        self, name: str, *, size: int, waiting: int, folder: Path, max_memory: int, plugins: PluginSelection
    ) -> None:
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self._room = threading.Semaphore(size + waiting)
        self._folder = folder
        self._plugins = plugins
        self._max_memory = max_memory
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._serve, args=(f"{name}-{number}",), name=f"rules-engine-{name}-{number}", daemon=True
            )
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> Task:
        """Hand a job in. Raises `RequestError` (503) where too many wait already."""
        if self._closed.is_set() or not self._room.acquire(blocking=False):
            what, remedy = "it has as much to do as it may take on", "try again in a moment"
            raise RequestError.because(503, "Too much to do", "service", what, remedy, **{"Retry-After": "5"})
        task.answer.add_done_callback(lambda _done: self._room.release())
        self._tasks.put(task)
        return task

    def close(self) -> None:
        """End every process; jobs that wait are cancelled."""
        self._closed.set()
        for _thread in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(timeout=5)
        while not self._tasks.empty():
            if (task := self._tasks.get()) is not None:
                task.answer.set_exception(Stopped())

    def _serve(self, name: str) -> None:
        worker = _Worker(self._folder / name, self._max_memory, self._plugins, self._closed)
        try:
            while not self._closed.is_set() and (task := self._tasks.get()) is not None:
                try:
                    task.answer.set_result(worker.do(task))
                except BaseException as error:
                    task.answer.set_exception(error)
        finally:
            worker.end()


class _Worker:
    """One process with the pipe to it."""

    def __init__(self, folder: Path, max_memory: int, plugins: PluginSelection, closed: threading.Event) -> None:
        self._folder = folder
        self._plugins = plugins
        self._max_memory = max_memory
        self._closed = closed
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def do(self, task: Task) -> Any:
        """The answer to a job. Raises `RequestError`, or `Stopped`."""
        if task.cancelled:
            raise Stopped
        try:
            pipe = self._started(task)
            task.on_start()
            pipe.send((task.job, task.arguments))
            return self._answer_to(task, pipe, task.seconds)
        except RequestError as error:
            if (
                error.exit_code == EXIT_PLUGIN
            ):  # a plugin that failed may have left something behind, and one that hung goes on
                self.end()
            raise
        except (EOFError, OSError):
            self.end()
            what = "its process ended before it was done"
            raise RequestError.because(503, "The work broke off", task.job, what, "try again with less data") from None

    def _answer_to(self, task: Task, pipe: Connection, seconds: float) -> Any:
        """What the process says next that is no stage; it is ended when it takes longer than `seconds`."""
        started = time.monotonic()
        while True:
            if pipe.poll(_LOOK):
                kind, content = pipe.recv()
                if kind != "stage":
                    return _answer(kind, content)
                task.on_stage(content)
            self._require_wanted(task, time.monotonic() - started, seconds)

    def _require_wanted(self, task: Task, seconds: float, allowed: float) -> None:
        if task.cancelled or self._closed.is_set():
            self.end()
            raise Stopped
        if seconds > allowed:
            self.end()
            what = f"it took longer than {allowed:g} seconds and was ended"
            raise RequestError.because(504, "Too long", task.job, what, "run less, or use the command line")
        if self._process is not None and _resident_bytes(self._process.pid) > self._max_memory:
            self.end()
            what = f"it took more than {self._max_memory:,} bytes of memory and was ended"
            raise RequestError.because(503, "Too much memory", task.job, what, "run less, or use the command line")

    def _started(self, task: Task) -> Connection:
        """The pipe to a process that is ready. Raises `RequestError` where it does not get ready, such as for a broken plugin."""
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self.end()
        from rules_engine.service.jobs import serve_jobs

        ours, theirs = _SPAWN.Pipe()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = _SPAWN.Process(target=serve_jobs, args=(theirs, self._folder, self._plugins), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        try:
            self._answer_to(task, ours, _GETTING_READY)
        except RequestError:
            self.end()
            raise
        return ours

    def end(self) -> None:
        """Kill the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join(timeout=5)
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _answer(kind: str, content: Any) -> Any:
    if kind in ("done", "ready"):
        return content
    exit_code, problems = content
    if kind == "problems":
        raise RequestError(422, "It cannot be carried out as asked", problems, exit_code)
    LOGGER.error("the service met a fault of its own: %s", problems)
    raise RequestError(500, "A fault of the engine", problems, exit_code)


def _resident_bytes(process: int | None) -> int:
    """Memory that a process holds; 0 where the system does not tell (only Linux does it this way)."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

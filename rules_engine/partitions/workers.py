"""Parts derived side by side, each by a process of its own on this machine.

A worker gets the job and then the numbers of parts, and says which stage it is at and when a part is in the work folder. It ends when
its orders end, also in the middle of a part: no worker outlives the run that it works for. What it had finished stays.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

from rules_engine.errors import InternalError, RulesEngineError, UsageError
from rules_engine.machine import cores, keep_freed_memory
from rules_engine.partitions.job import Job, rebuilt
from rules_engine.watching import LOGGER

#: What a worker says: the stage that a part is at, that a part is done, or what went wrong.
STAGE, DONE, FAILED, DIED = "stage", "done", "failed", "died"
#: A worker finds modules where this process does.
_BEGIN = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from rules_engine.partitions.workers import work; work()"

Say = Callable[[str, int, Any], None]


def derive_in_workers(job: Job, parts: Sequence[int], workers: int, on: Say) -> None:
    """Derive these parts with so many workers; `on` is told each stage of a part, and that it is done.

    Raises what a worker raised, and `UsageError` where one was ended by something else; parts that are done are kept.
    """
    beginning = pickle.dumps(sys.path) + pickle.dumps(job)
    orders: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()
    for part in [*parts, *[None] * workers]:
        orders.put(part)
    attending: list[threading.Thread] = []
    try:
        with _processes(min(workers, len(parts)), threads=max(1, cores() // workers)) as processes:
            for process in processes:
                attending.append(threading.Thread(target=_attend, args=(process, beginning, orders, answers)))
                attending[-1].start()
            _hand_on(answers, len(parts), on)
    finally:
        for thread in attending:
            thread.join()


def _hand_on(answers: queue.SimpleQueue[tuple[str, int, Any]], parts: int, on: Say) -> None:
    """Hand on what the workers say until so many parts are done."""
    while parts:
        kind, part, content = answers.get()
        if kind == FAILED:
            raise content
        if kind == DIED:
            raise _death(part, content)
        on(kind, part, content)
        parts -= kind == DONE


@contextmanager
def _processes(number: int, threads: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers, each with some threads; they are ended at the end, whatever they are at."""
    environment = {"POLARS_MAX_THREADS": str(threads), **os.environ}
    keep_freed_memory(environment, threads)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _number in range(number):
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", _BEGIN],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=environment,
                )
            )
        yield processes
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _attend(
    process: subprocess.Popen[bytes],
    beginning: bytes,
    orders: queue.SimpleQueue[int | None],
    answers: queue.SimpleQueue[tuple[str, int, Any]],
) -> None:
    """Give a worker one part after another, and hand on what it says."""
    assert process.stdin is not None  # noqa: S101  (they are pipes)
    assert process.stdout is not None  # noqa: S101
    part = 0
    try:
        with process.stdin as to_worker, process.stdout as from_worker:
            to_worker.write(beginning)
            while (part := orders.get() or 0) > 0:
                _send(to_worker, part)
                answer = (STAGE, part, "")
                while answer[0] == STAGE:
                    answer = pickle.load(from_worker)  # noqa: S301  (from our own worker)
                    answers.put(answer)
    except (OSError, EOFError, pickle.UnpicklingError, ValueError):
        answers.put((DIED, part, process.wait()))


def _send(pipe: IO[bytes], message: object) -> None:
    pickle.dump(message, pipe)
    pipe.flush()


def _death(part: int, code: int) -> UsageError:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    what = f"the worker process that derived it {how}; where memory is short, the system does that"
    remedy = "run it again: finished parts are kept; with fewer --workers where it happens again"
    return UsageError(UsageError.at(f"part {part}", what, remedy).problems)


# In the worker --------------------------------------------------------------------------------------------------------


def work() -> None:
    """What a worker does, from its first order to its last."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that is interrupted ends its workers
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plugin prints is no answer
    job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301  (from the run that started this process)
    orders: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()

    def say(kind: str, part: int, content: Any = None) -> None:
        _send(answers, (kind, part, content))

    part = orders.get()
    try:
        engine = rebuilt(job.ruleset, job.selection, job.versions, "the worker processes")
        while True:
            job.derive(engine, part, partial(say, STAGE, part))
            say(DONE, part)
            part = orders.get()
    except RulesEngineError as error:
        say(FAILED, part, type(error)(error.problems))
    except Exception as error:  # a fault of ours, told by whoever waits for the part
        LOGGER.exception("part %s failed", part)
        what = f"{type(error).__name__}: {error}"
        say(FAILED, part, InternalError.at(f"part {part}", what, "this is a fault of the engine: please report it"))


def _listen(orders: queue.SimpleQueue[int]) -> None:
    """Take orders; where they end, so does this process: nobody waits for it any more."""
    try:
        while True:
            orders.put(pickle.load(sys.stdin.buffer))  # noqa: S301
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)

"""Waits for foreign code no longer than it is given: what does not come back is told, with the line of code that it is in.

Python cannot end a thread. Code that does not come back is left behind in a thread of its own, which ends with the process at the
latest; what it would have given is thrown away. Code that never lets other threads run (C that holds the interpreter) cannot be
waited for in this way. A process in which something was left behind must end by `os._exit`: Python's way of ending threads is fatal to
one that is inside Polars.
"""

from __future__ import annotations

import queue
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

Given = TypeVar("Given")
_NAME = "rules_engine plugin"


class NoAnswer(Exception):  # noqa: N818  (what it says is that there is none)
    """A call did not come back within its time; `str()` says the time and, where it is known, the line of code."""

    def __init__(self, seconds: float, place: str) -> None:
        super().__init__(f"did not answer within {seconds:g} seconds" + (f", and is at {place}" if place else ""))


def answer(function: Callable[[], Given], seconds: float | None) -> Given:
    """What the function gives, or raises; `NoAnswer` where it takes longer than `seconds` (None: as long as it takes)."""
    if seconds is None:
        return function()
    answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    context = copy_context()

    def work() -> None:
        try:
            answers.put((True, context.run(function)))
        except BaseException as error:  # raised again where it is waited for
            answers.put((False, error))

    before = set(sys._current_frames())
    worker = threading.Thread(target=work, name=_NAME, daemon=True)
    worker.start()
    try:
        is_answer, given = answers.get(timeout=seconds)
    except queue.Empty:
        elsewhere = {thread.ident for thread in threading.enumerate() if thread.name == _NAME and thread is not worker}
        raise NoAnswer(seconds, _place({*before, *elsewhere})) from None
    if is_answer:
        return given  # type: ignore[no-any-return]
    raise given


def is_left_behind() -> bool:
    """True where some call of this process never came back."""
    return any(thread.name == _NAME for thread in threading.enumerate())


def _place(others: set[int | None]) -> str:
    """The innermost line of foreign code in threads that are none of the others."""
    for thread, innermost in sys._current_frames().items():
        if thread not in others:
            for frame in _outwards(innermost):
                path = frame.f_code.co_filename
                if not path.startswith(_known_folders()):
                    return f"{Path(path).name}:{frame.f_lineno} ({frame.f_code.co_qualname})"
    return ""


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@lru_cache(maxsize=1)
def _known_folders() -> tuple[str, ...]:
    """The folders of the engine, of Polars and of Python itself."""
    packages = [find_spec(name) for name in ("rules_engine", "polars")]
    folders = [str(Path(spec.origin).parent) for spec in packages if spec is not None and spec.origin is not None]
    standard = sysconfig.get_path("stdlib")
    modules = [str(path) for path in Path(standard).iterdir() if path.name != "site-packages"]
    return (*folders, *modules, "<frozen")

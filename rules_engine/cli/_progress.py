"""Shows the stage of long work on the terminal: nothing for work under a second, nothing where no person watches."""

from __future__ import annotations

import sys
import threading
from types import TracebackType


class StageProgress:
    """A callable that takes stage names; used as a context manager around the work."""

    def __init__(self, *, delay_seconds: float = 1.0) -> None:
        self._delay = delay_seconds
        self._stage = "starting"
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._status: object | None = None

    def __call__(self, stage: str) -> None:
        with self._lock:
            self._stage = stage
            if self._status is not None:
                self._status.update(f"{stage} …")  # type: ignore[attr-defined]

    def __enter__(self) -> StageProgress:
        if sys.stderr.isatty():
            self._timer = threading.Timer(self._delay, self._show)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            if self._status is not None:
                self._status.stop()  # type: ignore[attr-defined]
                self._status = None

    def _show(self) -> None:
        from rich.console import Console

        with self._lock:
            status = Console(stderr=True).status(f"{self._stage} …")
            status.start()
            self._status = status

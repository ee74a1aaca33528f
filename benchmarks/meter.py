"""Wall time, processor time and peak memory of each stage of a process."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Any

_MIB = 1024 * 1024


class Meter:
    """A callable that takes the name of each stage as it begins; a name that comes again goes on with that stage.

    On Linux the kernel's high-water mark is set back at every stage, so each stage has a peak of its own; elsewhere
    the peak is that of the process so far (`own_peaks` is then false).
    """

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []
        self.own_peaks = _reset_peak()
        self._began, self._cpu = time.perf_counter(), time.process_time()
        self._current: dict[str, Any] | None = None

    def __call__(self, stage: str) -> None:
        self.stop()
        known = next((one for one in self.stages if one["stage"] == stage), None)
        if known is None:
            known = {"stage": stage, "seconds": 0.0, "cpu": 0.0, "peak_mib": 0.0}
            self.stages.append(known)
        self._current = known
        self._began, self._cpu = time.perf_counter(), time.process_time()
        _reset_peak()

    @property
    def peak_mib(self) -> float:
        """Largest peak of any stage."""
        return max((stage["peak_mib"] for stage in self.stages), default=0.0)

    def stop(self) -> None:
        """End the current stage."""
        if self._current is None:
            return
        self._current["seconds"] += time.perf_counter() - self._began
        self._current["cpu"] += time.process_time() - self._cpu
        self._current["peak_mib"] = max(self._current["peak_mib"], _peak() / _MIB)
        self._current = None


def _peak() -> float:
    """High-water mark of resident memory in bytes since the last reset.

    Where the system tells that of this process alone (Linux), not `ru_maxrss`, which begins with what the process held that started it.
    """
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return float(told.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return peak if sys.platform == "darwin" else peak * 1024


def _reset_peak() -> bool:
    """Set the high-water mark back to the present use; false where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True

"""What a process may use of its machine, and how it uses memory.

Memory that is freed is kept for a while, for whoever asks next, rather than given back to the system. A run asks for the memory of a
step a moment after it has freed that of the step before; Polars' allocator gives large pieces back at once and others after half a
second, and the system hands them out again page by page. It also keeps several stocks for each core, of which one thread does not
see what another has freed. That is a twentieth of the time of a run, and of its memory.

The allocator is jemalloc, which reads its settings when Polars is loaded; where Polars has another one they do nothing.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

#: Where jemalloc, as Polars builds it, looks for its settings, and what Polars puts there.
VARIABLE, _OF_POLARS = "_RJEM_MALLOC_CONF", "dirty_decay_ms:500,muzzy_decay_ms:1000"
#: Large pieces go to the same stock as all others, and what was freed is kept for so many milliseconds.
_KEPT = "oversize_threshold:0,dirty_decay_ms:30000"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory(environment: MutableMapping[str, str], threads: int) -> None:
    """Have a process with so many threads, in which Polars is not loaded yet, keep what it frees.

    `environment` is that of the process; where its user states settings of the allocator, these stay.
    """
    stated = environment.get(VARIABLE, "")
    if stated in ("", _OF_POLARS) or _KEPT in stated:
        environment[VARIABLE] = f"{_KEPT},narenas:{threads}"

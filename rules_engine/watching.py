"""What whoever embeds the engine sees of a run while it lasts: its stages, in a log and by a callback; and the way to stop it.

The engine prints nothing. Its logger is called `rules_engine`, has no handler but a `NullHandler`, and is told the names of stages,
endpoints and analyses, and numbers of rows: never a subject's identifier or a value of the data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NoReturn

from rules_engine.errors import Cancelled, Problem

LOGGER = logging.getLogger("rules_engine")
LOGGER.addHandler(logging.NullHandler())

#: Asked between two steps of a run; True ends it. `threading.Event().is_set` is one.
Cancel = Callable[[], bool]


def watched(progress: Callable[[str], None] | None, cancel: Cancel | None) -> Callable[[str], None]:
    """What the pipeline calls as each stage begins: logs it, asks whether to go on, tells it on.

    A stage is logged at level INFO, a part of a stage (`endpoints: PFS`) at DEBUG. Raises `Cancelled` where `cancel` says so.
    """

    def tell(stage: str) -> None:
        LOGGER.log(logging.DEBUG if ": " in stage else logging.INFO, "%s", stage)
        if cancel is not None and cancel():
            _stop(stage)
        if progress is not None:
            progress(stage)

    return tell


def _stop(stage: str) -> NoReturn:
    LOGGER.info("cancelled before %s", stage)
    raise Cancelled(
        [Problem("run", f"it was cancelled before {stage}", "nothing was derived or written; run it again")]
    )

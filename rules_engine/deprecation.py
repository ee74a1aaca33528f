"""How a public name leaves: it warns for at least two minor versions, says what to use instead, and goes on working meanwhile.

The promise is in docs/embedding.md. Nothing here is for users; the helpers keep every warning alike.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def warn_deprecated(what: str, *, since: str, removed_in: str, instead: str, stacklevel: int = 2) -> None:
    """Warn whoever called the caller of this function that `what` will go (`stacklevel` counts from there)."""
    message = f"{what} is deprecated since version {since} and will be removed in {removed_in}; use {instead}"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 1)


def deprecated(
    *, since: str, removed_in: str, instead: str
) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
    """Mark a public function: it works as before, and each place that calls it is warned."""

    def mark(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        @functools.wraps(function)
        def warning(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            what = f"{function.__qualname__}()"
            warn_deprecated(what, since=since, removed_in=removed_in, instead=instead)
            return function(*args, **kwargs)

        return warning

    return mark

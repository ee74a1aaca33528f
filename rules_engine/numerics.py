"""numpy and scipy, loaded when the first of their functions is used: a run that asks for no estimate starts without them.

Modules that compute take them from here (`from rules_engine.numerics import np`) and use them as ever.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import scipy

    __all__ = ["np", "scipy"]
else:

    class _OnFirstUse(ModuleType):
        """A module in whose place this one stands until something of it is asked for."""

        def __getattr__(self, name: str) -> Any:
            found = getattr(import_module(self.__name__), name)
            setattr(self, name, found)  # from now on it is found here, without this function
            return found

    np = _OnFirstUse("numpy")
    scipy = _OnFirstUse("scipy")

"""Puts a fault into code that is loaded already, by exchanging the code of the functions of its module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType


def lies_in_functions(line: int, file: Path) -> bool:
    """What this line says is done when a function is called, not when the module is imported."""
    return any(line in lines for lines in _bodies(file))


@cache
def _bodies(file: Path) -> list[range]:
    """The lines of the body of every function; defaults and decorators stand before it, and a body on the line of its `def` is none."""
    every = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return [
        range(node.body[0].lineno, (node.end_lineno or 0) + 1)
        for node in every
        if isinstance(node, ast.FunctionDef) and node.body[0].lineno > node.lineno
    ]


def functions_run_by(work: Callable[[], None]) -> set[tuple[str, str]]:
    """File and first name of every function, or of the class that it is in, that `work` runs: what they gave may be kept somewhere."""
    ran: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            ran.add((frame.f_code.co_filename, frame.f_code.co_qualname.split(".")[0]))

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return ran


def put_in(faulty: str, dotted: str) -> dict[FunctionType, CodeType]:
    """Every function of the loaded module runs the faulty source from now on, whoever holds it; gives what it ran before."""
    module = sys.modules[dotted]
    codes = _codes(compile(faulty, str(module.__file__), "exec"))
    functions = _functions(module)
    before = {function: function.__code__ for function in functions.values()}
    for name, function in functions.items():
        function.__code__ = codes[name]
    _forget(dotted)
    return before


def take_out(before: dict[FunctionType, CodeType], dotted: str) -> None:
    """The functions run again what they ran before."""
    for function, code in before.items():
        function.__code__ = code
    _forget(dotted)


def _forget(dotted: str) -> None:
    """What functions of the package remember may have been worked out with other code."""
    package = dotted.rpartition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.startswith(package):
            for thing in vars(module).values():
                if isinstance(thing, _lru_cache_wrapper):
                    thing.cache_clear()


def _is_named_function(code: CodeType) -> bool:
    return bool(code.co_flags & 0x2) and not code.co_name.startswith("<")


def _codes(code: CodeType, prefix: str = "") -> dict[str, CodeType]:
    found = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if _is_named_function(constant):
                found[prefix + constant.co_name] = constant
            else:
                found |= _codes(constant, f"{prefix}{constant.co_name}.")
    return found


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    found: dict[str, FunctionType] = {}
    for name, thing in vars(module).items():
        if isinstance(thing, type) and thing.__module__ == module.__name__:
            members = {f"{name}.{key}": getattr(value, "fget", value) for key, value in vars(thing).items()}
        else:
            members = {name: getattr(thing, "__wrapped__", thing)}
        for key, value in members.items():
            if (
                isinstance(value, FunctionType)
                and value.__code__.co_filename == module.__file__
                and value.__name__ != "<lambda>"
            ):
                found[key] = value
    return found

"""A package to begin a plugin from: files with a name filled in, written all at once or not at all."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from rules_engine.errors import UsageError
from rules_engine.hookspecs import HOOK_VERSION

#: Kinds of plugins that a package can be made for, and what each is.
KINDS: Final = {
    "criterion": "a response criterion that measures lesions",
    "grading": "a grading of laboratory results and adverse events",
    "endpoint": "a kind of endpoint",
    "censoring": "a reason to censor",
    "estimator": "a statistical estimate",
    "reader": "a format of files with tables",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 30
_ENDING = ".in"


def new_plugin(name: str, kind: str, out: Path) -> Path:
    """Write a package called `name` below the folder `out`; returns its folder.

    Raises `UsageError` for a name that no package can have, or where the folder is there or cannot be written.
    """
    _require_name(name)
    target = out / name
    if target.exists():
        raise UsageError.at(
            str(target), "it is there already, and nothing is overwritten", "choose another name or folder"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=out) as made:
            for path, text in contents(name, kind).items():
                file = Path(made) / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            shutil.move(Path(made) / name, target)
    except OSError as error:
        raise UsageError.at(str(out), f"it cannot be written: {error.strerror}", "name another folder") from None
    return target


def contents(name: str, kind: str) -> dict[str, str]:
    """The files of the package, by their path in it."""
    module = name.replace("-", "_")
    words = {
        "__module__": module,
        "__name__": name,
        "__title__": module.replace("_", " ").capitalize(),
        "__kind__": kind,
        "__hooks__": HOOK_VERSION,
        "__reason__": module.upper(),
    }
    templates = files(__package__).joinpath("templates")
    words["__first__"] = _filled(templates.joinpath(kind, "first.md").read_text("utf-8"), words).strip()
    found: dict[str, str] = {}
    for folder in ("common", kind):
        for path, text in _below(templates.joinpath(folder), ""):
            found[_filled(path, words)] = _filled(text, words)
    return found


def _below(folder: Traversable, path: str) -> list[tuple[str, str]]:
    """Path and text of every template below a folder."""
    found: list[tuple[str, str]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found += _below(item, f"{path}{item.name}/")
        elif item.name.endswith(_ENDING):
            found.append((f"{path}{item.name.removesuffix(_ENDING)}", item.read_text("utf-8")))
    return found


def _filled(text: str, words: dict[str, str]) -> str:
    # `__module__.__file__` and the like are Python's own names, and stay: only whole words of ours are filled in.
    return re.sub("|".join(map(re.escape, words)), lambda match: words[match[0]], text)


def _require_name(name: str) -> None:
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        what = "no package can have this name"
        remedy = "use lower-case letters, digits and single hyphens, beginning with a letter, such as my-criterion"
    elif keyword.iskeyword(module) or module in sys.stdlib_module_names or module.startswith("rules_engine"):
        what, remedy = f"the module {module!r} would hide one that is there", "choose another name"
    else:
        return
    raise UsageError.at(f"plugin {name[:_LONGEST]!r}", what, remedy)

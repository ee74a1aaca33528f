"""Where rulesets are found, and how `extends` lays them over one another."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules_engine.errors import Problem, RulesetError, closest
from rules_engine.loading.merging import AllowsNull, merge
from rules_engine.loading.nodes import GIVEN, OVERRIDES, Node, from_plain, problem_at, to_plain
from rules_engine.loading.validation import quoted
from rules_engine.loading.yaml_reader import read_file, shown
from rules_engine.registry import Registry

RULESET_FILE = "ruleset.yaml"
#: The version of the grammar that this engine reads.
GRAMMAR_VERSION = 1
KINDS = {
    "criterion": "the values that a response criterion runs on",
    "grading": "terms, grades and thresholds of a toxicity grading",
    "protocol": "everything about one study: responses, endpoints, analyses",
}
#: Rulesets that one may build on, its bases' bases counted each time that they are named.
MAX_BASES = 100
#: Rulesets that may extend one another in a row.
MAX_CHAIN = 20


@dataclass(frozen=True, slots=True)
class Source:
    """A ruleset after `extends`: its document, the files it was made from in the order of reading, and its folder."""

    root: Node
    files: tuple[str, ...]
    folder: Path | None

    @property
    def id(self) -> str:
        """The ruleset's id."""
        found = self.root.child("id")
        return str(found.value) if found is not None else ""

    @property
    def kind(self) -> str:
        """The ruleset's kind."""
        found = self.root.child("kind")
        return str(found.value) if found is not None else ""


def names(registry: Registry) -> dict[str, Path]:
    """Every ruleset that can be named without a path, and its file; of two with one name the first folder's (by id)."""
    found: dict[str, Path] = {}
    for folder in registry.ruleset_folders.values():
        for file in sorted(folder.path.glob(f"*/{RULESET_FILE}")):
            found.setdefault(file.parent.name, file)
    return found


def load_source(
    source: str | Path | Mapping[str, Any],
    registry: Registry,
    allows_null: AllowsNull,
    *,
    overrides: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Source:
    """The ruleset that `source` names (see `load_ruleset`), its bases merged in, `overrides` laid over it.

    `folder` is where relative paths start; None means the current folder. Raises `RulesetError`.
    """
    chain: tuple[Path, ...] = ()
    if isinstance(source, Mapping):
        root, base_folder = _given(source, GIVEN), folder
    else:
        file = locate(source, registry, folder)
        root, base_folder, chain = read_file(file), file.parent, (file.resolve(),)
        _require_id_of_folder(root, file, registry)
    reader = _Reader(registry, allows_null)
    merged = reader.with_bases(root, base_folder, chain)
    if overrides is not None:
        merged = merge(merged, _given(overrides, OVERRIDES), allows_null)
    files = tuple(dict.fromkeys(reader.files))
    return Source(merged, files, base_folder)


def _given(document: Mapping[str, Any], name: str) -> Node:
    try:
        return from_plain(document, name)
    except ValueError as error:
        raise RulesetError.at(name, str(error), "give mappings, lists, texts, numbers, true, false and null") from None


def locate(source: str | Path, registry: Registry, folder: Path | None = None) -> Path:
    """The file of a ruleset that is named, or given as a path to a file or a folder. Raises `RulesetError`."""
    text = str(source)
    known = names(registry)
    # What a ruleset states is text; a `Path` comes from the program that loads it.
    if registry.confined and isinstance(source, str) and text not in known:
        raise RulesetError.at(
            f"ruleset {text!r}",
            f"there is no ruleset {text!r}, and files are not read here (known: {', '.join(sorted(known))})",
            "name one of these, or hand the ruleset in beside this one",
            meant=closest(text, known),
        )
    if not _is_path(source):
        if text in known:
            return known[text]
        if not (folder or Path()).joinpath(text).exists():
            raise RulesetError.at(
                f"ruleset {text!r}",
                f"there is no ruleset {text!r} (known: {', '.join(sorted(known))})",
                "correct the name, or give the path of a file or a folder that holds ruleset.yaml",
                meant=closest(text, known),
            )
    path = (folder or Path()) / Path(text).expanduser()
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError):
        is_folder = False
    if is_folder:
        inside = path / RULESET_FILE
        if not inside.is_file():
            raise RulesetError.at(shown(path), f"the folder holds no {RULESET_FILE}", "name another folder, or a file")
        return inside
    return path


def _is_path(source: str | Path) -> bool:
    text = str(source)
    return isinstance(source, Path) or "/" in text or os.sep in text or text.endswith((".yaml", ".yml"))


def _require_id_of_folder(root: Node, file: Path, registry: Registry) -> None:
    """A ruleset that can be named must have the name as its id, so that results say truly what made them."""
    if names(registry).get(file.parent.name) != file:
        return
    stated = root.child("id")
    if stated is not None and stated.value != file.parent.name:
        raise RulesetError(
            [
                problem_at(
                    stated,
                    f"the id is {stated.value!r}, but the ruleset stands in the folder {file.parent.name!r}",
                    "give folder and id one name",
                    path=("id",),
                )
            ]
        )


class _Reader:
    """Follows `extends` from a document to its bases."""

    def __init__(self, registry: Registry, allows_null: AllowsNull) -> None:
        self.registry = registry
        self.allows_null = allows_null
        self.files: list[str] = []
        self.bases = 0

    def with_bases(self, root: Node, folder: Path | None, chain: Sequence[Path], steps: Sequence[Node] = ()) -> Node:
        """The document with its bases merged in, later bases over earlier ones, the document over all.

        `chain` are the files that lead here, `steps` the places in them that name the next one.
        """
        problems = _header_problems(root)
        bases: list[Node] = []
        for item, path in _extended(root, problems):
            base = self._base(item, path, root, folder, chain, steps, problems)
            if base is not None:
                bases.append(base)
        if problems:
            raise RulesetError(problems)
        own = root.with_value({key: child for key, child in root.value.items() if key != "extends"})
        if root.line:
            self.files.append(root.file)
        if not bases:
            return own
        merged = bases[0]
        for base in bases[1:]:
            merged = merge(merged, base, self.allows_null)
        return merge(merged, own, self.allows_null)

    def _base(
        self,
        item: Node,
        path: tuple[str | int, ...],
        root: Node,
        folder: Path | None,
        chain: Sequence[Path],
        steps: Sequence[Node],
        problems: list[Problem],
    ) -> Node | None:
        if not isinstance(item.value, str) or item.kind != "scalar" or not item.value:
            problems.append(
                problem_at(item, "a base is named by a text", "name a ruleset, or give its path", path=path)
            )
            return None
        self.bases += 1
        if self.bases > MAX_BASES or len(chain) > MAX_CHAIN:
            if self.bases <= MAX_BASES + 1:
                what = f"the ruleset builds on more than {MAX_BASES} others, or on a chain of more than {MAX_CHAIN}"
                problems.append(problem_at(item, what, "extend fewer rulesets", path=path))
            return None
        try:
            file = locate(item.value, self.registry, folder)
            if file.resolve() in chain:
                first = chain.index(file.resolve())
                names = [f"{step.file}:{step.line}:{step.column}" for step in (*steps[first:], item)]
                told = " → ".join([*names, shown(file)])
                what = f"the rulesets extend one another in a circle: {told}"
                problems.append(problem_at(item, what, "remove one `extends`", path=path))
                return None
            base = read_file(file)
            _require_id_of_folder(base, file, self.registry)
        except RulesetError as error:
            problems.extend(_seen_from(item, path, problem) for problem in error.problems)
            return None
        merged = self.with_bases(base, file.parent, (*chain, file.resolve()), (*steps, item))
        wanted, found = root.child("kind"), merged.child("kind")
        known = wanted is not None and wanted.kind == "scalar" and str(wanted.value) in KINDS
        if known and wanted is not None and found is not None and wanted.value != found.value:
            problems.append(
                problem_at(
                    item,
                    f"{item.value!r} is a {found.value} ruleset, and this is a {wanted.value} ruleset",
                    "extend a ruleset of the same kind",
                    path=path,
                )
            )
            return None
        return merged


def _seen_from(item: Node, path: tuple[str | int, ...], problem: Problem) -> Problem:
    """A problem with no place in a file, told at the place that named the file."""
    if problem.line:
        return problem
    return problem_at(item, f"{item.value!r}: {problem.what}", problem.remedy, path=path, meant=problem.meant)


def _extended(root: Node, problems: list[Problem]) -> list[tuple[Node, tuple[str | int, ...]]]:
    extends = root.child("extends")
    if extends is None or extends.is_null:
        return []
    if extends.kind == "sequence":
        return [(item, ("extends", number)) for number, item in enumerate(extends.value)]
    if extends.kind == "mapping":
        problems.append(
            problem_at(extends, "`extends` is a name or a list of names", "write `extends: [seed]`", path=("extends",))
        )
        return []
    return [(extends, ("extends",))]


def _header_problems(root: Node) -> list[Problem]:
    """What is wrong with the lines by which a file says that it is a ruleset."""
    problems: list[Problem] = []
    version = root.child("rules_engine")
    if version is None:
        problems.append(
            problem_at(
                root,
                "it does not say that it is a ruleset: the key `rules_engine` is missing",
                f"begin the file with `rules_engine: {GRAMMAR_VERSION}`",
                path=("rules_engine",),
            )
        )
    elif version.value is True or version.value != GRAMMAR_VERSION:
        problems.append(
            problem_at(
                version,
                f"the grammar's version is {quoted(to_plain(version))}; this engine reads version {GRAMMAR_VERSION}",
                f"write `rules_engine: {GRAMMAR_VERSION}`, or install the engine that reads the other version",
                path=("rules_engine",),
            )
        )
    kind = root.child("kind")
    told = "; ".join(f"`{name}`: {meaning}" for name, meaning in KINDS.items())
    if kind is None:
        problems.append(
            problem_at(root, "it does not say what kind of ruleset it is", f"state `kind`: {told}", path=("kind",))
        )
    elif kind.kind != "scalar" or str(kind.value) not in KINDS:
        problems.append(
            problem_at(
                kind, f"there is no kind {quoted(to_plain(kind))} of ruleset", f"use one of: {told}", path=("kind",),
                meant=closest(str(kind.value), KINDS),
            )
        )  # fmt: skip
    identity = root.child("id")
    if identity is None:
        problems.append(problem_at(root, "it has no id", "state `id`, such as `id: my_study`", path=("id",)))
    return problems

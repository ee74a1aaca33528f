"""YAML as events, read into nodes with places. Safe for any bytes: nothing is executed, or expanded without limit.

Refused, each with its place: duplicate keys, tags, merge keys, several documents, keys that are no text, nesting
deeper than `MAX_DEPTH`, aliases that expand to more than `MAX_ALIASED` values, text that is not UTF-8, files larger
than `MAX_BYTES`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from rules_engine.errors import Problem, RulesetError
from rules_engine.loading.nodes import MAX_DEPTH, Node
from rules_engine.loading.scalars import resolve

#: Largest file that is read; the largest ruleset of the engine's own is a tenth of it.
MAX_BYTES = 16 * 1024 * 1024
#: Values that all aliases of a file together may stand for.
MAX_ALIASED = 10_000
#: After so many faults of one file the rest is not told.
MAX_PROBLEMS = 100

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_SYNTAX_REMEDIES = (
    ("mapping values are not allowed", "correct the indentation, or put a text that holds `: ` in quotes"),
    ("could not find expected ':'", "put a colon and a space after the key, and check the indentation"),
    ("did not find expected key", "check the indentation and the commas of this block"),
    ("did not find expected '-' indicator", "check the indentation of the list"),
    ("did not find expected ',' or", "close the bracket, or put a comma between the values"),
    ("cannot start any token", "put the text in quotes; where this is a tab, indent with spaces"),
    ("unexpected end of stream", "close the quotes"),
)


def read_file(path: Path) -> Node:
    """The document of a YAML file as a mapping node. Raises `RulesetError` with every fault found."""
    status = _require_readable(path)
    return _read_cached(path, shown(path), status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=64)
def _read_cached(path: Path, name: str, _modified: int, _size: int, _inode: int) -> Node:
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise RulesetError.at(name, f"the file cannot be read: {error.strerror}", "check its permissions") from None
    if len(raw) > MAX_BYTES:
        raise _too_large(name)
    return parse(_decode(raw, name), name)


def shown(path: Path) -> str:
    """A path as messages show it: relative where it lies below the current folder."""
    absolute = Path(os.path.abspath(path))
    try:
        return str(absolute.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(absolute)


def _require_readable(path: Path) -> os.stat_result:
    name = shown(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RulesetError.at(name, f"there is no such file: {reason}", "correct the path") from None
    if not stat.S_ISREG(status.st_mode):
        raise RulesetError.at(name, "it is no regular file", "name a YAML file, or a folder that holds ruleset.yaml")
    if status.st_size > MAX_BYTES:
        raise _too_large(name)
    return status


def _too_large(name: str) -> RulesetError:
    return RulesetError(
        [
            Problem(
                name,
                f"the file is larger than {MAX_BYTES // 1024 // 1024} MB, which no ruleset is",
                "name the right file, or split it",
                file=name,
            )
        ]
    )


def _decode(raw: bytes, name: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _fault(name, 1, 1, "the file is in UTF-16", "save it as UTF-8")
    if b"\0" in raw:
        line, column = _place(raw, raw.index(b"\0"))
        raise _fault(name, line, column, "the file holds a NUL byte, so it is no text", "save it as UTF-8 text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _place(raw, error.start)
        raise _fault(name, line, column, "the file is not in UTF-8 from here on", "save it as UTF-8") from None


def _place(raw: bytes, offset: int) -> tuple[int, int]:
    before = raw[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def _fault(name: str, line: int, column: int, what: str, remedy: str) -> RulesetError:
    return RulesetError([_problem(name, line, column, what, remedy)])


def _problem(name: str, line: int, column: int, what: str, remedy: str, meant: str = "") -> Problem:
    return Problem(f"{name}:{line}:{column}", what, remedy, meant=meant, file=name, line=line, column=column)


def parse(text: str, name: str) -> Node:
    """The document in `text` as a mapping node; `name` is what messages call it. Raises `RulesetError` with every
    fault.
    """
    builder = _Builder(name)
    try:
        for event in _events(text):
            builder.take(event)
            if len(builder.problems) >= MAX_PROBLEMS:
                break
    except _StopError:
        pass
    except yaml.MarkedYAMLError as error:
        builder.problems.append(_syntax_problem(name, error))
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line, column = _place(text.encode()[:position], position)
        code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
        builder.problems.append(
            _problem(name, line, column, f"the file holds the control character #x{code:02x}", "remove it")
        )
    except (yaml.YAMLError, UnicodeError) as error:
        builder.problems.append(_problem(name, 1, 1, f"the file is no YAML: {error}", "correct it"))
    if not builder.problems and (builder.root is None or builder.root.kind != "mapping"):
        builder.problems.append(_no_mapping(name, builder.root))
    if builder.problems:
        raise RulesetError(builder.problems)
    assert builder.root is not None  # noqa: S101  (checked above)
    return builder.root


def _events(text: str) -> Iterator[Any]:
    yield from yaml.parse(text, Loader=_Loader)


def _no_mapping(name: str, root: Node | None) -> Problem:
    if root is None or root.is_null:
        return _problem(name, 1, 1, "the file is empty", "write the document: `key: value` lines")
    found = "a list" if root.kind == "sequence" else "a single value"
    return _problem(name, root.line, root.column, f"the document is {found}, not a mapping", "write `key: value` lines")


def _syntax_problem(name: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    said = str(error.problem or error.context or "it cannot be read").replace("\t", "\\t")
    remedy = next(
        (words for part, words in _SYNTAX_REMEDIES if part in said), "correct the line; quote texts with signs"
    )
    while_ = f" ({error.context} at line {error.context_mark.line + 1})" if error.context and error.context_mark else ""
    return _problem(name, line, column, f"this is no YAML: {said}{while_}", remedy)


class _StopError(Exception):
    """Reading on makes no sense."""


@dataclass(slots=True)
class _Open:
    """A collection that is being read. `key` is the key that waits for its value, with its place."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    key_column: int = 0
    size: int = 1
    height: int = 1


class _Builder:
    """Builds nodes from events on a stack of its own, so that no depth of nesting can exhaust the interpreter's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.aliased = 0
        self.documents = 0
        self.take_by = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.mapping_start,
            yaml.SequenceStartEvent: self.sequence_start,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
        }

    def take(self, event: Any) -> None:
        """Take the next event."""
        take = self.take_by.get(type(event))
        if take is not None:
            take(event)

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.fault(
                event, "the file holds a second document", "put one document in each file; remove the line `---`"
            )
            raise _StopError

    def scalar(self, event: Any) -> None:
        mark = event.start_mark
        top = self.open[-1] if self.open else None
        if top is not None and top.node.kind == "mapping" and top.key is None:
            self.key(top, event)
            return
        if event.tag is not None:
            self.tag(event)
        value: Any = event.value
        if event.implicit[0] and event.tag is None:
            try:
                value = resolve(value)
            except ValueError as error:
                self.fault(event, f"{value[:20]}…: {error}", "put it in quotes if it is a name, else correct it")
        node = Node("scalar", value, self.name, mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1, 0)
        self.place(node, 1, 0)

    def key(self, top: _Open, event: Any) -> None:
        """Take the key of a mapping; a key is always text."""
        text: str = event.value
        if event.tag is not None:
            self.tag(event)
        elif text == "<<" and event.implicit[0]:
            self.fault(
                event, "merge keys (`<<`) are not part of the grammar", "use `extends` or `like`, or write it out"
            )
        elif text == "" and event.implicit[0]:
            self.fault(event, "a key is empty", "write the key before the colon")
        if text in top.node.value:
            first = top.node.value[text]
            self.fault(event, f"the key {text!r} is already there, on line {first.key_line}", "remove one of the two")
        top.key, top.key_line, top.key_column = text, event.start_mark.line + 1, event.start_mark.column + 1

    def mapping_start(self, event: Any) -> None:
        self.start(event, Node("mapping", {}, self.name, event.start_mark.line + 1, event.start_mark.column + 1))

    def sequence_start(self, event: Any) -> None:
        self.start(event, Node("sequence", [], self.name, event.start_mark.line + 1, event.start_mark.column + 1))

    def start(self, event: Any, node: Node) -> None:
        top = self.open[-1] if self.open else None
        if top is not None and top.node.kind == "mapping" and top.key is None:
            self.fault(event, "a collection stands where a key must stand", "a key is a word; put templates in quotes")
            raise _StopError
        if len(self.open) >= MAX_DEPTH:
            self.fault(event, f"collections stand more than {MAX_DEPTH} deep in one another", "flatten the document")
            raise _StopError
        if event.tag is not None:
            self.tag(event)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.open.append(_Open(node, event.anchor))

    def end(self, _event: Any) -> None:
        done = self.open.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.node, done.size, done.height)
        self.place(done.node, done.size, done.height)

    def alias(self, event: Any) -> None:
        top = self.open[-1] if self.open else None
        if top is not None and top.node.kind == "mapping" and top.key is None:
            self.fault(event, "an alias stands where a key must stand", "write the key out")
            raise _StopError
        found = self.anchors.get(event.anchor)
        if found is None:
            inside = any(item.anchor == event.anchor for item in self.open)
            what = "contains itself" if inside else "is not defined above"
            self.fault(event, f"the anchor {event.anchor!r} {what}", "write the value out")
            self.place(Node("scalar", None, self.name, event.start_mark.line + 1, event.start_mark.column + 1), 1, 0)
            return
        node, size, height = found
        self.aliased += size
        if self.aliased > MAX_ALIASED or len(self.open) + height > MAX_DEPTH:
            self.fault(event, f"aliases expand to more than {MAX_ALIASED} values or too deep", "write the values out")
            raise _StopError
        self.place(node, size, height)

    def place(self, node: Node, size: int, height: int) -> None:
        """Put a finished node where it belongs."""
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        top.size += size
        top.height = max(top.height, height + 1)
        if top.node.kind == "sequence":
            top.node.value.append(node)
            return
        assert top.key is not None  # noqa: S101  (a value follows its key)
        if node.key_line:
            node = node.under_key(top.key_line, top.key_column)
        node.key_line, node.key_column = top.key_line, top.key_column
        top.node.value.setdefault(top.key, node)
        top.key = None

    def tag(self, event: Any) -> None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self.fault(event, f"tags ({tag[:60]}) are not part of the grammar", "remove the tag; put a text in quotes")

    def fault(self, event: Any, what: str, remedy: str) -> None:
        mark = event.start_mark
        self.problems.append(_problem(self.name, mark.line + 1, mark.column + 1, what, remedy))

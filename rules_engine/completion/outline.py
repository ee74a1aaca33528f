"""A YAML text while it is being typed: what stands where, and where the cursor is, however incomplete the text.

The loader refuses a text with a fault, and somebody who types has one most of the time. Here lines are read by their indentation, and what
cannot be understood is passed over; nothing that is derived rests on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

Path = tuple[str | int, ...]
Kind = Literal["key", "value", "item"]

_KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s"'\[\]{},#&*!|>%@`][^:]*?):(?:[ \t]+(?P<value>.*))?$""")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
#: Longest flow collection that is read as a value.
_LONGEST_FLOW = 20_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where somebody types: the path of the mapping for a `key`, of the value for a `value`; an `item` of a list may become either.

    `typed` is the beginning of the word before the cursor, `start` the column (from 1) where it begins; `siblings` are the keys that the
    mapping has already.
    """

    path: Path
    kind: Kind
    typed: str
    start: int
    siblings: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Level:
    """A key or a list item that is open: the column of it, and its part of the path."""

    indent: int
    part: str | int
    is_item: bool = False


@dataclass(slots=True)
class _Reader:
    """Reads lines one after the other; `levels` is what is open after the last of them."""

    levels: list[_Level] = field(default_factory=list)
    items: dict[Path, int] = field(default_factory=dict)
    flow: str = ""
    flow_path: Path = ()
    block_indent: int | None = None

    @property
    def path(self) -> Path:
        return tuple(level.part for level in self.levels)

    def entries(self, lines: Sequence[str]) -> Iterator[tuple[Path, str]]:
        """Path and text of every value; a key without one has an empty text."""
        for line in lines:
            yield from self._entry(line.rstrip())

    def _entry(self, line: str) -> Iterator[tuple[Path, str]]:
        indent = len(line) - len(line.lstrip(" "))
        if self.flow:
            self.flow += " " + _COMMENT.sub("", line)
            if not _open_frames(self.flow):
                yield self.flow_path, self.flow
                self.flow = ""
            elif len(self.flow) > _LONGEST_FLOW:
                self.flow = ""  # somebody forgot to close it; the lines below are read by themselves
            return
        if not line.strip() or line.lstrip().startswith("#"):
            return
        if self.block_indent is not None:
            if indent > self.block_indent:
                return
            self.block_indent = None
        rest, indent = self.items_of(line)
        found = _KEY.match(rest)
        if found is None:
            if self.levels and self.levels[-1].is_item and rest:
                yield from self._value(self.path, rest, indent)
            return
        self.close(indent)
        self.levels.append(_Level(indent, _unquoted(found["key"])))
        yield from self._value(self.path, found["value"] or "", indent)

    def items_of(self, line: str) -> tuple[str, int]:
        """What follows the dashes of a line, and its column; each dash opens an item of a list."""
        indent = len(line) - len(line.lstrip(" "))
        rest = line[indent:]
        while rest == "-" or rest.startswith("- "):
            self.close(indent, for_item=True)
            parent = self.path
            number = self.items.get(parent, 0)
            self.items[parent] = number + 1
            self.levels.append(_Level(indent, number, is_item=True))
            after = rest[1:]
            indent += 1 + len(after) - len(after.lstrip(" "))
            rest = after.lstrip(" ")
        return rest, indent

    def close(self, indent: int, *, for_item: bool = False) -> None:
        """Close what ends where something begins at this column; the items of a list may stand below their key."""
        while self.levels:
            top = self.levels[-1]
            if top.indent < indent or (for_item and top.indent == indent and not top.is_item):
                return
            self.levels.pop()

    def _value(self, path: Path, text: str, indent: int) -> Iterator[tuple[Path, str]]:
        text = _COMMENT.sub("", text).strip()
        if text[:1] in "|>" and text:
            self.block_indent = indent
            yield path, ""
        elif text[:1] in ("{", "[") and _open_frames(text):
            self.flow, self.flow_path = text, path
        else:
            yield path, text


def outline(text: str) -> dict[str, Any]:
    """The document as far as it can be understood: mappings by key, lists as mappings by number are made lists, scalars as they are."""
    root: dict[str | int, Any] = {}
    for path, value in _Reader().entries(text.split("\n")):
        _put(root, path, _understood(value))
    made = _with_lists(root)
    return made if isinstance(made, dict) else {}


def _understood(text: str) -> Any:
    if not text:
        return None
    if len(text) <= _LONGEST_FLOW:
        try:
            return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (texts, lists and mappings alone)
        except (yaml.YAMLError, RecursionError):
            pass
    return None if text[0] in "{[" else text


def _put(root: dict[str | int, Any], path: Path, value: Any) -> None:
    place = root
    for part in path[:-1]:
        below = place.get(part)
        if not isinstance(below, dict):
            below = place[part] = {}
        place = below
    if path and not (value is None and isinstance(place.get(path[-1]), dict)):
        place[path[-1]] = value


def _with_lists(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_lists(below) for below in value]
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_with_lists(below) for below in value.values()]
    return {str(key): _with_lists(below) for key, below in value.items()}


def cursor_at(text: str, line: int, column: int) -> Cursor | None:
    """What is being typed at a place (line and column from 1); None inside a comment or a text over several lines."""
    lines = text.split("\n")
    before = lines[line - 1][: column - 1] if line <= len(lines) else ""
    reader = _Reader()
    for _entry in reader.entries(lines[: line - 1]):
        pass
    if reader.flow:
        return _in_flow(f"{reader.flow} {before}", reader.flow_path, column)
    indent = len(before) - len(before.lstrip(" "))
    if _COMMENT.search(before) or (reader.block_indent is not None and indent > reader.block_indent):
        return None
    rest, indent = reader.items_of(before)
    found = _KEY.match(rest)
    after_dash = bool(reader.levels) and reader.levels[-1].is_item and reader.levels[-1].indent < indent
    reader.close(indent)
    if found is not None and (found["value"] is not None or rest.endswith(" ")):
        path = (*reader.path, _unquoted(found["key"]))
        value = found["value"] or ""
        if value[:1] in ("{", "["):
            return _in_flow(value, path, column)
        return Cursor(path, "value", value, column - len(value))
    if rest[:1] in ("{", "["):
        return _in_flow(rest, reader.path, column)
    siblings = _keys_at(outline("\n".join([*lines[: line - 1], *lines[line:]])), reader.path)
    return Cursor(reader.path, "item" if after_dash else "key", rest, column - len(rest), siblings)


def _keys_at(document: Any, path: Path) -> frozenset[str]:
    for part in path:
        if isinstance(document, dict):
            document = document.get(str(part))
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return frozenset()
    return frozenset(document) if isinstance(document, dict) else frozenset()


@dataclass(slots=True)
class _Frame:
    """An open bracket: the key whose value is awaited (a mapping), the number of the item (a list), the keys so far."""

    is_mapping: bool
    key: str | None = None
    number: int = 0
    keys: set[str] = field(default_factory=set)

    @property
    def part(self) -> Path:
        if not self.is_mapping:
            return (self.number,)
        return () if self.key is None else (self.key,)


def _frames(text: str) -> tuple[list[_Frame], str]:
    """The brackets that are open at the end of a flow text, and the word that is being typed."""
    frames: list[_Frame] = []
    word, quote = "", ""
    for place, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
            word += char
        elif char in "\"'" and not word.strip():
            quote = char
            word += char
        elif char in "{[":
            frames.append(_Frame(char == "{"))
            word = ""
        elif char in "}]" and frames:
            frames.pop()
            word = ""
        elif char == "," and frames:
            top = frames[-1]
            top.number += 1
            top.key = None
            word = ""
        elif (
            char == ":"
            and frames
            and frames[-1].is_mapping
            and frames[-1].key is None
            and text[place + 1 : place + 2] in ("", " ")
        ):
            frames[-1].key = _unquoted(word.strip())
            frames[-1].keys.add(frames[-1].key)
            word = ""
        else:
            word += char
    return frames, word.lstrip()


def _open_frames(text: str) -> list[_Frame]:
    return _frames(text)[0]


def _in_flow(text: str, base: Path, column: int) -> Cursor | None:
    frames, word = _frames(text)
    if not frames:
        return None
    outer: Path = tuple(part for frame in frames[:-1] for part in frame.part)
    top = frames[-1]
    start = column - len(word)
    if top.is_mapping and top.key is None:
        return Cursor((*base, *outer), "key", word, start, frozenset(top.keys))
    return Cursor((*base, *outer, *top.part), "value" if top.is_mapping else "item", word, start)


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word

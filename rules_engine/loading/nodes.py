"""A document as a tree of nodes, each of which knows its place: what a YAML file becomes before it is merged and
checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from rules_engine.errors import Problem
from rules_engine.model import Position

NodeKind = Literal["scalar", "mapping", "sequence"]
Path = tuple[str | int, ...]

#: How deep collections may stand inside one another; nothing that a person writes comes near.
MAX_DEPTH = 64


#: What messages call a ruleset that was given as a mapping, and values that the call lays over a ruleset.
GIVEN = "the ruleset as given"
OVERRIDES = "overrides"
SETTINGS = "parameters as set"
#: Where a value was stated, if not in a file; other values without a place are defaults.
STATED_IN_THE_CALL = (GIVEN, OVERRIDES, SETTINGS)


class Node:
    """A value with its place. `value` is a scalar, a dict of nodes or a list of nodes; treat a node as frozen.

    `line` and `column` count from 1; a line of 0 means that the value has no place in a file, and `file` then says
    where it came from in words. `key_line` and `key_column` are the place of the key under which the node stands (0
    in a list).
    """

    __slots__ = ("column", "file", "key_column", "key_line", "kind", "line", "value")

    def __init__(
        self,
        kind: NodeKind,
        value: Any,
        file: str,
        line: int = 0,
        column: int = 0,
        key_line: int = 0,
        key_column: int = 0,
    ) -> None:
        self.kind = kind
        self.value = value
        self.file = file
        self.line = line
        self.column = column
        self.key_line = key_line
        self.key_column = key_column

    @property
    def is_null(self) -> bool:
        """The value is null."""
        return self.kind == "scalar" and self.value is None

    @property
    def position(self) -> Position | None:
        """Place of the key where there is one, else of the value; a line of 0 in the call, None for a default."""
        if self.key_line:
            return Position(self.file, self.key_line, self.key_column)
        if self.line:
            return Position(self.file, self.line, self.column)
        return Position(self.file, 0, 0) if self.file.startswith(STATED_IN_THE_CALL) else None

    def child(self, key: str | int) -> Node | None:
        """The node under a key or index, or None."""
        if self.kind == "mapping":
            found = self.value.get(key)
            return found if isinstance(found, Node) else None
        if self.kind == "sequence" and isinstance(key, int) and 0 <= key < len(self.value):
            item: Node = self.value[key]
            return item
        return None

    def at(self, *path: str | int) -> Node | None:
        """The node at a path below this one, or None."""
        found: Node | None = self
        for key in path:
            if found is None:
                return None
            found = found.child(key)
        return found

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and nodes of a mapping; nothing for any other node."""
        if self.kind == "mapping":
            yield from self.value.items()

    def with_value(self, value: Any) -> Node:
        """The same node with another value."""
        return Node(self.kind, value, self.file, self.line, self.column, self.key_line, self.key_column)

    def under_key(self, line: int, column: int) -> Node:
        """The same node under a key that stands elsewhere (an alias)."""
        return Node(self.kind, self.value, self.file, self.line, self.column, line, column)


def mapping(file: str = "", children: Mapping[str, Node] | None = None) -> Node:
    """A mapping node without a place."""
    return Node("mapping", dict(children or {}), file)


def to_plain(node: Node) -> Any:
    """The value of a node as plain dicts, lists and scalars."""
    if node.kind == "mapping":
        return {key: to_plain(child) for key, child in node.value.items()}
    if node.kind == "sequence":
        return [to_plain(child) for child in node.value]
    return node.value


def from_plain(value: Any, file: str) -> Node:
    """A plain value as a node; `file` says in words where it came from. Dates become ISO text.

    Raises `ValueError` with words for a person where a value cannot stand in a ruleset.
    """
    return _from_plain(value, file, 0)


def _from_plain(value: Any, file: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise ValueError(f"collections stand more than {MAX_DEPTH} deep in one another")
    if isinstance(value, Mapping):
        return Node("mapping", {str(key): _from_plain(item, file, depth + 1) for key, item in value.items()}, file)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return Node("sequence", [_from_plain(item, file, depth + 1) for item in value], file)
    if isinstance(value, date):
        return Node("scalar", value.isoformat(), file)
    if isinstance(value, Decimal):
        return Node("scalar", float(value), file)
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError(f"{value} is no number that a ruleset can hold")
    if value is None or isinstance(value, (str, bool, int, float)):
        return Node("scalar", value, file)
    raise ValueError(f"a value of type {type(value).__name__} cannot stand in a ruleset")


def path_text(path: Sequence[str | int]) -> str:
    """A path as a person writes it: `endpoints.PFS.options`, `extends[0]`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else (f".{key}" if text else str(key))
    return text


def deepest(root: Node, path: Sequence[str | int]) -> Node:
    """The node at `path`, or its closest ancestor that exists."""
    found = root
    for key in path:
        below = found.child(key)
        if below is None:
            return found
        found = below
    return found


def problem_at(
    node: Node, what: str, remedy: str = "", *, path: Sequence[str | int] = (), meant: str = "", on_key: bool = False
) -> Problem:
    """A problem at a node: at its key where `on_key`, else at its value."""
    line, column = (node.key_line, node.key_column) if on_key and node.key_line else (node.line, node.column)
    where = f"{node.file}:{line}:{column}" if line else node.file
    return Problem(
        where=where,
        what=what,
        remedy=remedy,
        path=path_text(path),
        meant=meant,
        file=node.file if line else None,
        line=line or None,
        column=column or None,
    )

"""How one document is laid over another: a mapping merges, a list replaces, null removes."""

from __future__ import annotations

from collections.abc import Callable

from rules_engine.loading.nodes import Node, Path

#: Says whether null is a value at a path (then it replaces) or removes what stands there.
AllowsNull = Callable[[Path], bool]


def is_reference(node: Node) -> bool:
    """The node stands for the value of a parameter: `{from_parameter: gap}`."""
    return (
        node.kind == "mapping"
        and set(node.value) == {"from_parameter"}
        and node.value["from_parameter"].kind == "scalar"
    )


def merge(base: Node, over: Node, allows_null: AllowsNull, path: Path = ()) -> Node:
    """`over` laid over `base`; keys keep the order of `base`, new ones follow. Each value keeps the place it came
    from.
    """
    if base.kind != "mapping" or over.kind != "mapping" or is_reference(base) or is_reference(over):
        return over
    merged = dict(base.value)
    for key, value in over.value.items():
        below = (*path, key)
        if value.is_null and key in merged and not allows_null(below):
            del merged[key]
        elif key in merged:
            merged[key] = merge(merged[key], value, allows_null, below)
        else:
            merged[key] = value
    return over.with_value(merged)

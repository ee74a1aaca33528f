"""The faults: each a small change of one place of a module, as somebody might make it by mistake."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Left out is a fault that is noticed wherever another one here is: `a | b` for `a & b` beside `a` and `b`, `<` for `>=` beside `>`.
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.GtE: ast.Gt, ast.Gt: ast.GtE, ast.LtE: ast.Lt, ast.Lt: ast.LtE, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
}  # fmt: skip
_CALLED = {
    "any": "all", "all": "any", "min": "max", "max": "min", "first": "last", "last": "first", "cum_min": "cum_max",
    "cum_max": "cum_min", "min_horizontal": "max_horizontal", "max_horizontal": "min_horizontal",
    "any_horizontal": "all_horizontal", "all_horizontal": "any_horizontal", "is_null": "is_not_null", "is_not_null": "is_null",
    "set_union": "set_intersection", "set_intersection": "set_union",
}  # fmt: skip
#: A step of a chain without which the chain is still one.
_LEFT_OUT = {
    "filter", "fill_null", "unique", "sort", "sort_by", "over", "drop_nulls", "forward_fill", "replace", "cum_sum", "shift", "cum_min",
    "to_lowercase", "strip_chars", "replace_all", "pipe", "round",
}  # fmt: skip
_JOINED = {"left": "inner", "inner": "left", "full": "left", "anti": "semi", "semi": "anti"}
#: How a plan is carried out, not what it says.
_HOW_IT_RUNS = {"predicate_pushdown", "projection_pushdown", "slice_pushdown", "engine", "slots", "frozen", "maxsize"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One change: the function that it is in, what it is, how often the same came before in that function, and the changed source."""

    module: str
    function: str
    change: str
    number: int
    line: int
    source: Callable[[], str]

    @property
    def name(self) -> str:
        """What the list of equivalents calls it; no line number, so that it lasts."""
        again = f" #{self.number + 1}" if self.number else ""
        return f"{self.module}.{self.function}: {self.change}{again}"


def faults(module: str, source: str, left_alone: frozenset[str] = frozenset()) -> Iterator[Fault]:
    """All faults of a module, in the order of its lines; `left_alone` names functions and module variables that are not touched."""
    seen: dict[tuple[str, str], int] = {}
    tree = ast.parse(source)
    for path, function in _places(tree, (), "", left_alone):
        for replacement, change in _changes(_at(tree, path)):
            number = seen.get((function, change), 0)
            seen[function, change] = number + 1

            def changed(path: _Path = path, replacement: ast.AST = replacement) -> str:
                return _with(tree, path, replacement)

            yield Fault(module, function, change, number, getattr(_at(tree, path), "lineno", 0), changed)


_Path = tuple[tuple[str, int | None], ...]


def _places(node: ast.AST, path: _Path, function: str, left_alone: frozenset[str]) -> Iterator[tuple[_Path, str]]:
    """The path to every node that may change, and the function that it is in."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}".strip(".")
    elif isinstance(node, ast.Assign | ast.AnnAssign) and "." not in function and path and len(path) == 1:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        function = ast.unparse(target)
    if function in left_alone or isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
        return
    yield path, function or "module"
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        if isinstance(node, ast.keyword) and node.arg in _HOW_IT_RUNS:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield from _places(child, (*path, (name, place)), function, left_alone)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _at(tree: ast.AST, path: _Path) -> ast.AST:
    for name, place in path:
        tree = getattr(tree, name) if place is None else getattr(tree, name)[place]
    return tree


def _with(tree: ast.AST, path: _Path, replacement: ast.AST) -> str:
    changed = copy.deepcopy(tree)
    *before, (name, place) = path
    parent = _at(changed, tuple(before))
    if place is None:
        setattr(parent, name, replacement)
    else:
        getattr(parent, name)[place] = replacement
    return ast.unparse(ast.fix_missing_locations(changed))


def _changes(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What may become of a node, and how that is told."""
    for replacement in _replacements(node):
        yield replacement, f"{_short(node)} -> {_short(replacement)}"
    if isinstance(node, ast.Call):
        yield from _changed_calls(node)


def _short(node: ast.AST) -> str:
    return ast.unparse(node)


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[only], left=left, comparators=comparators):
            yield ast.Compare(left, [_COMPARED[type(only)]()], comparators)
        case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right) if not _is_type(node):
            yield left
            yield right
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTED and not _is_text(node):
            yield ast.BinOp(left, _COMPUTED[type(op)](), right)
        case ast.UnaryOp(op=ast.Invert() | ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BoolOp(op=op, values=values):
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.If(test=test, body=body, orelse=orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr | ast.Tuple | ast.List) for side in (node.left, node.right))


def _is_type(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.Constant) and side.value is None for side in (node.left, node.right))


def _changed_calls(node: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    if not isinstance(node.func, ast.Attribute):
        return
    called, on = node.func.attr, node.func.value
    shown = f".{called}({', '.join(ast.unparse(part) for part in (*node.args, *node.keywords))})"
    if called in _CALLED and not isinstance(on, ast.Constant):
        yield (
            ast.Call(ast.Attribute(on, _CALLED[called], ast.Load()), node.args, node.keywords),
            f"{shown} -> .{_CALLED[called]}",
        )
    is_namespace = isinstance(on, ast.Attribute) and on.attr in ("str", "list", "dt")
    inner = on.value if is_namespace else on
    if called in _LEFT_OUT and not (isinstance(on, ast.Name) and on.id in ("pl", "self")):
        yield inner, f"without {shown}"
    for place, keyword in enumerate(node.keywords):
        if keyword.arg == "how" and isinstance(keyword.value, ast.Constant) and keyword.value.value in _JOINED:
            other = ast.keyword("how", ast.Constant(_JOINED[keyword.value.value]))
            rest = [*node.keywords[:place], other, *node.keywords[place + 1 :]]
            yield ast.Call(node.func, node.args, rest), f"{shown} -> how={other.value.value!r}"
    if called in ("is_in", "min_horizontal", "max_horizontal", "coalesce", "any_horizontal"):
        yield from _without_one(node, shown)
    if called == "lit" and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        yield ast.Call(node.func, [ast.Constant("FAULT"), *node.args[1:]], node.keywords), f"{shown} -> another text"
    yield from _changed_branches(node, called, on)


def _without_one(node: ast.Call, shown: str) -> Iterator[tuple[ast.AST, str]]:
    """Leave out one of several things that are looked at together."""
    if len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
        parts = node.args[0].elts
        for place in range(len(parts)) if len(parts) > 1 else ():
            kept = ast.List(parts[:place] + parts[place + 1 :], ast.Load())
            yield ast.Call(node.func, [kept], node.keywords), f"{shown} without {ast.unparse(parts[place])}"
    elif len(node.args) > 1:
        for place, left_out in enumerate(node.args):
            kept_args = node.args[:place] + node.args[place + 1 :]
            yield ast.Call(node.func, kept_args, node.keywords), f"{shown} without {ast.unparse(left_out)}"


def _changed_branches(node: ast.Call, called: str, on: ast.expr) -> Iterator[tuple[ast.AST, str]]:
    """Turn the condition of when/then round, or leave out one of its branches."""
    if called == "when" and isinstance(on, ast.Name) and len(node.args) == 1:
        condition = node.args[0]
        if not isinstance(condition, ast.Compare | ast.BinOp | ast.UnaryOp):
            yield (
                ast.Call(node.func, [ast.UnaryOp(ast.Invert(), _as_expression(condition))], []),
                f"{ast.unparse(node)[3:]} -> not",
            )
    if called == "then" and isinstance(on, ast.Call) and isinstance(on.func, ast.Attribute) and on.func.attr == "when":
        before = on.func.value
        if not isinstance(before, ast.Name):
            shown = f"when({', '.join(map(ast.unparse, on.args))}).then({', '.join(map(ast.unparse, node.args))})"
            yield before, f"without {shown}"
    if called == "otherwise" and isinstance(on, ast.Call) and _is_only_branch(on) and node.args:
        other = node.args[0]
        yield _as_expression(other), f"{ast.unparse(on)[3:]}.otherwise(…) -> otherwise"
        yield _as_expression(on.args[0]), f"{ast.unparse(on)[3:]}.otherwise(…) -> then"


def _is_only_branch(then: ast.Call) -> bool:
    when = then.func.value if isinstance(then.func, ast.Attribute) else None
    return isinstance(when, ast.Call) and isinstance(when.func, ast.Attribute) and isinstance(when.func.value, ast.Name)


def _as_expression(value: ast.expr) -> ast.expr:
    """What stands in a branch, as an expression: a text is a column there."""
    if isinstance(value, ast.Constant):
        return ast.Call(_polars("col" if isinstance(value.value, str) else "lit"), [value], [])
    return value


def _polars(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Name("pl", ast.Load()), name, ast.Load())

"""Whatever stands in a file, the loader answers with problems or with a ruleset, never with a failure of its own."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from rules_engine.errors import PluginError, Problem, RulesetError
from rules_engine.loading import effective, load_ruleset, read_document
from rules_engine.loading.nodes import to_plain
from rules_engine.loading.yaml_reader import parse

from tests.unit.loading_toys import CRITERION, HYBRID, RULESETS, toy_registry
from tests.unit.test_loading_rulesets import PROTOCOL

VALUES = [
    None, True, 0, -1, 2.5, 10**17, "", "x", "PFS", "base", "./x.yaml", "event", [], ["x"], [None], [["x"]], {},
    {"a": None},    {"value": 3}, {"kind": "time"}, {"like": "PFS"}, {"enum": {}}, [{"every": 0}],
]  # fmt: skip
INSERTED = [b"\n", b"&a ", b"*a", b"- ", b"? ", b": ", b"<<: ", b"!!map ", b"---\n", b"{{"]
KEYS = ["kind", "like", "options", "value", "response", "extends", "x", "", "a.b", "segments", "criterion", "estimator"]


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key of a document."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(items):
        yield document, key
        yield from places(value)


def spoiled(document: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    """The document with one to three places changed, removed or added."""
    changed = copy.deepcopy(document)
    for _ in range(dice.randint(1, 3)):
        container, key = dice.choice(list(places(changed)) or [(changed, "x")])
        action = dice.random()
        if action < 0.6:
            container[key] = copy.deepcopy(dice.choice(VALUES))
        elif action < 0.8 and isinstance(container, dict):
            container.pop(key, None)
        elif isinstance(container, dict):
            container[dice.choice(KEYS)] = copy.deepcopy(dice.choice(VALUES))
    return changed


@pytest.mark.parametrize("text", [PROTOCOL, CRITERION, HYBRID, RULESETS["base"], RULESETS["toy_table"]])
def test_any_document_is_answered(text: str, tmp_path: Path) -> None:
    registry = toy_registry(tmp_path)
    document = to_plain(parse(text, "f.yaml"))
    dice = random.Random(20261124)
    accepted = 0
    for _ in range(400):
        changed = spoiled(document, dice)
        found: tuple[Problem, ...] = ()
        try:
            effective(load_ruleset(changed, registry=registry))
            accepted += 1
        except (RulesetError, PluginError) as error:
            found = tuple(error.problems)
        assert all(problem.what and problem.where for problem in found), changed
    assert accepted < 400


def test_any_bytes_are_answered(tmp_path: Path) -> None:
    dice = random.Random(7)
    raw = PROTOCOL.encode()
    file = tmp_path / "f.yaml"
    for _ in range(500):
        changed = bytearray(raw)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(changed))
            action = dice.random()
            if action < 0.5:
                changed[at] = dice.choice(b"[]{}:,-&*!|>'\"#%@`? \t\n\r\x00\xff\xc3abc019")
            elif action < 0.8:
                del changed[at : at + dice.randint(1, 20)]
            else:
                changed[at:at] = dice.choice(
                    [b"\n", b"&a ", b"*a", b"- ", b"? ", b": ", b"<<: ", b"!!map ", b"---\n", b"{{"]
                )
        file.write_bytes(bytes(changed))
        with suppress(RulesetError):
            assert isinstance(read_document(file), dict)

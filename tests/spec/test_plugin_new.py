"""`rules-engine plugin new`: the package installs, is listed, passes its own tests and lint, and its ruleset is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rules_engine.cli import main
from rules_engine.errors import UsageError
from rules_engine.hookspecs import HOOK_VERSION
from rules_engine.scaffolding import KINDS, contents, new_plugin

OFFERS = {
    "criterion": "criterion: my_criterion",
    "grading": "grading: my_grading",
    "endpoint": "endpoint kind: my_endpoint",
    "censoring": "censoring rule: my_censoring",
    "estimator": "estimator: my_estimator",
    "reader": "reader: my_reader",
}
#: Kinds whose package is tried in the default run; the others take as long and go the same way.
QUICK = ("criterion", "reader")


def run(folder: Path, site: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", *words], capture_output=True, text=True, cwd=folder, check=False,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_the_package_installs_is_listed_and_passes_its_tests_and_lint(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    name, site = f"my-{kind}", tmp_path / "site"
    folder = new_plugin(name, kind, tmp_path)
    run(
        folder,
        site,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(site),
        ".",
    )
    listed = json.loads(run(folder, site, "-m", "rules_engine", "plugins", "--json"))["plugins"]
    (found,) = [plugin for plugin in listed if plugin["distribution"] == name]
    assert (found["name"], found["version"]) == (f"my_{kind}", "0.1.0")
    assert OFFERS[kind] in found["offers"]
    if kind != "reader":
        assert "right" in run(tmp_path / "site", site, "-m", "rules_engine", "check", f"my_{kind}")
    run(folder, site, "-m", "ruff", "check", "--no-cache", ".")
    run(folder, site, "-m", "ruff", "format", "--check", "--no-cache", ".")
    assert " passed" in run(folder, site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_placeholder_is_filled_in(kind: str) -> None:
    files = contents("my-own-thing", kind)
    assert {"pyproject.toml", "README.md", "my_own_thing/__init__.py", "tests/test_conformance.py"} <= set(files)
    for path, text in files.items():
        for word in ("__module__", "__name__ ", "__title__", "__kind__", "__first__", "__hooks__", "__reason__"):
            assert word not in text, (path, word)
    assert f'RULES_ENGINE_HOOKS = "{HOOK_VERSION}"' in files["my_own_thing/__init__.py"]
    assert "## What to change first\n\n1. " in files["README.md"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Plugin", "no package can have this name"),
        ("9lives", "no package can have this name"),
        ("../escape", "no package can have this name"),
        ("a" * 31, "no package can have this name"),
        ("json", "would hide one that is there"),
        ("class", "would hide one that is there"),
        ("rules-engine-plugins", "would hide one that is there"),
    ],
)
def test_a_name_that_no_package_can_have_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        new_plugin(name, "reader", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_and_the_command_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plugin", "new", "mine", "--kind", "reader", "--out", str(tmp_path / "deep" / "folder")]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0
    assert "pip install -e" in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "deep" / "folder").iterdir()) == ["mine"]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "it is there already, and nothing is overwritten" in capsys.readouterr().err

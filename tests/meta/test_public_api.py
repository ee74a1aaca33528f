"""The public names stay, and importing the package stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import rules_engine
from rules_engine.simulator import simulate_to


def test_the_public_names_are_pinned() -> None:
    assert sorted(rules_engine.__all__) == sorted(
        [
            "__version__", "Cancelled", "Comparison", "Engine", "Explanation", "FindingsOverview", "InternalError",
            "PluginError", "Problem", "Result", "RulesEngineError", "Ruleset", "RulesetError", "Study", "StudyError",
            "SubjectTimeline", "UsageError", "describe_ruleset", "hookimpl", "load_ruleset", "read_study",
        ]
    )  # fmt: skip
    for name in rules_engine.__all__:
        assert getattr(rules_engine, name) is not None


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = ("polars", "matplotlib", "lifelines", "pandas", "scipy", "jsonschema")
    code = f"import sys, rules_engine, rules_engine.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_without_estimates_and_numbers_of_subjects_loads_neither_numpy_nor_scipy(tmp_path: Path) -> None:
    """They take a tenth of a second to load, which is much of a run over few subjects."""
    study = tmp_path / "study"
    simulate_to(study, subjects=20, seed=1)
    subjects = pl.read_parquet(
        study / "subjects.parquet", columns=["subject", "arm", "sex", "baseline_date", "death_date"]
    )
    subjects.write_parquet(study / "subjects.parquet")
    ruleset = tmp_path / "plan.yaml"
    ruleset.write_text(
        "rules_engine: 1\nid: plan\nkind: protocol\nextends: [ema]\ntitle: Plan\noptions: {origin: first_tace}\n"
        "responses: {overall: {criterion: mrecist, assessor: investigator}}\n"
        "endpoints: {PFS: {like: PFS, response: overall}, OS: {like: OS, response: overall}}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    arguments = [str(ruleset), "--data", str(study), "--out", str(out), "--no-report", "--data-cutoff", "2025-12-31"]
    code = (
        f"import sys; from rules_engine.cli import main\nsys.argv = ['rules-engine', 'run', *{arguments}]\n"
        "try: main()\nexcept SystemExit: pass\nprint([m for m in ('numpy', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (out / "adtte.parquet").exists(), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "[]"

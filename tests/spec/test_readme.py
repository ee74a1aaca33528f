"""The README's example runs as written, on a study in the place that it names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]


def example() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(from rules_engine import Engine.*?)```", readme, flags=re.DOTALL)
    return str(block)


def test_the_example_runs_as_written(study_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(study_folder, tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example(), "README.md", "exec"), names)  # noqa: S102  (our own README)
    assert isinstance(names["result"].adtte, pl.DataFrame)  # type: ignore[attr-defined]
    assert {"adtr", "adrs", "adtte", "adae", "adlb", "ard", "findings", "discrepancies"} <= {
        path.stem for path in (tmp_path / "out").glob("*.parquet")
    }
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_protocol_in_the_readme_is_right(tmp_path: Path) -> None:
    from rules_engine import load_ruleset

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(rules_engine: 1.*?)```", readme, flags=re.DOTALL)
    (tmp_path / "my_protocol.yaml").write_text(block, encoding="utf-8")
    ruleset = load_ruleset(tmp_path / "my_protocol.yaml")
    assert list(ruleset.endpoints) == ["PFS", "PFSNAT", "OS", "ORR"]
    assert ruleset.endpoints["PFSNAT"].options["new_therapy"] == "censor"

"""A small made-up study on disk, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_engine.simulator import simulate_to


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 subjects as Parquet, always the same."""
    folder = tmp_path_factory.mktemp("made_up") / "study"
    simulate_to(folder, subjects=60, seed=7)
    return folder

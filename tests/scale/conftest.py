"""A small study and its protocol as files, for runs of child processes; and a made-up one with every kind of table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rules_engine import Engine
from rules_engine.simulator import simulate_to

from tests.strategies.small_studies import protocol, write_tables

CUTOFF = "2025-12-31"


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made_up") / "study"
    simulate_to(folder, subjects=40, seed=7)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/` of ten subjects and `protocol.yaml`."""
    folder = tmp_path_factory.mktemp("small")
    days = ("2024-01-08,Y,40", "2024-03-04,N,20", "2024-04-29,N,60")
    names = [f"S{number}" for number in range(10)]
    subjects = [f"{name},X,2024-01-10,2024-01-08,Y,,2024-12-31" for name in names]
    lesions = [
        f"{name},{day},{kind},T1,target,liver,{mm}"
        for name in names
        for day, kind, mm in (text.split(",") for text in days)
    ]
    write_tables(
        folder / "data",
        subjects="\n".join(
            ["subject,arm,randomisation_date,baseline_date,baseline_adequate,death_date,last_contact_date", *subjects]
        ),
        lesion_assessments="\n".join(["subject,visit_date,is_baseline,lesion_id,role,organ,mm", *lesions]),
    )
    document = protocol({"overall": {"criterion": "recist_1_1"}})
    (folder / "protocol.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_whole(small: Path) -> dict[str, bytes]:
    """Every file of the small study, run in memory."""
    Engine(small / "protocol.yaml").run(small / "data").write(small / "whole")
    return files(small / "whole")


@pytest.fixture
def places(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: tmp_path / name

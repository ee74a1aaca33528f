"""The compatibility mode on the public oncology test data of pharmaverse, in all ten configurations.

Runs where the environment variable RULES_ENGINE_PILOT_DATA names the folder with the files. The reference derivation reads
the files itself.
"""

from __future__ import annotations

import csv
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rules_engine import Engine, Study, read_study

from tests.oracle.admiralonco import CONFIGURATIONS, Configuration, Subject
from tests.strategies.admiralonco import answers, as_overrides

FOLDER = os.environ.get("RULES_ENGINE_PILOT_DATA", "")
pytestmark = pytest.mark.skipif(
    not Path(FOLDER, "adsl.csv").is_file(), reason="RULES_ENGINE_PILOT_DATA names no folder with the pilot study"
)
#: Files of responses, the reader whose rows count, and the stream of the ruleset `cdisc_pilot_onco` that holds them.
STREAMS = {
    "rs_onco": {"collected_as": "RECIST 1.1", "assessor": "investigator"},
    "rs_onco_recist": {"collected_as": "RECIST 1.1, eight subjects", "assessor": "investigator"},
    "rs_onco_irecist": {"collected_as": "iRECIST", "assessor": "investigator"},
}
RUNS = [(how, file) for how in CONFIGURATIONS for file in STREAMS if how.irecist == (file == "rs_onco_irecist")]


@pytest.fixture(scope="module")
def study() -> Study:
    return read_study(FOLDER, ruleset=Engine("cdisc_pilot_onco").ruleset)


def rows(file: str) -> list[dict[str, str]]:
    with Path(FOLDER, f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def day(text: str) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def histories(file: str) -> dict[str, dict[str, Any]]:
    """The subjects of ADSL with their collected responses, as the reference derivation reads them."""
    found: dict[str, dict[str, Any]] = {
        row["USUBJID"]: {
            "randomised": day(row["RANDDT"]), "treated": day(row["TRTSDT"]), "therapy": None, "death": day(row["DTHDT"]),
            "alive": day(row["LSTALVDT"]), "rows": [],
        }
        for row in rows("adsl")
    }  # fmt: skip
    for row in rows(file):
        if row["RSTESTCD"] == "OVRLRESP" and row["RSEVAL"] == "INVESTIGATOR":
            found[row["USUBJID"]]["rows"].append(
                (row["RSDTC"][:10] or None, int(row["RSSEQ"]), row["VISIT"] or None, row["RSSTRESC"])
            )
    return found


@pytest.mark.parametrize(("how", "file"), RUNS, ids=lambda value: getattr(value, "name", value))
def test_every_row_is_that_of_the_reference(how: Configuration, file: str, study: Study) -> None:
    ruleset = "admiralonco_irecist" if how.irecist else "admiralonco"
    engine = Engine(ruleset, overrides={**as_overrides(how), "responses": {"overall": STREAMS[file]}})
    found = answers(engine.run(study, data_cutoff="2030-01-01"))
    wrong = {}
    for subject, history in histories(file).items():
        derived = Subject(history, how)
        expected = {**derived.adrs(), **{name: row for name, row in derived.adtte().items() if row is not None}}
        actual = found.get(subject, {})
        if expected != actual:
            wrong[subject] = {
                name: (expected.get(name), actual.get(name))
                for name in sorted({*expected, *actual})
                if expected.get(name) != actual.get(name)
            }
    assert not wrong, f"{len(wrong)} subjects differ (expected, actual); the first: {next(iter(wrong.items()))}"

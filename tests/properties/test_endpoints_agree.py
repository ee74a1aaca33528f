"""The engine and the slow reference derivation give the same record for every random subject under random options."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest

from tests.oracle.endpoints import derive
from tests.strategies.engine import ENDPOINTS, RATES, as_yaml, derive_all, merged, preset
from tests.strategies.timelines import CUT_OFF, random_options, random_subject

KEYS = ["record", "event", "cnsr", "date", "start", "days", "reason", "source", "event_type", "adtf", "entry_days"]
RATE_KEYS = ["record", "value", "responder", "date", "source"]


def disagreements(endpoint: str, seed: int, subjects: int) -> list[str]:
    rng = random.Random(f"{endpoint}-{seed}")
    options, schedule = random_options(rng, endpoint)
    codes = "adjuvant" if endpoint in {"DFS", "RFS"} else rng.choice(["recist", "recist", "irecist"])
    if codes == "irecist":
        options["pd_rule"] = "irecist"
    if codes == "adjuvant":
        options["pd_rule"] = "first_pd"
    partial = rng.random() < 0.25
    histories = [random_subject(rng, f"S{k:04d}", codes=codes, partial=partial) for k in range(subjects)]
    cut_off = rng.choice([CUT_OFF, date(2023, 7, 1), date(2024, 6, 30)])
    engine = derive_all(histories, endpoint, options, cut_off, schedule)
    full = merged(preset("common"), options)
    shown = {"options": options, "schedule": schedule}
    found = []
    for history in histories:
        expected = derive(history, endpoint, full, cut_off, schedule)
        actual = engine[history["subject"]]
        wrong = _wrong(expected, actual, endpoint)
        if wrong:
            found.append(
                f"{endpoint}, seed {seed}: {wrong}\ncut_off: {cut_off}\n{as_yaml({**shown, 'subject': history})}"
            )
    return found


def _wrong(expected: dict[str, Any], actual: dict[str, Any], endpoint: str) -> dict[str, tuple[Any, Any]]:
    if not expected["record"]:
        return {} if not actual["record"] else {"record": (False, True)}
    keys = RATE_KEYS if endpoint in RATES else KEYS
    return {key: (expected[key], actual.get(key)) for key in keys if expected[key] != actual.get(key)}


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_engine_agrees_with_the_reference(endpoint: str) -> None:
    found = [text for seed in range(3) for text in disagreements(endpoint, seed, subjects=250)]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_engine_agrees_with_the_reference_at_length(endpoint: str) -> None:
    found = [text for seed in range(100, 160) for text in disagreements(endpoint, seed, subjects=1000)]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"

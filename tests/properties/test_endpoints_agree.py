"""The engine and the slow reference derivation give the same record for every random subject under random options."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from tests.oracle.endpoints import derive
from tests.strategies.engine import ENDPOINTS, RATES, as_yaml, derive_all, merged, preset
from tests.strategies.timelines import CUT_OFF, random_options, random_subject

KEYS = ["record", "event", "cnsr", "date", "start", "days", "reason", "source", "event_type", "adtf", "entry_days"]
RATE_KEYS = ["record", "value", "responder", "date", "source"]


@dataclass(frozen=True)
class Sample:
    """Random subjects and options for one endpoint, with what the reference makes of each subject, by name."""

    endpoint: str
    seed: int
    histories: list[dict[str, Any]]
    options: dict[str, Any]
    schedule: dict[str, Any]
    cut_off: date
    expected: dict[str, dict[str, Any]]


def draw(endpoint: str, seed: int, subjects: int, *, without_disease: bool = False) -> Sample:
    rng = random.Random(f"{endpoint}-{seed}")
    options, schedule = random_options(rng, endpoint)
    codes = (
        "adjuvant"
        if endpoint in {"DFS", "RFS"} or without_disease
        else rng.choice(["recist", "recist", "irecist", "both"])
    )
    if codes in ("irecist", "both"):
        options["pd_rule"] = "irecist"
    if codes == "adjuvant":
        options["pd_rule"] = "first_pd"
    partial = rng.random() < 0.25
    cut_off = rng.choice(
        [CUT_OFF, CUT_OFF, CUT_OFF, date(2023, 7, 1), date(2023, 7, 1), date(2024, 6, 30), date(2023, 1, 9)]
    )
    histories = [
        random_subject(rng, f"S{k:04d}", codes=codes, partial=partial, cut_off=cut_off) for k in range(subjects)
    ]
    full = merged(preset("common"), options)
    expected = {history["subject"]: derive(history, endpoint, full, cut_off, schedule) for history in histories}
    return Sample(endpoint, seed, histories, options, schedule, cut_off, expected)


def disagreements(sample: Sample) -> list[str]:
    engine = derive_all(sample.histories, sample.endpoint, sample.options, sample.cut_off, sample.schedule)
    shown = {"options": sample.options, "schedule": sample.schedule}
    found = []
    for history in sample.histories:
        name = history["subject"]
        wrong = _wrong(sample.expected[name], engine[name], sample.endpoint)
        if wrong:
            told = as_yaml({**shown, "subject": history})
            found.append(f"{sample.endpoint}, seed {sample.seed}: {wrong}\ncut_off: {sample.cut_off}\n{told}")
    return found


def _wrong(expected: dict[str, Any], actual: dict[str, Any], endpoint: str) -> dict[str, tuple[Any, Any]]:
    if not expected["record"]:
        return {} if not actual["record"] else {"record": (False, True)}
    keys = RATE_KEYS if endpoint in RATES else KEYS
    return {key: (expected[key], actual.get(key)) for key in keys if expected[key] != actual.get(key)}


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_engine_agrees_with_the_reference(endpoint: str) -> None:
    found = [text for seed in range(3) for text in disagreements(draw(endpoint, seed, subjects=250))]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"


@pytest.mark.parametrize("endpoint", ["DOR", "TTR", *RATES])
def test_the_engine_agrees_with_the_reference_where_there_is_no_disease(endpoint: str) -> None:
    found = [
        text for seed in range(2) for text in disagreements(draw(endpoint, seed, subjects=100, without_disease=True))
    ]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *RATES])
def test_the_engine_agrees_with_the_reference_at_length(endpoint: str) -> None:
    found = [text for seed in range(100, 160) for text in disagreements(draw(endpoint, seed, subjects=1000))]
    assert not found, f"{len(found)} disagreements (expected, actual); the first:\n{found[0]}"

"""A real service on a free port of this machine, with one study and one run that is done."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
import requests
from rules_engine.simulator import simulate_to

PROTOCOL = """rules_engine: 1
id: small
kind: protocol
extends: [ema]
title: A small protocol
options: {origin: first_tace}
responses:
  overall: {criterion: recist_1_1, assessor: investigator}
endpoints:
  PFS: {like: PFS, response: overall}
  OS: {like: OS, response: overall}
  ORR: {like: ORR, response: overall}
analyses:
  survival: {estimator: kaplan_meier, endpoints: [PFS, OS], by: arm}
"""
CUTOFF = "2025-12-31"


@dataclass(frozen=True)
class Client:
    """The service at `url`, as a program speaks to it."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str, **parameters: Any) -> requests.Response:
        return requests.get(f"{self.url}/api/v1{path}", params=parameters, timeout=60)

    def post(self, path: str, body: Any = None) -> requests.Response:
        return requests.post(f"{self.url}/api/v1{path}", json=body, timeout=60)

    def run(self, ruleset: dict[str, Any], **asked: Any) -> dict[str, Any]:
        """A run that has ended."""
        started = self.post("/runs", {"ruleset": ruleset, "study": "small", "data_cutoff": CUTOFF, **asked})
        assert started.status_code == 202, started.text
        run = started.json()
        while run["state"] in ("queued", "running"):
            run = self.get(f"/runs/{run['id']}", wait=20).json()
        return dict(run)


def serve(*arguments: str) -> Iterator[Client]:
    command = [sys.executable, "-m", "rules_engine", "serve", "--port", "0", "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        client = Client(json.loads(line)["url"], process)
        try:
            assert client.get("/rulesets").ok  # its first worker is there
            yield client
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "study"
    simulate_to(folder, subjects=40, seed=7)
    return folder


@pytest.fixture(scope="session")
def service(small_study: Path) -> Iterator[Client]:
    yield from serve("--study", f"small={small_study}", "--workers", "1")


@pytest.fixture(scope="session")
def done(service: Client) -> dict[str, Any]:
    run = service.run({"text": PROTOCOL})
    assert run["state"] == "done", run
    return run

"""The service as a program and a person meet it: what it answers, what it refuses, what it never does."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
import requests
from rules_engine import Engine
from rules_engine.loading import read_document

from tests.service.conftest import CUTOFF, PROTOCOL, Client, serve


@pytest.fixture(scope="module")
def direct(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same run without the service."""
    file = tmp_path_factory.mktemp("direct") / "protocol.yaml"
    file.write_text(PROTOCOL, encoding="utf-8")
    assert read_document(file)["id"] == "small"
    return Engine(file).run(small_study, data_cutoff=CUTOFF)


# What it answers


def test_a_wrong_ruleset_is_told_with_line_and_column(service: Client) -> None:
    text = PROTOCOL.replace("kaplan_meier", "kaplan_meyer").replace("like: OS", "like: PFSS")
    answer = service.post("/check", {"text": text}).json()
    assert answer["ok"] is False
    assert answer["exit_code"] == 2
    places = {(problem["line"], problem["column"], problem["meant"]) for problem in answer["problems"]}
    lines = text.splitlines()
    for word, meant in (("PFSS", "PFS"), ("kaplan_meyer", "kaplan_meier")):
        line = next(number for number, line in enumerate(lines, 1) if word in line)
        assert (line, lines[line - 1].index(word) + 1, meant) in places
    assert {problem["file"] for problem in answer["problems"]} == {"protocol.yaml"}


def test_a_right_ruleset_is_told_by_what_it_defines(service: Client) -> None:
    answer = service.post("/check", {"text": PROTOCOL}).json()
    assert answer["ok"] is True
    assert list(answer["ruleset"]["endpoints"]) == ["PFS", "OS", "ORR"]


def test_parameters_and_rulesets_beside_it_are_used(service: Client) -> None:
    declared = "parameters: {gap: {value: 90, unit: days, description: Longest time between assessments}}\n"
    base = PROTOCOL.replace("id: small", "id: house_style") + declared
    over = "rules_engine: 1\nid: mine\nkind: protocol\nextends: [house_style]\ntitle: Mine\n"
    assert "there is no ruleset 'house_style'" in service.post("/check", {"text": over}).json()["problems"][0]["what"]
    assert service.post("/check", {"text": over, "bases": {"house_style": base}}).json()["ok"] is True
    taken = service.post("/check", {"text": over, "bases": {"ema": base}}).json()
    assert "the name is taken" in taken["problems"][0]["what"]
    wrong = service.post("/check", {"text": over, "bases": {"house_style": base}, "parameters": {"gab": 1}}).json()
    assert "gab" in str(wrong["problems"])


def test_a_run_gives_what_the_engine_gives(service: Client, done: dict[str, Any], direct: Any) -> None:
    for name, frame in direct.data_sets().items():
        got = service.get(f"/runs/{done['id']}/tables/{name}", format="parquet")
        assert got.headers["content-type"] == "application/vnd.apache.parquet"
        assert pl.read_parquet(io.BytesIO(got.content)).equals(frame, null_equal=True), name
    arrow = service.get(f"/runs/{done['id']}/tables/adtte", format="arrow").content
    assert pl.read_ipc_stream(arrow).equals(direct.adtte, null_equal=True)
    some = service.get(f"/runs/{done['id']}/tables/adtte", offset=3, limit=2).json()
    assert (some["total"], len(some["rows"])) == (direct.adtte.height, 2)
    assert some["rows"][0]["ADT"] == direct.adtte["ADT"][3].isoformat()
    assert done["summary"]["endpoints"]["PFS"]["events"] == direct.adtte.filter(PARAMCD="PFS", CNSR=0).height


def test_a_subject_is_explained_in_the_words_of_the_command_line(
    service: Client, done: dict[str, Any], direct: Any
) -> None:
    subject = direct.adtte["USUBJID"][0]
    answer = service.get(f"/runs/{done['id']}/explanation", subject=subject, endpoint="PFS").json()
    told = direct.explain(subject, "PFS")
    assert (
        answer["explanation"]["endpoints"][0]["conclusion"][0]["text"]
        == told.as_dict()["endpoints"][0]["conclusion"][0]["text"]
    )
    assert answer["text"].splitlines()[0].startswith(f"PFS (Progression-free survival), subject {subject}")
    unknown = service.get(f"/runs/{done['id']}/explanation", subject="nobody")
    assert unknown.status_code == 422
    assert "nobody" in unknown.json()["problems"][0]["where"]
    picture = service.get(f"/runs/{done['id']}/timeline", subject=subject)
    assert picture.headers["content-type"].startswith("image/svg+xml")


def test_two_runs_are_compared(service: Client, done: dict[str, Any]) -> None:
    other = service.run({"text": PROTOCOL.replace("{origin: first_tace}", "{origin: first_tace, new_therapy: censor}")})
    answer = service.get(f"/runs/{other['id']}/diff", against=done["id"]).json()
    assert {rule["path"].split(".")[-1] for rule in answer["rules"]} == {"new_therapy"}
    assert {record["paramcd"] for record in answer["records"]} <= {"PFS", "ORR", "OS"}
    assert answer["records"]
    assert all(figure["svg"].startswith("<svg") for figure in answer["figures"])
    page = service.get(f"/runs/{other['id']}/diff", against=done["id"], format="html")
    assert page.text.startswith("<!DOCTYPE html>")
    rules = service.post("/compare", {"before": {"name": "fda"}, "after": {"name": "ema"}}).json()["rules"]
    assert rules


def test_the_report_may_run_no_script_and_load_nothing(service: Client, done: dict[str, Any]) -> None:
    report = service.get(f"/runs/{done['id']}/report")
    assert report.text.startswith("<!DOCTYPE html>")
    policy = report.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert "sandbox" in policy


def test_an_uploaded_study_is_run(service: Client, small_study: Path, done: dict[str, Any]) -> None:
    files = [("files", (path.name, path.read_bytes())) for path in small_study.glob("*.parquet")]
    study = requests.post(f"{service.url}/api/v1/studies", files=files, data={"title": "mine"}, timeout=60).json()
    run = service.run({"text": PROTOCOL}, study=study["id"])
    assert run["summary"]["endpoints"] == done["summary"]["endpoints"]
    listed = service.get(f"/studies/{study['id']}").json()["files"]
    assert {file["name"] for file in listed} == {name for _field, (name, _content) in files}
    assert requests.delete(f"{service.url}/api/v1/studies/{study['id']}", timeout=60).status_code == 204
    assert service.get(f"/studies/{study['id']}").status_code == 404


def test_wrong_data_fail_the_run_in_the_words_of_the_command_line(service: Client) -> None:
    files = [("files", ("subjects.csv", b"subject,subject\n1,1\n"))]
    study = requests.post(f"{service.url}/api/v1/studies", files=files, timeout=60).json()
    run = service.run({"text": PROTOCOL}, study=study["id"])
    assert (run["state"], run["exit_code"]) == ("failed", 3)
    assert run["problems"][0]["where"].startswith(f"table subjects (study {study['id']}/subjects.csv)")


# What it refuses


@pytest.mark.parametrize(
    "name", ["../subjects.csv", "/etc/passwd", "..\\subjects.csv", "subjects.exe", "a/subjects.csv", ".csv", "subjects"]
)
def test_a_file_that_is_no_table_is_refused(name: str, service: Client) -> None:
    before = len(service.get("/studies").json())
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="'
        + name.encode()
        + b'"\r\n\r\nsubject\n1\n\r\n--b--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(f"{service.url}/api/v1/studies", data=body, headers=headers, timeout=60)
    assert answer.status_code == 422, answer.text
    assert len(service.get("/studies").json()) == before


@pytest.mark.parametrize(
    "named", ["/etc/passwd", "../../../etc/passwd", "~/x.yaml", "file:///etc/passwd", "./ema", "bases/../x.yaml"]
)
def test_a_ruleset_reaches_no_file_of_the_server(named: str, service: Client) -> None:
    for text in (
        PROTOCOL.replace("extends: [ema]", f"extends: ['{named}']"),
        PROTOCOL.replace("criterion: recist_1_1", f"criterion: '{named}'"),
        PROTOCOL + f"adverse_events: {{grading: '{named}'}}\n",
    ):
        answer = service.post("/check", {"text": text}).json()
        assert answer["ok"] is False
        assert "files are not read here" in str(answer["problems"])
        assert "root:" not in str(answer)


def test_another_host_another_origin_and_another_site_are_refused(service: Client) -> None:
    for headers, status in (
        ({"Host": "evil.example"}, 400),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": service.url}, 200),
        ({"Host": "localhost:1"}, 200),
    ):
        answer = requests.get(f"{service.url}/api/v1/health", headers=headers, timeout=60)
        assert answer.status_code == status, headers
        assert "access-control-allow-origin" not in answer.headers


def test_unknown_paths_methods_and_bodies_are_problems(service: Client) -> None:
    for answer, status in (
        (service.get("/nothing"), 404),
        (requests.put(f"{service.url}/api/v1/check", timeout=60), 405),
        (
            requests.post(
                f"{service.url}/api/v1/check", data=b"{", headers={"Content-Type": "application/json"}, timeout=60
            ),
            422,
        ),
        (service.post("/check", {"text": "a", "name": "ema"}), 422),
        (service.post("/check", {"text": "a", "folder": "/"}), 422),
        (service.get("/runs/nothing"), 404),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["problems"][0]["what"]


def test_texts_that_are_no_unicode_are_refused_and_answered(service: Client) -> None:
    for body in (
        b'{"text": "a\\ud800: b"}',
        b'{"name": "ema", "parameters": {"\\ud800": 1}}',
        b'{"name": "ema", "parameters": {"a": "\\ud800"}}',
        b'{"text": "rules_engine: 1", "bases": {"\\ud800": "x"}}',
        b'{"text": "\\u0000"}',
        b"\xff\xfe",
    ):
        headers = {"Content-Type": "application/json"}
        answer = requests.post(f"{service.url}/api/v1/check", data=body, headers=headers, timeout=60)
        assert answer.status_code in (200, 400, 422), body
        if answer.status_code == 200:
            assert answer.json()["ok"] is False


# Limits: a service of its own, with small ones


@pytest.fixture(scope="module")
def narrow(small_study: Path) -> Iterator[Client]:
    yield from serve(
        "--study", f"small={small_study}", "--workers", "1", "--timeout", "0.2", "--max-body", "1", "--no-demo"
    )


def test_a_body_that_is_too_large_is_refused_whether_its_length_is_stated_or_not(narrow: Client) -> None:
    large = b"x" * (2 * 1024 * 1024)
    assert requests.post(f"{narrow.url}/api/v1/check", data=large, timeout=60).status_code == 413
    chunks = iter([large[:500_000]] * 4)
    assert requests.post(f"{narrow.url}/api/v1/check", data=chunks, timeout=60).status_code == 413


def test_runs_beyond_the_limits_wait_are_refused_cancelled_and_ended(narrow: Client) -> None:
    asked = {"ruleset": {"name": "tace_ici_hcc"}, "study": "small", "data_cutoff": CUTOFF}
    answers = [narrow.post("/runs", asked) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [202] * 9 + [503] * 3
    assert answers[-1].headers["retry-after"]
    started = [answer.json()["id"] for answer in answers[:9]]
    for run in started[1:]:
        narrow.post(f"/runs/{run}/cancel")
    first = narrow.get(f"/runs/{started[0]}", wait=20).json()
    assert first["state"] == "failed"  # not enough for this protocol
    assert "took longer than 0.2 seconds" in first["problems"][0]["what"]
    states = [narrow.get(f"/runs/{run}", wait=20).json()["state"] for run in started[1:]]
    assert states == ["cancelled"] * 8
    assert narrow.get(f"/runs/{started[0]}/tables/adtte").status_code == 409
    assert narrow.post("/check", {"text": PROTOCOL}).json()["ok"] is True  # and it goes on


def test_a_port_that_is_taken_is_a_usage_error(service: Client) -> None:
    command = [sys.executable, "-m", "rules_engine", "serve", "--port", str(urlsplit(service.url).port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot be listened on" in done.stderr

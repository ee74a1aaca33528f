"""The page as a person uses it, in a real browser: typing, completion, errors at the line, a run, and what changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.service.browser import FOUND, Browser
from tests.service.conftest import PROTOCOL, Client


def test_the_page_needs_nothing_from_elsewhere(service: Client) -> None:
    answer = requests.get(service.url, timeout=60)
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert "page.js */" not in page
    assert "page.css */" not in page
    assert re.findall(r"(?:src|href)=[\"'](?!data:)[^\"']*", page) == []
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", page) == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile")
    yield opened
    opened.close()


def set_text(browser: Browser, text: str) -> None:
    browser.run(f"text.focus(); text.select(); document.execCommand('insertText', false, {text!r})")


def offered_first(word: str) -> str:
    return f"!offers.hidden && offers.querySelector('[aria-selected=true]').innerText.startsWith('{word}')"


@pytest.mark.slow
@pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine")
def test_a_person_edits_runs_and_sees_what_changed(service: Client, browser: Browser, tmp_path: Path) -> None:
    pictures = Path(os.environ.get("RULES_ENGINE_PICTURES", tmp_path))
    browser.open(service.url)
    browser.wait_for("document.getElementById('verdict')?.classList.contains('good')")
    browser.wait_for("document.querySelectorAll('#open option').length > 5")

    # A mistake is told at its line, and the remedy beside it.
    wrong = PROTOCOL.replace("like: PFS", "like: PFSS")
    set_text(browser, wrong)
    browser.wait_for("document.querySelectorAll('#problems li').length === 1")
    assert browser.run("document.querySelector('.numbers .bad').innerText.trim()") == "10"
    assert browser.run("document.querySelector('.fault').innerText") == "PFSS"
    assert "Did you mean PFS?" in browser.run("document.querySelector('#problems li').innerText")
    browser.picture(pictures / "page-errors.png")

    # Completion by keyboard: the options of the protocol, then the words of one.
    set_text(browser, PROTOCOL)
    browser.wait_for("verdict.classList.contains('good')")
    browser.run("at = text.value.indexOf('first_tace}') + 10; text.setSelectionRange(at, at)")
    browser.type(", new_the")
    browser.wait_for(offered_first("new_therapy"))
    browser.picture(pictures / "page-completion.png")
    browser.press("Enter", 13)
    browser.type("i")
    browser.wait_for(offered_first("ignore"))
    browser.press("Tab", 9)
    assert "{origin: first_tace, new_therapy: ignore}" in browser.run("text.value")
    browser.wait_for("verdict.classList.contains('good')")

    # Two runs, and what changed between them.
    browser.run("study.value = 'small'; cutoff.value = '2025-12-31'")
    browser.run("document.getElementById('run').click()")
    browser.wait_for("progress.innerText.startsWith('Done')")
    assert "PFS" in browser.run("document.getElementById('panel-result').innerText")
    text = browser.run("text.value")
    set_text(browser, text.replace("new_therapy: ignore", "new_therapy: censor"))
    browser.run("document.getElementById('run').click()")
    browser.wait_for("document.getElementById('panel-changes').innerText.includes('Records that changed')")
    changes = browser.run("document.getElementById('panel-changes').innerText")
    assert "endpoints.PFS.options.new_therapy" in changes
    assert browser.run(
        "[...document.querySelectorAll('#panel-changes img')].every((one) => one.complete && one.naturalWidth > 100)"
    )
    browser.picture(pictures / "page-changes.png")

    # A study of one's own, by its files.
    browser.run(
        "carried = new DataTransfer();"
        "carried.items.add(new File(['subject\\n1\\n'], 'subjects.csv')); upload.files = carried.files;"
        "upload.dispatchEvent(new Event('change'))"
    )
    browser.wait_for("progress.innerText === 'Uploaded: subjects.csv.'")
    assert browser.run("study.selectedOptions[0].text") == "1 files of yours"

    # A subject that changed, explained before and after; and the report.
    browser.run("document.querySelector('#panel-changes td button').click()")
    browser.wait_for("document.querySelectorAll('#explanation .story').length === 2")
    assert browser.run("document.querySelectorAll('#explanation .differs').length") >= 2
    browser.picture(pictures / "page-subject.png")
    browser.run("document.getElementById('tab-report').click()")
    browser.wait_for("document.querySelector('#panel-report iframe') !== null")
    browser.wait_for(
        "new Promise((seen) => setTimeout(() => seen(true), 1500))"
    )  # what a frame shows is not told to the page
    browser.picture(pictures / "page-report.png")
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.run("document.getElementById('tab-changes').click()")
    browser.picture(pictures / "page-dark.png")
    assert browser.faults == []

"""The report in a real browser: opens without an error or a request, fits a desk and a telephone, prints, and its panel works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from rules_engine import Engine
from rules_engine.simulator import simulate

from tests.browser import Browser, executable, started

pytestmark = pytest.mark.skipif(executable() is None, reason="there is no browser here, or this is CI")
WIDE, NARROW = 1400, 400
SUBJECT, NOTHING_KNOWN = "HCC-000003", "HCC-999999"
#: What stands further right than the window; what scrolls inside a region of its own may.
OVERFLOWING = """[...document.querySelectorAll("body *")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !one.closest(".scroll, nav, pre, .unseen, .skip");
}).map((one) => one.outerHTML.slice(0, 80))"""
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tables = simulate(12, 1)
    unknown = pl.DataFrame({"subject": [NOTHING_KNOWN], "arm": ["TACE"]})
    tables["subjects"] = pl.concat([tables["subjects"], unknown], how="diagonal_relaxed")
    result = Engine("tace_ici_hcc").run(tables, data_cutoff="2025-12-31")
    return result.report(tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest) -> None:
    """A wide window on a light screen, with scripts, before each test."""
    browser = request.getfixturevalue("browser")
    browser.resize(WIDE)
    browser.media()
    browser.scripts(run=True)


def shown(browser: Browser) -> str | None:
    heading: str | None = browser.ask("document.querySelector('#subject-course h3')?.textContent.trim() ?? null")
    return heading


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_says_nothing_to_the_console_and_asks_nothing_of_a_network(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    browser.resize(width)
    browser.media(scheme=scheme)
    browser.open(page, f"#subject={SUBJECT}")
    browser.ask(OPEN_ALL)
    assert browser.console == []
    assert browser.requests == [f"{page.as_uri()}#subject={SUBJECT}"] or browser.requests == [page.as_uri()]
    assert browser.ask("document.documentElement.scrollWidth") == width
    assert browser.ask(OVERFLOWING) == []


def test_an_address_names_the_subject_whose_panel_is_shown(browser: Browser, page: Path) -> None:
    browser.open(page, f"#subject={SUBJECT}")
    assert str(shown(browser)).endswith(f"Subject {SUBJECT}")
    assert browser.ask("document.querySelectorAll('#subject-course svg .line.c0').length") >= 1
    stories = browser.ask("document.querySelectorAll('#subject-course details.story').length")
    assert stories == len(Engine("tace_ici_hcc").ruleset.endpoints)


def test_a_subject_is_found_and_picked_with_the_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert shown(browser) is None
    browser.ask("document.getElementById('subject-search').focus()")
    browser.write("000007")
    assert browser.ask("[...document.querySelectorAll('#subject-list option')].map((one) => one.value)") == [
        "HCC-000007"
    ]
    browser.press("Enter", 13)
    assert str(shown(browser)).endswith("Subject HCC-000007")
    assert browser.ask("location.hash") == "#subject=HCC-000007"
    browser.ask("document.getElementById('subject-search').select()")
    browser.press("Backspace", 8)
    browser.press("ArrowDown", 40)
    browser.press("ArrowDown", 40)
    assert str(shown(browser)).endswith("Subject HCC-000008")


def test_a_story_tells_its_steps_when_it_is_opened(browser: Browser, page: Path) -> None:
    browser.open(page, f"#subject={SUBJECT}")
    browser.ask("document.querySelector('.story summary').click()")
    browser.ask("new Promise(requestAnimationFrame)")
    titles = browser.ask("[...document.querySelectorAll('.story[open] h5')].map((one) => one.textContent)")
    assert titles[0] == "Time origin"
    assert titles[-1] == "Conclusion"


def test_a_subject_of_whom_nothing_is_known_has_a_panel(browser: Browser, page: Path) -> None:
    browser.open(page, f"#subject={NOTHING_KNOWN}")
    assert str(shown(browser)).endswith(f"Subject {NOTHING_KNOWN}")
    assert "Nothing that is known of the subject has a date." in browser.ask(
        "document.querySelector('#subject-course').textContent"
    )
    assert browser.console == []


def test_a_subject_that_is_not_there_is_said_to_be_missing(browser: Browser, page: Path) -> None:
    browser.open(page, "#subject=%3Cimg%20src=x%20onerror=alert(1)%3E")
    assert browser.ask("document.querySelectorAll('#subject-course img').length") == 0
    said = browser.ask("document.getElementById('subject-course').textContent")
    assert said == "The panel has no subject <img src=x onerror=alert(1)>."
    assert browser.console == []


def test_a_dark_screen_has_a_dark_page_and_print_a_light_one(browser: Browser, page: Path) -> None:
    browser.open(page)

    def paper_and_ink(kind: str, scheme: str) -> list[int]:
        browser.media(kind, scheme)
        styles = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        return [sum(map(int, re.findall(r"\d+", colour))) for colour in browser.ask(styles)]

    paper, ink = paper_and_ink("screen", "dark")
    assert paper < 150 < 600 < ink
    assert paper_and_ink("screen", "light")[0] == 3 * 255
    assert paper_and_ink("print", "dark") == [3 * 255, 0]
    assert browser.ask("document.documentElement.scrollWidth") == WIDE
    assert browser.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert browser.ask("getComputedStyle(document.querySelector('.chooser')).display") == "none"


def test_without_scripts_the_page_has_its_sections_and_an_index(browser: Browser, page: Path) -> None:
    browser.scripts(run=False)
    browser.open(page)
    browser.scripts(run=True)
    assert browser.ask("document.getElementById('subject-panel').hidden") is True
    assert browser.ask("document.querySelectorAll('noscript').length") == 1
    assert SUBJECT in browser.ask("document.querySelector('[aria-labelledby=subject] table').textContent")

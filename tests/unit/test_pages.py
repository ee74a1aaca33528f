"""Pages as Markdown and HTML: nothing that a text says becomes markup."""

from __future__ import annotations

import pytest
from rules_engine.pages import (
    Block,
    Bullets,
    Cell,
    Figure,
    Folded,
    Page,
    Paragraph,
    Preformatted,
    Row,
    Section,
    SubHeading,
    Table,
    heading,
    render_html,
    render_markdown,
    words,
)


def page(*blocks: Block, title: str = "Rules", footer: str = "") -> Page:
    return Page(title, [("Study", "A-1")], [Section("one", "First", blocks), Section("two", "Empty")], footer)


def test_every_part_has_its_markdown() -> None:
    table = Table(
        "Events", ["Situation", "n", "share"],
        [Row(heading("All of them")), Row(heading("Death"), [Cell("3", tag="A"), words("a|b")])],
        notes=["A note."], bands=[("", 1), ("TACE", 2)],
    )  # fmt: skip
    text = render_markdown(
        page(
            SubHeading("Survival", tag="OS"),
            SubHeading("Below", level=2),
            Paragraph("All subjects.", lead="Population."),
            Bullets(["one", "two"]),
            table,
            Figure("<svg/>", "A curve"),
            Preformatted("a ``` b"),
            Folded("More", [Paragraph("inside")]),
            footer="The end.",
        )
    )
    assert text.splitlines() == [
        "# Rules", "", "- **Study:** A-1", "", "## First", "", "### OS: Survival", "", "#### Below", "",
        "**Population.** All subjects.", "", "- one", "- two", "", "**Events**", "",
        "| Situation | TACE: n | TACE: share |", "| --- | --- | --- |", "| **All of them** |  |  |",
        "| Death | A 3 | a\\|b |", "", "A note.", "", "*A curve* (The figure stands in the HTML page.)", "",
        "````", "a ``` b", "````", "", "### More", "", "inside", "", "---", "", "The end.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
        ("[link](http://x)", "[link]\\(http://x)"),
        ("**bold** and `code`", "\\*\\*bold\\*\\* and \\`code\\`"),
        ("_aside_ but first_iupd", "\\_aside\\_ but first_iupd"),
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("1. no number", "1\\. no number"),
        ("two\nlines", "two lines"),
    ],
)
def test_markup_in_a_text_stays_a_text(said: str, written: str) -> None:
    assert f"\n{written}\n" in render_markdown(page(Paragraph(said)))


def test_html_escapes_every_text_and_needs_no_network() -> None:
    nasty = '<img src=x onerror="alert(1)">'
    blocks: list[Block] = [
        Paragraph(nasty, lead=nasty), Bullets([nasty]), SubHeading(nasty, tag=nasty), Preformatted(nasty),
        Folded(nasty, [Paragraph(nasty)], opened=True), Table(nasty, [nasty], [Row(heading(nasty), [words(nasty, nasty)])], [nasty]),
    ]  # fmt: skip
    text = render_html(page(*blocks, title=nasty, footer=nasty))
    assert "<img" not in text
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "<details open>" in text
    assert "Empty" not in text

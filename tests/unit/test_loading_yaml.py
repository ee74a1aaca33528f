"""YAML as the engine reads it: JSON's values, every value with its place, and nothing that a file can do to harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_engine.cli import main
from rules_engine.errors import RulesetError
from rules_engine.loading import read_document
from rules_engine.loading.nodes import to_plain
from rules_engine.loading.yaml_reader import MAX_BYTES, parse


def refused(text: str) -> list[str]:
    with pytest.raises(RulesetError) as caught:
        parse(text, "f.yaml")
    return [f"{problem.where} {problem.what}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"), ("off", "off"), ("yes", "yes"), ("2024-01-02", "2024-01-02"), ("12:30:00", "12:30:00"),
        ("007", "007"), ("0x1f", "0x1f"), ("1_000", "1_000"), (".inf", ".inf"), (".nan", ".nan"), ("1.5.2", "1.5.2"),
        ("'5'", "5"), ('"true"', "true"), ("-", None), ("e5", "e5"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("0", 0), ("-3", -3), ("+4", 4), ("1.10", 1.1), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0),
    ],
)  # fmt: skip
def test_an_unquoted_word_means_what_it_means_in_json(written: str, read: object) -> None:
    if written == "-":
        return  # a list item, not a word
    value = to_plain(parse(f"key: {written}\n", "f.yaml"))["key"]
    assert value == read
    assert type(value) is type(read)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert to_plain(parse("1: a\nno: b\nnull: c\n2024-01-02: d\n", "f.yaml")) == {
        "1": "a",
        "no": "b",
        "null": "c",
        "2024-01-02": "d",
    }


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n")
    assert read_document(file) == {"a": 1, "b": ["x"]}


def test_every_value_knows_its_place() -> None:
    root = parse("a:\n  b: [1, {c: x}]\n", "f.yaml")
    found = root.at("a", "b", 1, "c")
    assert found is not None
    assert (found.line, found.column, found.key_line, found.key_column) == (2, 14, 2, 11)


def test_a_small_alias_stands_for_its_value() -> None:
    assert to_plain(parse("a: &x [1, 2]\nb: *x\n", "f.yaml")) == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1 the key 'a' is already there, on line 1"),
        ("a: {b: 1, b: 2}\n", "f.yaml:1:11 the key 'b' is already there, on line 1"),
        ("a: !!python/object/apply:os.system ['true']\n", "f.yaml:1:4 tags (!!python/object/apply:os.system)"),
        ("a: !local x\n", "f.yaml:1:4 tags (!local)"),
        ("a: !!str 5\n", "f.yaml:1:4 tags (!!str)"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3:3 merge keys"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1 the file holds a second document"),
        ("? [a, b]\n: c\n", "f.yaml:1:3 a collection stands where a key must stand"),
        ("a: {{ template }}\n", "f.yaml:1:5 a collection stands where a key must stand"),
        ("a: &x [1, *x]\n", "f.yaml:1:11 the anchor 'x' contains itself"),
        ("a: *nowhere\n", "f.yaml:1:4 the anchor 'nowhere' is not defined above"),
        ("&a a: 1\n*a : 2\n", "f.yaml:2:1 an alias stands where a key must stand"),
        ("- a\n- b\n", "f.yaml:1:1 the document is a list, not a mapping"),
        ("just words\n", "f.yaml:1:1 the document is a single value, not a mapping"),
        ("", "f.yaml:1:1 the file is empty"),
        ("# only a comment\n", "f.yaml:1:1 the file is empty"),
        ("a: 1e999\n", "f.yaml:1:4 1e999…: the number is too large"),
        ("a: 1234567890123456789\n", "f.yaml:1:4 1234567890123456789…: the number has more digits"),
        ("a:\n\t- b\n", "f.yaml:2:1 this is no YAML: found character that cannot start any token"),
        ("a: b: c\n", "f.yaml:1:5 this is no YAML: mapping values are not allowed"),
        ("a: [1, 2\n", "f.yaml:2:1 this is no YAML: did not find expected ',' or ']'"),
        ("a: 'open\n", "this is no YAML: found unexpected end of stream"),
        ("a: \x07\n", "f.yaml:1:4 the file holds the control character #x07"),
        ("? \n: x\n", "a key is empty"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, said: str) -> None:
    assert any(said in line for line in refused(text)), refused(text)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    assert len(refused("a: 1\na: 2\nb: !!int 3\nc: *none\n")) == 3


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
def test_deep_nesting_is_refused_at_once(opening: str, depth: int) -> None:
    assert len(refused("key: " + opening * depth if opening in "[{a: " else opening * depth)) == 1


def test_nesting_up_to_the_limit_is_read() -> None:
    assert to_plain(parse("a: " + "[" * 63 + "]" * 63, "f.yaml"))["a"] is not None
    assert "more than 64 deep" in refused("a: " + "[" * 64 + "]" * 64)[0]


def test_aliases_cannot_expand_without_limit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "aliases expand to more than 10000 values" in refused("\n".join(lines))[0]


def test_aliases_cannot_nest_deeper_than_the_limit() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 80)]
    assert "too deep" in refused("\n".join(lines))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: \x00", "holds a NUL byte"),
        ("a: ü".encode("latin-1"), "not in UTF-8 from here on"),
        ("a: 1".encode("utf-16"), "in UTF-16"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "NUL byte"),
        (b"a: 1\nb: \xff\n", "not in UTF-8 from here on"),
        (b"[" * 100_000, "more than 64 deep"),
        (b"rules_engine: 1\na: !!python/object/apply:os.abort []\n", "tags (!!python/object/apply:os.abort)"),
        (b"- 1\n", "a list, not a mapping"),
        (b"", "the file is empty"),
    ],
)
def test_a_malicious_file_leaves_with_a_message_and_no_traceback(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main(["check", str(file)])
    told = capsys.readouterr().err
    assert left.value.code == 2
    assert said in told
    assert "bad.yaml" in told
    assert "Traceback" not in told


def test_the_place_of_a_wrong_byte_is_told(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(RulesetError) as caught:
        read_document(file)
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (2, 4)


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    with file.open("wb") as opened:
        opened.truncate(100 * 1024 * 1024)
    with pytest.raises(RulesetError, match=f"larger than {MAX_BYTES // 1024 // 1024} MB"):
        read_document(file)


@pytest.mark.parametrize("path", ["/dev/zero", "/nowhere/at/all.yaml", "with\x00nul.yaml"])
def test_what_is_no_regular_file_is_refused(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", path])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_without_a_ruleset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", str(tmp_path)])
    assert left.value.code == 2

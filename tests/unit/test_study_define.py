"""define.xml beside transport files and Dataset-JSON: well-formed, every variable there, every OID resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from rules_engine.engine import Engine, Result
from rules_engine.simulator import simulate

pyreadstat = pytest.importorskip("pyreadstat")
pytest.importorskip("polars_readstat")

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
DEF = "{http://www.cdisc.org/ns/def/v2.1}"
HREF = "{http://www.w3.org/1999/xlink}href"
#: The order of elements in Define-XML 2.1.
ORDER = [
    "Standards",
    "ValueListDef",
    "WhereClauseDef",
    "ItemGroupDef",
    "ItemDef",
    "CodeList",
    "MethodDef",
    "CommentDef",
]
REFERENCES = {
    "ItemOID": "ItemDef", f"{DEF}ItemOID": "ItemDef", "MethodOID": "MethodDef", "CodeListOID": "CodeList",
    "ValueListOID": "ValueListDef", "WhereClauseOID": "WhereClauseDef", f"{DEF}CommentOID": "CommentDef",
    f"{DEF}StandardOID": "Standard", f"{DEF}ArchiveLocationID": "leaf",
}  # fmt: skip


@pytest.fixture(scope="module")
def result() -> Result:
    return Engine("tace_ici_hcc").run(simulate(30, seed=3), data_cutoff="2025-12-31")


@pytest.fixture(scope="module", params=["xpt", "dataset-json"])
def written(request: pytest.FixtureRequest, result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("define") / request.param
    result.write(out, formats=[request.param], report=False)
    return out


@pytest.fixture
def root(written: Path) -> ET.Element:
    return ET.parse(written / "define.xml").getroot()  # noqa: S314  (our own file)


def bare(element: ET.Element) -> str:
    return element.tag.split("}")[1]


def words(element: ET.Element) -> str:
    return "".join(element.itertext()).strip()


def elements(root: ET.Element, *path: str) -> Iterator[ET.Element]:
    return root.iter(path[-1])


def test_every_oid_is_defined_once_and_every_reference_resolves(root: ET.Element) -> None:
    defined: dict[str, list[str]] = {}
    for element in root.iter():
        oid = element.get("OID") or element.get("ID")
        if oid:
            defined.setdefault(bare(element), []).append(oid)
    for kind, oids in defined.items():
        assert len(oids) == len(set(oids)), kind
    for element in root.iter():
        for attribute, kind in REFERENCES.items():
            oid = element.get(attribute)
            assert oid is None or oid in defined[kind], (bare(element), attribute, oid)
    used = {element.get("CodeListOID") for element in root.iter(f"{ODM}CodeListRef")}
    assert used == set(defined["CodeList"])
    used_methods = {element.get("MethodOID") for element in root.iter(f"{ODM}ItemRef")} - {None}
    assert used_methods == set(defined["MethodDef"])


def test_the_elements_stand_in_the_order_of_the_standard(root: ET.Element) -> None:
    assert root.attrib[f"{DEF}Context"] == "Other"
    version = next(root.iter(f"{ODM}MetaDataVersion"))
    assert version.attrib[f"{DEF}DefineVersion"] == "2.1.0"
    places = [ORDER.index(bare(element)) for element in version]
    assert places == sorted(places)
    for item in version.iter(f"{ODM}ItemDef"):
        parts = [bare(child) for child in item]
        assert parts == [name for name in ("Description", "CodeListRef", "Origin", "ValueListRef") if name in parts]


def test_every_variable_of_every_file_is_described(root: ET.Element, written: Path, result: Result) -> None:
    items = {item.get("OID"): item for item in root.iter(f"{ODM}ItemDef")}
    groups = {group.get("Name"): group for group in root.iter(f"{ODM}ItemGroupDef")}
    assert set(groups) == {"ADTR", "ADRS", "ADTTE", "ADAE", "ADLB"}
    for name, group in groups.items():
        leaf = next(group.iter(f"{DEF}leaf"))
        file = written / str(leaf.get(HREF))
        if file.suffix == ".xpt":
            frame, meta = pyreadstat.read_xport(str(file))
            columns = dict(zip(frame.columns, meta.column_labels, strict=True))
        else:
            columns = {one["name"]: one["label"] for one in json.loads(file.read_text())["columns"]}
        described = [items[reference.get("ItemOID")] for reference in group.iter(f"{ODM}ItemRef")]
        assert [item.get("Name") for item in described] == list(columns), name
        assert [words(item[0]) for item in described] == list(columns.values()), name
        assert (group.get(f"{DEF}HasNoData") == "Yes") == result.data_sets()[str(name).lower()].is_empty()
        for item in described:
            assert item.get("DataType") in ("text", "integer", "float", "date", "time")
            origin = item.find(f"{DEF}Origin")
            assert origin is not None
            assert origin.get("Type") in ("Predecessor", "Derived", "Assigned")
            reference = next(one for one in group.iter(f"{ODM}ItemRef") if one.get("ItemOID") == item.get("OID"))
            assert (reference.get("MethodOID") is not None) == (origin.get("Type") == "Derived")


def test_derivations_are_the_words_of_the_ruleset(root: ET.Element) -> None:
    methods = {method.get("OID"): words(method) for method in root.iter(f"{ODM}MethodDef")}
    assert "to progression (re-assessed per iRECIST" in methods["MT.ADTTE.AVAL.PFS"]
    assert "death from any cause" in methods["MT.ADTTE.AVAL.OS"]
    assert "mRECIST" in methods["MT.ADTR.AVAL.mrecist"]
    assert all(text for text in methods.values())


def test_code_lists_hold_every_code_of_the_data(root: ET.Element, result: Result) -> None:
    lists = {
        listed.get("OID"): {item.get("CodedValue"): words(item) for item in listed}
        for listed in root.iter(f"{ODM}CodeList")
    }
    for name, frame in result.data_sets().items():
        for column in frame.columns:
            codes = lists.get(f"CL.{name.upper()}.{column}")
            if codes is not None:
                assert set(frame[column].drop_nulls().cast(pl.String)) <= set(codes), (name, column)
    assert lists["CL.ADTTE.CNSR"]["0"] == "Event"
    assert lists["CL.ADTTE.CNSR"]["7"] == "CONSENT WITHDRAWN"
    assert lists["CL.ADRS.AVALC"]["PR"] == "Partial Response"


def test_no_define_xml_where_nobody_asked_for_such_files(result: Result, tmp_path: Path) -> None:
    assert "define" not in result.write(tmp_path / "out", formats=["csv"], report=False)

"""define.xml beside transport files and Dataset-JSON: held against CDISC's schema, the files that it describes and the ruleset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
import xmlschema
from odmlib.define_2_1.rules.metadata_schema import MetadataSchema
from odmlib.define_loader import XMLDefineLoader
from odmlib.loader import ODMLoader
from odmlib.oid_generator import create_oid_checker
from odmlib.schema_manager import get_schema_path
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


@pytest.fixture(scope="module")
def define_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(get_schema_path("define", "2.1")))


@pytest.fixture(scope="module", params=["xpt", "dataset-json"])
def written(request: pytest.FixtureRequest, result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("define") / request.param
    result.write(out, formats=[request.param], report=False)
    return out


@pytest.fixture
def root(written: Path) -> ET.Element:
    return ET.parse(written / "define.xml").getroot()  # noqa: S314  (our own file)


def test_it_is_valid_by_the_schema_of_cdisc(written: Path, define_schema: xmlschema.XMLSchema) -> None:
    faults = [f"{fault.path}: {fault.reason}" for fault in define_schema.iter_errors(str(written / "define.xml"))]
    assert faults == []


def test_an_independent_reader_finds_no_fault_in_it(written: Path, result: Result) -> None:
    loader = ODMLoader(XMLDefineLoader(model_package="define_2_1"))
    loader.open_odm_document(str(written / "define.xml"))
    document = loader.load_odm()
    faults = document.validate(
        collect_errors=True, oid_checker=create_oid_checker("define_2_1"), conformance_checker=MetadataSchema()
    )
    assert faults == []
    version = document.Study.MetaDataVersion
    assert [group.Name for group in version.ItemGroupDef] == ["ADTR", "ADRS", "ADTTE", "ADAE", "ADLB"]
    parameters = set(result.adtte["PARAMCD"])
    assert {clause.RangeCheck[0].CheckValue[0]._content for clause in version.WhereClauseDef} >= parameters


@pytest.mark.parametrize("writer", ["xpt", "dataset-json"])
@pytest.mark.parametrize("criterion", ["", "gcig_combined"])
def test_it_is_valid_where_most_data_sets_are_empty(
    criterion: str, writer: str, define_schema: xmlschema.XMLSchema, tmp_path: Path
) -> None:
    subjects = pl.DataFrame(
        {"subject": ["ö1"], "randomisation_date": ["2024-01-01"], "last_contact_date": ["2024-06-01"]}
    )
    assessed = pl.DataFrame({"subject": ["ö1"], "date": ["2024-03-01"], "recist": ["PR"], "ca125": ["PR"]})
    rules: dict[str, object] = {
        "rules_engine": 1, "id": "small", "kind": "protocol", "title": "Small & <odd>", "extends": ["ema"],
        "options": {"origin": "randomisation"}, "endpoints": {"OS": {"like": "OS"}},
    }  # fmt: skip
    if criterion:
        rules["responses"] = {"one": {"criterion": criterion}}
        rules["endpoints"] = {"ORR": {"like": "ORR", "response": "one"}}
    study = {"subjects": subjects.with_columns(death_date=pl.lit("")), "gcig_assessments": assessed}
    Engine(rules).run(study, data_cutoff="2025-01-01").write(tmp_path, formats=[writer], report=False)
    assert [fault.reason for fault in define_schema.iter_errors(str(tmp_path / "define.xml"))] == []


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
            assert item.get("DataType") in ("text", "integer", "float")
            assert item.get("Length")
            origin = item.find(f"{DEF}Origin")
            assert origin is not None
            assert origin.get("Type") in ("Predecessor", "Derived", "Assigned")
            reference = next(one for one in group.iter(f"{ODM}ItemRef") if one.get("ItemOID") == item.get("OID"))
            assert (reference.get("MethodOID") is not None) == (origin.get("Type") == "Derived")
            assert (item.get(f"{DEF}CommentOID") is not None) == (origin.get("Type") == "Assigned")
            assert (words(origin) != "") == (origin.get("Type") == "Predecessor")


def test_types_and_lengths_are_those_of_the_files(root: ET.Element, written: Path) -> None:
    items = {str(item.get("OID")): item for item in root.iter(f"{ODM}ItemDef")}
    for file in sorted(written.glob("ad*.*")):
        if file.suffix == ".xpt":
            _, meta = pyreadstat.read_xport(str(file))
            kinds = {f"IT.{file.stem.upper()}.{name}": kind for name, kind in meta.readstat_variable_types.items()}
            formats = {f"IT.{file.stem.upper()}.{name}": kind for name, kind in meta.original_variable_types.items()}
            for oid, kind in kinds.items():
                assert (items[oid].get("DataType") == "text") == (kind == "string"), oid
                assert (items[oid].get(f"{DEF}DisplayFormat") == "DATE9.") == (formats[oid] == "DATE9"), oid
                assert kind != "string" or int(str(items[oid].get("Length"))) <= 200, oid
        else:
            document = json.loads(file.read_text())
            assert document["studyOID"] == next(root.iter(f"{ODM}Study")).get("OID")
            assert document["itemGroupOID"] in {group.get("OID") for group in root.iter(f"{ODM}ItemGroupDef")}
            for place, column in enumerate(document["columns"]):
                item = items[column["itemOID"]]
                kind = column.get("targetDataType", column["dataType"])
                assert item.get("DataType") == {"string": "text", "boolean": "text"}.get(kind, kind), column
                assert item.get(f"{DEF}DisplayFormat") == column.get("displayFormat"), column
                if kind == "string":
                    longest = max((len(row[place] or "") for row in document["rows"]), default=0)
                    assert int(str(item.get("Length"))) >= max(longest, column["length"]), column


def test_every_code_list_is_of_a_standard_or_says_that_it_is_not(root: ET.Element) -> None:
    lists = {str(listed.get("OID")): listed for listed in root.iter(f"{ODM}CodeList")}
    standards = {standard.get("OID") for standard in root.iter(f"{DEF}Standard")}
    for oid, listed in lists.items():
        own, standard = listed.get(f"{DEF}IsNonStandard") == "Yes", listed.get(f"{DEF}StandardOID")
        assert own != (standard in standards), oid
        assert (standard is not None) == ("C66742" in {alias.get("Name") for alias in listed.findall(f"{ODM}Alias")}), (
            oid
        )
    for item in root.iter(f"{ODM}ItemDef"):
        reference = item.find(f"{ODM}CodeListRef")
        if reference is not None:
            assert lists[str(reference.get("CodeListOID"))].get("DataType") == item.get("DataType"), item.get("OID")


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

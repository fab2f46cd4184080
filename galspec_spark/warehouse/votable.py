"""The columns of a table as a VOTable without rows, which VO tools read from Parquet metadata too.

The IVOA note "VOParquet" 1.0 (https://www.ivoa.net/documents/Notes/VOParquet/) names the keys of
the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

import pyarrow as pa

from galspec_spark.warehouse.columns import meaning_of
from galspec_spark.warehouse.flags import FLAGS

#: Keys of the Parquet metadata.
VERSION_KEY, CONTENT_KEY = "IVOA.VOTable-Parquet.version", "IVOA.VOTable-Parquet.content"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
DATATYPES = {
    pa.bool_(): "boolean",
    pa.int8(): "short",
    pa.int16(): "short",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "char",
}
#: Types that a VOTable lacks.
UNKNOWN = (pa.types.is_struct, pa.types.is_map, pa.types.is_timestamp)
#: The sky system of right ascension and declination.
ICRS = "icrs"


def votable_of(
    schema: pa.Schema,
    infos: Mapping[str, str] | None = None,
    arraysizes: Mapping[str, str] | None = None,
) -> str:
    """Return a VOTable without rows: columns, and the meanings of the bits of ``flags``.

    Parameters
    ----------
    infos
        More that is said of the table, by name.
    arraysizes
        Sizes of text and list columns, by name; ``*``, any size, by default.
    """
    root = ET.Element("VOTABLE", version="1.4", xmlns="http://www.ivoa.net/xml/VOTable/v1.3")
    resource = ET.SubElement(root, "RESOURCE", type="results")
    for name, value in {**_flag_notes(schema), **(infos or {})}.items():
        ET.SubElement(resource, "INFO", name=name, value=value)
    if "ra" in schema.names or "dec" in schema.names:
        ET.SubElement(resource, "COOSYS", ID=ICRS, system="ICRS")
    table = ET.SubElement(resource, "TABLE")
    for field in schema:
        _add_field(table, field, (arraysizes or {}).get(field.name, "*"))
    return f"{DECLARATION}\n{ET.tostring(root, encoding='unicode')}"


def voparquet(votable: str) -> dict[str, str]:
    """Return a VOTable without rows as metadata of a Parquet file."""
    return {VERSION_KEY: "1.0", CONTENT_KEY: votable}


def voparquet_of(schema: pa.Schema) -> dict[str, str]:
    """Return the metadata of a part: what it has from another part, or what its columns say."""
    kept = schema.metadata or {}
    if CONTENT_KEY.encode() in kept:
        return voparquet(kept[CONTENT_KEY.encode()].decode())
    if any(field.metadata for field in schema):
        return voparquet(votable_of(schema))
    return {}


def without_voparquet(schema: pa.Schema) -> pa.Schema:
    """Return a schema without what `voparquet_of` says.

    pyarrow would store it twice, the second time in its own copy of the schema.
    """
    own = {VERSION_KEY.encode(), CONTENT_KEY.encode()}
    kept = {key: value for key, value in (schema.metadata or {}).items() if key not in own}
    return pa.schema([field.remove_metadata() for field in schema], metadata=kept or None)


def _flag_notes(schema: pa.Schema) -> dict[str, str]:
    if "flags" not in schema.names or not pa.types.is_integer(schema.field("flags").type):
        return {}
    return {f"FLAG{bit}": f"{name}: {meaning}" for name, (bit, meaning) in FLAGS.items()}


def _add_field(table: ET.Element, field: pa.Field, arraysize: str) -> None:
    """Add a column; what no VOTable has, such as a structure, counts as text, says the note."""
    is_list = pa.types.is_list(field.type)
    kind = (
        pa.string()
        if any(test(field.type) for test in UNKNOWN)
        else field.type.value_type
        if is_list
        else field.type
    )
    attributes = {"name": field.name, "datatype": DATATYPES[kind]}
    if is_list or kind == pa.string():
        attributes["arraysize"] = arraysize
    meaning = meaning_of(field)
    if meaning:
        attributes["ucd"] = meaning.ucd
    if meaning and meaning.unit:
        attributes["unit"] = meaning.unit
    if field.name in ("ra", "dec"):
        attributes["ref"] = ICRS
    element = ET.SubElement(table, "FIELD", attributes)
    if meaning:
        ET.SubElement(element, "DESCRIPTION").text = meaning.description

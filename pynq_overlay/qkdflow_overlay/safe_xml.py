"""XML without DTDs and entities: a file from the internet may hold neither (billion laughs, local files)."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from qkdflow_overlay.errors import ManifestError


def parse(xml: bytes, source: str) -> Element:
    """The root element. ManifestError, naming `source`, where it is not XML or has a DTD or an entity."""

    def refuse(*_: Any) -> int:
        raise ManifestError(f"[{source}] XML without a DTD or entities is required; this file has them")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # or an encoding that is none
        raise ManifestError(f"[{source}] well-formed XML is required; {error}") from error
    return builder.close()

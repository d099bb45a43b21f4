"""Damage to JSON and XML, taken apart and put together wrong."""

from __future__ import annotations

import copy
import json
from typing import Any
from xml.etree import ElementTree

from damage_bytes import NUMBERS, Random, damaged_bytes


def _strange(rng: Random, other: Any) -> Any:
    """A value where another was expected."""
    values = (
        *(
            None,
            True,
            False,
            0,
            -1,
            1,
            3,
            2**31,
            2**53,
            2**63,
            10**12,
            10**30,
            1.5,
            -0.0,
            1e308,
            1e-320,
            "",
            "a",
            "x" * 5000,
        ),
        *("\0", "\n", "\x1b[31m", "\ud800", "../../x", "relu", "5", [], {}, [[]], [None], [1, 2], {"a": 1}, [0] * 4000),
        *(["x", ["y"]], {"": {}}, [other], {"x": other}),
    )
    return rng.choice(values)


def damaged_tree(rng: Random, value: Any) -> Any:
    """A JSON value with one node, deep inside, changed."""
    root = [copy.deepcopy(value)]
    places: list[tuple[Any, Any]] = []
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                stack.append(node[key])
    node, key = rng.choice(places)
    other, there = rng.choice(places)
    kind = rng.randrange(5)
    if kind == 0 and node is not root:
        del node[key]
    elif kind == 1 and node is not root:
        if isinstance(node, dict):
            node[rng.choice(("x", "", "name", "class_name", "\n"))] = node[key]
        else:
            node.insert(key, copy.deepcopy(node[key]))
    elif kind == 2:
        node[key] = copy.deepcopy(other[there])
    elif kind == 3 and isinstance(node[key], (int, float)) and not isinstance(node[key], bool):
        number = node[key]
        node[key] = rng.choice((number + 1, number - 1, -number, number * 1000, float(number), str(number), [number]))
    else:
        node[key] = _strange(rng, node[key])
    return root[0]


def damaged_json(rng: Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # damaged before
        return damaged_bytes(rng, data)
    if rng.random() < 0.01:
        return b'{"a":' * 20_000 + data + b"}" * 20_000
    try:
        return json.dumps(damaged_tree(rng, value)).encode()
    except (RecursionError, OverflowError):  # what was made deep before can be read, not written; 10^400 is no float
        return damaged_bytes(rng, data)


def damaged_json_lines(rng: Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    lines[at] = damaged_json(rng, lines[at])
    return b"\n".join(lines)


def damaged_xml(rng: Random, data: bytes) -> bytes:
    """An element's text, attribute or name changed; an element gone, twice or inside itself."""
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - ours, without entities
    except (ElementTree.ParseError, LookupError, ValueError):  # damaged before, or an encoding that is none
        return damaged_bytes(rng, data)
    nodes = list(root.iter())
    node = rng.choice(nodes)
    strange = rng.choice((*NUMBERS, "", "a", "\u202e", "x" * 5000))
    kind = rng.randrange(6)
    if kind == 0:
        node.text = strange
    elif kind == 1 and node.attrib:
        node.set(rng.choice(sorted(node.attrib)), strange)
    elif kind == 2 and node.attrib:
        del node.attrib[rng.choice(sorted(node.attrib))]
    elif kind == 3:
        node.tag = rng.choice(nodes).tag
    elif kind == 4 and len(node):
        node.remove(rng.choice(list(node)))
    else:
        node.append(copy.deepcopy(rng.choice(nodes)))
    return ElementTree.tostring(root)

"""`qkdflow inspect`: what a network's file holds, before anything is done with it."""

from __future__ import annotations

import argparse
from typing import Any


def add(verbs: Any) -> None:
    inspect = verbs.add_parser("inspect", help="print a model file's layers, parameters, zeros, quantisers and NaNs")
    inspect.add_argument("file", metavar="FILE", help="a .h5, .keras, .json or .onnx file; nothing in it is run")
    inspect.add_argument("--shape", metavar="N,N", help="the input's shape, where the file leaves an axis open")
    inspect.add_argument("--json", action="store_true", help="one JSON object")
    inspect.set_defaults(command=_inspect)


def _inspect(args: argparse.Namespace) -> int:
    from qkdflow.errors import ConfigError
    from qkdflow.files import json_text
    from qkdflow.importers import read
    from qkdflow.importers.table import table, values

    try:
        shape = tuple(int(n) for n in args.shape.split(",")) if args.shape else None
    except ValueError as error:
        raise ConfigError(f"[inspect] --shape must be whole numbers with commas between; got {args.shape}") from error
    network = read(args.file, shape)
    print(json_text(values(network)) if args.json else table(network), end="" if args.json else "\n")
    return 0

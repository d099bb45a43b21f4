"""`qkdflow init`: the commented configuration of an application, for `qkdflow run`."""

from __future__ import annotations

import argparse
from typing import Any


def add(verbs: Any) -> None:
    init = verbs.add_parser("init", help="print the commented TOML configuration of an application")
    init.add_argument("name", help="psd, clyc, mnist-mlp, mnist-cnn, ...")
    init.set_defaults(command=_init)


def _init(args: argparse.Namespace) -> int:
    from qkdflow.settings import to_toml

    print(to_toml(args.name), end="")
    return 0

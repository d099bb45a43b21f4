"""`qkdflow completion`: the script with which a shell completes verbs, flags, names and paths."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any

_SHELLS = ("bash", "zsh", "fish", "tcsh")
_FOLDERS = {"DIR", "FOLDER", "RUN", "MODEL"}
_FILES = {"FILE", "FILE.csv", "PATH", "REPORTS", "RUN|DATA", "NAME|FILE"}


def add(verbs: Any) -> None:
    completion = verbs.add_parser("completion", help="print the script with which a shell completes this command")
    completion.add_argument("shell", choices=_SHELLS)
    completion.set_defaults(command=_completion)


def _completion(args: argparse.Namespace) -> int:
    import shtab

    from qkdflow.cli import commands

    parser, _ = commands()  # anew: what is written into it here is for the script alone
    words = _words()
    for action in _actions(parser):
        if action.choices is None and action.dest in words:
            action.choices = list(words[action.dest])
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # shtab's own way to say it
        elif action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Of the command and of every verb."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)
        else:
            yield action


def _words() -> dict[str, Iterable[str]]:
    """What an argument that is no path may be, by its name; those that also take other words are completed too."""
    from qkdflow.applications import APPLICATIONS
    from qkdflow.config import BUDGETS
    from qkdflow.export.hls import BACKENDS, IO_TYPES, STRATEGIES
    from qkdflow.hardware.boards import boards, parts
    from qkdflow.overlay import TRANSPORTS
    from qkdflow.workloads import WORKLOADS

    return {
        "name": APPLICATIONS,
        "budget": BUDGETS,
        "backend": BACKENDS,
        "io_type": IO_TYPES,
        "io": IO_TYPES,
        "strategy": STRATEGIES,
        "transport": TRANSPORTS,
        "board": boards(),
        "part": parts(),
        "workload": WORKLOADS,
        "device": ("sim", "rtl", "pynq"),
    }

"""`qkdflow doctor`: what is installed, what is missing, and what it would enable."""

from __future__ import annotations

import argparse
from typing import Any


def add(verbs: Any) -> None:
    doctor = verbs.add_parser(
        "doctor",
        help="say what is installed, and what each missing tool would enable",
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(command=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from qkdflow.doctor import diagnose
    from qkdflow.files import json_text

    found = diagnose()
    if args.json:
        print(json_text(found.to_dict()), end="")
        return 0
    for name, value in found.engine.items():
        print(f"{name:<16}{value}")
    print()
    for finding in found.findings:
        mark, what = (
            ("yes", finding.found) if finding.found else ("no", f"would enable {finding.enables}: {finding.cure}")
        )
        print(f"{finding.name:<14}{mark:<5}{what}")
    return 0

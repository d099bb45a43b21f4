"""`qkdflow explain`: why students of a constrained search were refused."""

from __future__ import annotations

import argparse
from typing import Any

from qkdflow.errors import ConfigError


def add(verbs: Any) -> None:
    verb = verbs.add_parser("explain", help="say why a student of a constrained search was refused")
    verb.add_argument("run", metavar="RUN")
    verb.add_argument("--trial", type=int, metavar="N", help="one trial; all refused ones where not given")
    verb.add_argument("--values", metavar="NAME=N,...", help="a student never trained, such as depth=1,fc1=20")
    verb.set_defaults(command=_explain)


def _explain(args: argparse.Namespace) -> int:
    from qkdflow.explain import candidate, students

    if args.values is not None:
        why = candidate(args.run, _values(args.values))
        print(f"refused before training: {'; '.join(why)}" if why else "would be tried")
        return 0
    found = students(args.run)
    if args.trial is None:
        refused = [s for s in found if s.refused]
        print("\n".join(map(str, refused)) or "no trained student was refused")
        return 0
    chosen = [s for s in found if s.number == args.trial]
    if not chosen:
        raise ConfigError(f"[--trial] must be one of {', '.join(str(s.number) for s in found)}; got {args.trial}")
    print(chosen[0])
    needs = ", ".join(f"{word} {value:,}" for word, value in chosen[0].needs.items())
    print(f"estimated, not implemented: {needs or 'the run had no constraints'}")
    return 0


def _values(text: str) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for pair in text.split(","):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = int(value) if value.strip().lstrip("-").isdigit() else float(value)
        except ValueError as error:
            raise ConfigError(f"[--values] must be NAME=NUMBER pairs, such as depth=1,fc1=20; got {pair!r}") from error
    return found

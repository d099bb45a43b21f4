"""The command line. Exit codes: 0 done, 1 a result is wrong (mismatches), 2 the input or the environment is.

Each verb has a module of its own whose `add(verbs)` declares its arguments; what it needs is imported when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from qkdflow.cli import (
    assess,
    bench,
    compress,
    doctor,
    estimate,
    explain,
    export,
    init,
    inspect,
    plot,
    report,
    rtl,
    run,
    verify,
)
from qkdflow.cli.examples import EXAMPLES
from qkdflow.errors import ToolError
from qkdflow.files import reason


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code; errors of the user or the environment are one line."""
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # here a reader that has gone is noticed, and not at Python's end
    except BrokenPipeError:  # `qkdflow ... | head`: as a signal SIGPIPE would end it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _run(argv: Sequence[str] | None) -> int:
    parser, _ = _commands()
    args = parser.parse_args(argv)
    try:
        return int(args.command(args))
    except BrokenPipeError:
        raise
    except (ValueError, ToolError, RuntimeError, OSError) as error:
        if not _is_ours(error):
            raise
        print(f"qkdflow: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "qkdflow: stopped; what was finished is kept. The same command goes on from there",
            file=sys.stderr,
        )
        return 130


def helps() -> dict[str, str]:
    """The help of the command and of every verb, by what is typed before --help; for the documentation."""
    parser, verbs = _commands()
    below = {f"qkdflow {name}": verb.format_help() for name, verb in verbs.items()}
    return {"qkdflow": parser.format_help(), **below}


def _is_ours(error: Exception) -> bool:
    """Ours name their place in brackets, an OSError its file. Anything else is a bug and keeps its traceback."""
    return isinstance(error, OSError) or str(error).startswith("[")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f"[{error.filename}] " if error.filename else ""
        cure = "Nothing finished is lost; make room or fix the rights, then run again"
        return f"{where}{reason(error)}. {cure}"
    return " ".join(str(error).split())


def _commands() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The command, and its verbs by name."""
    parser = argparse.ArgumentParser(
        prog="qkdflow",
        description="From a data set to a bit-exact tiny neural network on an FPGA.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from qkdflow import __version__

    parser.add_argument("--version", action="version", version=f"qkdflow {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in (
        run,
        init,
        report,
        compress,
        verify,
        export,
        rtl,
        assess,
        estimate,
        explain,
        inspect,
        plot,
        bench,
        doctor,
    ):
        verb.add(verbs)
    return parser, dict(verbs.choices)

"""The command line; `examples.EXITS` says what its exit codes mean.

Each verb has a module of its own whose `add(verbs)` declares its arguments; what it needs is imported when it runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn

from qkdflow.cli import (
    assess,
    bench,
    completion,
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
from qkdflow.cli.examples import epilog
from qkdflow.errors import ToolError


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
    parser, _ = commands()
    args = parser.parse_args(argv)
    try:
        with _stoppable():
            return int(args.command(args))
    except BrokenPipeError:
        raise
    except (ValueError, ToolError, RuntimeError, OSError) as error:
        if not _is_ours(error):
            raise
        print(f"qkdflow: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(
            "qkdflow: stopped; what was finished is kept. The same command goes on from there",
            file=sys.stderr,
        )
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Lets `kill` and a terminal that closes stop us as Ctrl-C does: whatever we started ends with us."""

    def stop(number: int, _: object) -> None:
        raise KeyboardInterrupt(number)

    signals = [signal.SIGTERM, signal.SIGHUP] if threading.current_thread() is threading.main_thread() else []
    signals = [s for s in signals if signal.getsignal(s) is signal.SIG_DFL]  # nohup's word counts
    for number in signals:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_DFL)


def helps() -> dict[str, str]:
    """The help of the command and of every verb, by what is typed before --help; for the documentation."""
    parser, verbs = commands()
    below = {f"qkdflow {name}": verb.format_help() for name, verb in verbs.items()}
    return {"qkdflow": parser.format_help(), **below}


def _is_ours(error: Exception) -> bool:
    """Ours name their place in brackets, an OSError its file. Anything else is a bug and keeps its traceback."""
    return isinstance(error, OSError) or str(error).startswith("[")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError):
        from qkdflow.files import place, reason

        where = f"[{place(error) or 'disk'}] "
        cure = "Nothing finished is lost; make room or fix the rights, then run again"
        return f"{where}{reason(error)}. {cure}"
    return " ".join(str(error).split())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as every other mistake: the options fill a screen."""
        self.exit(2, f"qkdflow: [{self.prog}] {message}. All options: {self.prog} --help\n")


def commands() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The command, and its verbs by name."""
    parser = _Parser(
        prog="qkdflow",
        description="From a data set to a bit-exact tiny neural network on an FPGA.",
        epilog=epilog(),
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
        completion,
    ):
        verb.add(verbs)
    for name, below in verbs.choices.items():
        below.epilog, below.formatter_class = epilog(name), parser.formatter_class
    return parser, dict(verbs.choices)

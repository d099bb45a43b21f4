"""Progress on a terminal and in a real kernel: how far, how fast, how good; and Ctrl-C keeps what was finished."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from qkdflow import Key, Sequential
from qkdflow.layers import Dense, Input
from qkdflow.progress import progress
from qkdflow.tune import Study
from rich.console import Console


def _console(width: int, terminal: bool = False) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=width, force_terminal=terminal, color_system=None), text


def test_elsewhere_than_on_a_terminal_progress_is_silent() -> None:
    console, text = _console(40)
    with progress("student [search]", 40, console) as bar:
        bar.update(40, best=0.9871)
    assert text.getvalue() == ""


@pytest.mark.parametrize("width", [30, 60, 100])
def test_a_terminal_sees_how_far_and_how_good(width: int) -> None:
    console, text = _console(width, terminal=True)
    with progress("search", 4, console) as bar:
        bar.update(1)
        bar.update(4, best=0.9871)
    last = text.getvalue().replace("\r", "\n").splitlines()[-1]
    assert "best 98.71 %" in text.getvalue()
    assert ("4/4" if width == 100 else "100%") in text.getvalue()
    assert len(last) <= width + 10  # escape codes


@pytest.mark.parametrize("terminal", [False, True])
def test_a_stage_that_is_stopped_leaves_its_count_and_a_clean_terminal(terminal: bool) -> None:
    console, text = _console(100, terminal)

    def stopped() -> None:
        with progress("search", 40, console) as bar:
            bar.update(3, best=0.5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    if terminal:
        assert "3/40" in text.getvalue()
        assert text.getvalue().endswith("\x1b[?25h")  # the cursor is back
    with progress("next", 1, console) as bar:
        bar.update(1)


def test_a_bar_follows_epochs_and_trials() -> None:
    console, text = _console(100, terminal=True)
    x = Key(0).normal(40).reshape(20, 2)
    model = Sequential([Input((2,)), Dense(2)])
    with progress("training", 3, console) as bar:
        history = model.fit(x, (x[:, 0] > 0).astype(int), epochs=3, callbacks=[bar])
    assert "3/3" in text.getvalue()
    assert f"best {100 * max(history.history['accuracy']):.2f} %" in text.getvalue()
    with progress("search", 4, console) as bar:
        study = Study(lambda hp: hp.Int("n", 1, 9), direction="min")
        study.optimize(lambda trial: 2.0 * float(trial.values["n"]), 4, bar)
    assert study.best is not None
    assert "4/4" in text.getvalue()
    assert f"best {study.best.objectives[0]:.6g}" in text.getvalue()


class Kernel:
    """A kernel of this Python, and what its cells said."""

    def __init__(self) -> None:
        self.manager = KernelManager()
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager._kernel_spec = KernelSpec(argv=command, language="python", interrupt_mode="signal")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, interrupt_at: str = "never") -> list[dict[str, Any]]:
        """The cell's outputs; Ctrl-C is pressed once one of them matches `interrupt_at`."""
        cell, said, pressed = self.client.execute(code), [], False
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            content = message["content"]
            if message["parent_header"].get("msg_id") != cell:
                continue
            if content.get("execution_state") == "idle":
                return said
            if "data" in content or "ename" in content or "text" in content:
                said.append(content)
            if not pressed and re.search(interrupt_at, str(content.get("data", {}).get("text/plain"))):
                self.manager.interrupt_kernel()
                pressed = True

    def printed(self, code: str) -> str:
        return "".join(content["text"] for content in self.run(code))


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


SETUP = """
import numpy as np
from qkdflow import Key, Sequential
from qkdflow.layers import Dense, Input
from qkdflow.progress import progress
from qkdflow.tune import Study

x = np.asarray(Key(0).normal(8000)).reshape(4000, 2)
y = (x[:, 0] > 0).astype(int)

def train(trial):
    model = Sequential([Input((2,)), Dense(int(trial.values["units"])), Dense(2)])
    return model.fit(x, y, epochs=4).history["accuracy"][-1]
"""


def test_ctrl_c_in_a_notebook_keeps_the_trials_that_ended(kernel: Kernel) -> None:
    kernel.run(SETUP)
    search = """
study = Study(lambda hp: hp.Int("units", 1, 999), seed=1)
with progress("search <b>", 10_000) as bar:
    study.optimize(train, 10_000, bar)
"""
    said = kernel.run(search, interrupt_at=r" ([2-9]|\d{2,}) of 10000.* left")
    first, *_, last, error = said
    assert first["data"]["text/plain"] == "search <b>: 0 of 10000"
    assert '<span>search &lt;b&gt;</span> <progress value="0" max="10000"' in first["data"]["text/html"]
    assert error["ename"] == "KeyboardInterrupt"
    shown = re.fullmatch(
        r"search <b>: (\d+) of 10000, [\d.]+(/s| s each), [\d:, day]+ left, best [01][\d.]*", last["data"]["text/plain"]
    )
    assert shown, last
    states = "print([t.state for t in study.trials])"
    kept = kernel.printed(states)
    done = kept.count("complete")
    assert 1 < int(shown[1]) <= done <= int(shown[1]) + 1  # the last may have ended unshown
    assert kept.count("running") <= 1
    kernel.run(f"study.optimize(train, {done + 1})")
    again = kernel.printed(states)
    assert again.count("complete") == done + 1
    assert "running" not in again


def test_ctrl_c_in_a_notebook_keeps_what_a_model_has_learnt(kernel: Kernel) -> None:
    kernel.run(SETUP)
    training = """
model = Sequential([Input((2,)), Dense(2)], key=Key(3))
before = model.logits(x[:5])
with progress("training", 100_000) as bar:
    model.fit(x, y, epochs=100_000, callbacks=[bar])
"""
    said = kernel.run(training, interrupt_at=r" [1-9]\d* of 100000")
    assert said[-1]["ename"] == "KeyboardInterrupt"
    assert re.search(r"[1-9]\d* of 100000.*best [5-9]\d.\d\d %", said[-2]["data"]["text/plain"])
    assert (
        kernel.printed("print((model.logits(x[:5]) != before).any(), model.evaluate(x, y)[1] > 0.7)") == "True True\n"
    )

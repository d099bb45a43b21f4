"""What a stage shows while it runs, on a terminal or in a notebook: how far it is, its rate, the time left, the best.

On a terminal it goes to stderr; elsewhere, into a file or a pipe, nothing is shown: a log wants the result, not the
way to it.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from qkdflow.callbacks import Callback, FitState, Logs
from qkdflow.html import tag

if TYPE_CHECKING:
    from qkdflow.models import Model
    from qkdflow.tune import Study, Trial

_NARROW, _TINY = 70, 40  # widths below which bar and rate, then the time left, make way
_PAUSE = 0.1  # seconds between two pictures of a bar in a notebook


class Bar(Callback):
    """One stage's progress. It is a callback too: `fit(..., callbacks=[bar])`, `study.optimize(f, 40, bar)`."""

    def update(self, done: int, best: float | str | None = None) -> None:
        """`done` of the total are finished; `best` is the best so far, an accuracy in [0, 1] or a text."""

    def close(self) -> None:
        """Leaves what is shown as it is."""

    def on_train_begin(self, model: Model, state: FitState) -> None:
        self._best = 0.0

    def on_epoch_end(self, epoch: int, logs: Logs, model: Model, state: FitState) -> None:
        self._best = max(self._best, logs.get("val_accuracy", logs["accuracy"]))
        self.update(epoch + 1, self._best)

    def __call__(self, study: Study, trial: Trial) -> None:
        """After a trial of a study, that has ended."""
        best = study.best
        text = None if best is None else f"{best.objectives[0]:.6g}"
        self.update(sum(t.state != "running" for t in study.trials), text)


@contextmanager
def progress(title: str, total: int, console: Console | None = None) -> Iterator[Bar]:
    """Shows a stage while it runs: `with progress("search", total=40) as bar: bar.update(3, best=0.98)`.

    On a terminal and in a notebook a bar with rate, time left and best so far, which stays when the stage ends or is
    stopped; elsewhere nothing. One stage at a time. `console` defaults to stderr.
    """
    console = console or Console(stderr=True)
    bar: Bar
    if console.is_jupyter:
        bar = _NotebookBar(title, total)
    else:
        bar = _LiveBar(title, total, console) if console.is_terminal else Bar()
    try:
        yield bar
    finally:
        bar.close()


class _LiveBar(Bar):
    def __init__(self, title: str, total: int, console: Console) -> None:
        wide = console.width >= _NARROW
        columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False)]
        columns += [BarColumn(bar_width=None), MofNCompleteColumn()] if wide else [TaskProgressColumn()]
        columns += [_Rate()] if wide else []
        columns += [TimeRemainingColumn(compact=True)] if console.width >= _TINY else []
        columns += [TextColumn("{task.fields[best]}", markup=False)]
        self._bars = Bars(*columns, console=console, expand=wide)
        self._bars.start()
        self._task = self._bars.add_task(title, total=total, best="")

    def update(self, done: int, best: float | str | None = None) -> None:
        self._bars.update(self._task, completed=done)
        if best is not None:
            self._bars.update(self._task, best=_best(best))

    def close(self) -> None:
        self._bars.stop()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_rate(task), style="progress.data.speed")


def _rate(task: Task) -> str:
    """Finished steps a second, or seconds a step where one takes longer than a second."""
    speed = task.finished_speed or task.speed
    if not speed:
        return ""
    return f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each"


class _NotebookBar(Bar):
    """Plain HTML that is sent anew: rich's own bar needs ipywidgets there, and leaves nothing in a saved notebook."""

    def __init__(self, title: str, total: int) -> None:
        display: Any = importlib.import_module("IPython.display").display  # a kernel is there, so IPython is
        self._bars = Bars(disable=True)  # its clock and arithmetic; it draws nothing
        self._number = self._bars.add_task(title, total=total)
        self._best_text, self._shown = "", time.monotonic()
        self._handle = display(self, display_id=True)

    @property
    def _task(self) -> Task:
        return self._bars.tasks[self._number]

    def update(self, done: int, best: float | str | None = None) -> None:
        self._bars.update(self._number, completed=done)
        if best is not None:
            self._best_text = _best(best)
        if done == self._task.total or time.monotonic() - self._shown >= _PAUSE:
            self.close()

    def close(self) -> None:
        self._shown = time.monotonic()
        self._handle.update(self)

    def __repr__(self) -> str:
        return f"{self._task.description}: {self._figures()}"

    def _figures(self) -> str:
        task = self._task
        left = task.time_remaining
        times = {"taken": task.finished_time} if task.finished else {"left": left}
        said = [f"{timedelta(seconds=round(s))} {word}" for word, s in times.items() if s is not None]
        figures = [f"{task.completed:.0f} of {task.total:.0f}", _rate(task), *said, self._best_text]
        return ", ".join(figure for figure in figures if figure)

    def _repr_html_(self) -> str:
        task = self._task
        bar = tag("progress", value=f"{task.completed:.0f}", max=f"{task.total:.0f}", style="vertical-align:middle")
        return str(tag("div", tag("span", task.description), " ", bar, " ", self._figures()))


def _best(best: float | str) -> str:
    return f"best {best}" if isinstance(best, str) else f"best {100 * best:.2f} %"

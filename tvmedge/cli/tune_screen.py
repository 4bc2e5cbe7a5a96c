"""What ``tune`` shows on a terminal: the tasks, what is won, what fails, how long it takes."""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tvmedge.tuning.events import Event, Tried
from tvmedge.tuning.standing import Standing, TaskStanding

_TASKS = 8
_CAUSES = 3
_SECONDS = 0.25  # between two drawings


class Screen:
    """A listener that draws the session's standing; ``limit`` is its time in seconds, if any."""

    def __init__(self, console: Console, limit: float | None) -> None:
        self._standing = Standing()
        self._limit = limit
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0
        self._task = ""

    def __call__(self, event: Event) -> None:
        """Take in an event, and draw if the last drawing is some time ago."""
        self._standing(event)
        if isinstance(event, Tried):
            self._task = event.workload
        now = time.monotonic()
        if now - self._drawn >= _SECONDS:
            self._drawn = now
            self._live.update(self._drawing(), refresh=True)

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def _drawing(self) -> Group:
        lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in self.head()]
        return Group(*lines, self._tasks(), *(Text(line, style="dim") for line in self.causes()))

    def head(self) -> list[str]:
        """How far the session is, and what it has won."""
        now, began = self._standing, self._standing.began
        if began is None:
            return ["preparing the model's kernels"]
        share = now.best / now.untuned if now.untuned else 1.0
        left = self.seconds_left()
        ends = "" if left is None else f", at most {_clock(left)} left"
        return [
            f"{began.model} for {began.target} by {began.cost}: {share:.3f} of untuned, "
            f"{1 - share:.1%} of the model won",
            f"trial {now.trials} of {began.trials}, {now.rate:.1f} a second, "
            f"{_clock(now.seconds)}{ends}",
        ]

    def seconds_left(self) -> float | None:
        """Until one of the limits is reached; None while that cannot be told."""
        now, began = self._standing, self._standing.began
        left = [] if self._limit is None else [self._limit - now.seconds]
        if began is not None and now.rate > 0:
            left.append((began.trials - now.trials) / now.rate)
        return max(0.0, min(left)) if left else None

    def causes(self) -> list[str]:
        """Why candidates failed, the most frequent first."""
        return [f"{n} {why}" for why, n in self._standing.failures.most_common(_CAUSES)]

    def _tasks(self) -> Table:
        """The task in hand and those that won most."""
        tasks = sorted(
            self._standing.tasks.values(),
            key=lambda task: (task.info.workload != self._task, -task.won, -task.whole),
        )
        table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
        for name in ("kernel", "share", "of untuned", "model won", "trials"):
            table.add_column(name, justify="left" if name == "kernel" else "right", no_wrap=True)
        for task in tasks[:_TASKS]:
            table.add_row(*self._row(task))
        if len(tasks) > _TASKS:
            done = sum(bool(task.because) for task in tasks)
            table.add_row(f"and {len(tasks) - _TASKS} more, {done} of all done", style="dim")
        return table

    def _row(self, task: TaskStanding) -> tuple[str, ...]:
        name = task.name if len(task.name) <= 40 else task.name[:39] + "…"
        whole = self._standing.untuned
        if task.untuned is None or task.best is None or not whole:
            return name, "", "", "", str(task.trials)
        share = task.whole / whole
        of = task.best / task.untuned if task.untuned else 1.0
        return name, f"{share:.1%}", f"{of:.2f}", f"{task.won / whole:.1%}", str(task.trials)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""``tvmedge tune --report``: what a session found, as one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape
from pathlib import Path

from tvmedge.profiling.page import page
from tvmedge.resources import atomic_path
from tvmedge.tuning.charts import Axis, step_chart
from tvmedge.tuning.events import Began, Event
from tvmedge.tuning.standing import Point, Standing, TaskStanding

_EVERY_S = 30.0
_STYLE = """
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
.untuned { stroke: currentColor; stroke-dasharray: 4 4; }
.best { fill: none; stroke: var(--line); stroke-width: 2; }
"""


class Reporter:
    """A listener that keeps the report of a session in ``file``, always a whole one: written
    when the session begins, every 30 s, and when this context ends.

    Raises ToolError where the disk is full or the folder is not writable.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._session = Standing()
        self._written = 0.0
        self._refused = False  # the disk took no report before

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        self._session(event)
        if isinstance(event, Began) or event.seconds - self._written >= _EVERY_S:
            self._write()

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._session.began is not None and not self._refused:
            self._write()

    def _write(self) -> None:
        self._written = self._session.seconds
        page = report(self._session)
        self._refused = True
        with atomic_path(self._file) as temporary:
            temporary.write_text(page, encoding="utf-8")
        self._refused = False


def report(session: Standing) -> str:
    """The page, in UTF-8. Raises ValueError where the session did not begin."""
    began = session.began
    if began is None:
        raise ValueError("the session did not begin")
    title = f"{began.model} for {began.target}, tuned"
    tasks = sorted(session.tasks.values(), key=lambda task: -task.won)
    return page(
        title,
        _STYLE,
        [
            *_facts(began, session),
            "<h2>The model</h2>",
            "<p>The cost of all kernels, each as often as it is called, as a share of what it was "
            "before (dashed). What is known at the end only, winners measured again and algorithms "
            "exchanged, is in the text and the table, not in the curves.</p>",
            _pair("the model", session.curve, session.untuned, session.trials, session.seconds),
            "<h2>Kernels</h2>",
            _table(session, tasks, began.unit),
            *(_details(task, session.seconds) for task in tasks),
            *_notes(began, session),
        ],
    )


def _facts(began: Began, session: Standing) -> list[str]:
    share = session.best / session.untuned if session.untuned else 1.0
    earlier = f", {session.stored} of them in earlier sessions" if session.stored else ""
    why = session.ended.because if session.ended else "it had not ended when this was written"
    blind = f" This cost ignores {began.blind}." if began.blind else ""
    learnt = f" It began with {began.learnt} candidates of other searches." if began.learnt else ""
    text = (
        f"Cost by {began.cost}: {session.untuned:.4g} -> {session.best:.4g} {began.unit}, "
        f"{share:.3f} of untuned, after {session.trials} trials{earlier} in "
        f"{session.seconds:.0f} s ({session.rate:.1f} trials a second); {why}. "
        f"Seed {began.seed}.{learnt}{blind}"
    )
    return [f"<p>{escape(text)}</p>"]


def _pair(title: str, curve: list[Point], untuned: float, trials: int, seconds: float) -> str:
    by_trial = Axis("trials", lambda point: point.trial, trials)
    by_time = Axis("seconds", lambda point: point.seconds, seconds)
    charts = [
        step_chart(f"{title}: best against {axis.label}", curve, untuned, axis)
        for axis in (by_trial, by_time)
    ]
    return f'<div class="pair">{"".join(charts)}</div>'


def _table(session: Standing, tasks: list[TaskStanding], unit: str) -> str:
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            "kernel",
            "calls",
            "share",
            f"untuned, {escape(unit)}",
            "best",
            "of untuned",
            "model won",
            "trials",
        )
    )
    whole = session.untuned or 1.0
    rows = "".join(f"<tr>{_row(task, whole)}</tr>" for task in tasks)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(task: TaskStanding, whole: float) -> str:
    cells = [escape(_named(task)), str(task.info.calls)]
    if task.untuned is None or task.best is None:
        cells += ["", "", "", "", "", str(task.trials)]
    else:
        share = task.whole / whole
        of = task.best / task.untuned if task.untuned else 1.0
        cells += [f"{share:.1%}", f"{task.untuned:.4g}", f"{task.best:.4g}", f"{of:.2f}"]
        cells += [f"{task.won / whole:.1%}", str(task.trials)]
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _details(task: TaskStanding, seconds: float) -> str:
    if task.untuned is None:
        why = escape(task.because or "nothing was measured")
        return f"<details><summary>{escape(_named(task))}</summary><p>{why}</p></details>"
    found = f"rule {task.rule}: {task.decisions or 'its defaults'}"
    ended = f" The search ended: {task.because}." if task.because else ""
    return (
        f"<details><summary>{escape(_named(task))}</summary>"
        f"<p><code>{escape(found)}</code>{escape(ended)}</p>"
        f"{_pair(task.name, task.curve, task.untuned, task.trials - 1, seconds)}</details>"
    )


def _named(task: TaskStanding) -> str:
    more = len(task.info.kernels) - 1
    name = f"{task.name} and {more} equal" if more else task.name
    return name if task.info.calls else f"{name}, of another algorithm"


def _notes(began: Began, session: Standing) -> list[str]:
    lines = [f"{count} candidates {why}" for why, count in session.failures.most_common()]
    lines += [f"{kernel} was not tuned: {why}" for kernel, why in sorted(began.skipped.items())]
    if not lines:
        return []
    return ["<h2>What failed</h2><ul>", *(f"<li>{escape(line)}</li>" for line in lines), "</ul>"]

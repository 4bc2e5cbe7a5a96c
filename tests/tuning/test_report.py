"""What a session's events come to: on the screen and in the report."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from tvmedge.cli.tune_screen import Screen
from tvmedge.errors import ToolError
from tvmedge.tuning.events import Began, Ended, Event, TaskDone, TaskInfo, Tried
from tvmedge.tuning.report import Reporter, report
from tvmedge.tuning.standing import Point, Standing, standing

CONV, POOL = "a" * 64, "b" * 64


def _began(trials: int = 6) -> Began:
    tasks = (TaskInfo(CONV, ("conv", "conv1"), 2), TaskInfo(POOL, ("<pool>",), 1))
    skipped = {"sort": "it calls TVM's runtime"}
    return Began("net", "host", "wall-time local", "s", "caches", 7, trials, tasks, skipped)


def _tried(
    seconds: float,
    trial: int,
    of_task: int,
    workload: str,
    cost: float | None,
    best: float | None,
    **more: object,
) -> Tried:
    name = "conv" if workload == CONV else "<pool>"
    status = "measured" if cost is not None else "wrong"
    reason = "" if cost is not None else f"is off by {seconds:.1e} on random inputs"
    return Tried(
        seconds,
        trial,
        of_task,
        workload,
        name,
        "conv",
        {"columns": trial},
        status,
        cost,
        0.0,
        best,
        reason,
        **more,
    )


EVENTS: list[Event] = [
    _began(),
    _tried(1.0, 0, 0, CONV, 4.0, 4.0),
    _tried(2.0, 1, 0, POOL, 2.0, 2.0),
    _tried(3.0, 2, 1, CONV, 3.0, 3.0),
    _tried(4.0, 3, 2, CONV, None, 3.0),
    _tried(5.0, 4, 3, CONV, None, 3.0),
    _tried(6.0, 5, 4, CONV, 5.0, 3.0),
    TaskDone(7.0, CONV, "conv", 5, 4.0, 3.1, "all trials are made"),
    TaskDone(7.0, POOL, "<pool>", 1, 2.0, 2.0, "little more is to be won"),
    Ended(8.0, 6, 10.0, 8.2, "all trials are made"),
]


def test_a_session_adds_up() -> None:
    before_the_end = standing(EVENTS[:7])
    assert (before_the_end.untuned, before_the_end.best) == (10.0, 8.0)
    assert before_the_end.curve == [Point(1, 2.0, 10.0), Point(2, 3.0, 8.0)]
    assert before_the_end.tasks[CONV].curve == [Point(0, 1.0, 4.0), Point(1, 3.0, 3.0)]
    assert before_the_end.tasks[CONV].decisions == "columns=2"
    assert before_the_end.rate == 1.0
    assert dict(before_the_end.failures) == {"wrong: is off by N on random inputs": 2}
    whole = standing(EVENTS)
    assert whole.best == pytest.approx(8.2)  # measured again at the end
    assert whole.ended == EVENTS[-1]


def test_kernels_of_another_algorithm_are_no_part_of_the_model_until_the_end() -> None:
    began = msgspec.structs.replace(
        _began(), tasks=(*_began().tasks, TaskInfo("c" * 64, ("winograd",), 0)), learnt=3
    )
    other = _tried(2.5, 2, 0, "c" * 64, 1.0, 1.0)
    session = standing([began, *EVENTS[1:3], other, *EVENTS[3:7]])
    assert (session.untuned, session.best) == (10.0, 8.0)
    page = _read(report(standing([began, *EVENTS[1:3], other, Ended(3.0, 3, 10.0, 5.0, "so")])))
    assert "10 -> 5 s, 0.500 of untuned" in page.text
    assert "winograd, of another algorithm" in page.text
    assert "began with 3 candidates of other searches" in page.text


def test_a_log_of_several_sessions_ends_with_the_last() -> None:
    again = [_began(9), _tried(0.1, 0, 0, CONV, 4.0, 4.0, stored=True)]
    last = standing([*EVENTS, *again])
    assert last.began == again[0]
    assert (last.trials, last.stored, last.rate) == (1, 1, 0.0)
    assert last.ended is None
    with pytest.raises(ValueError, match="no session began"):
        standing(EVENTS[1:])


class _Page(HTMLParser):
    """What a page holds, checked while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = {name for name, _ in attrs}
        assert not names & {"src", "href", "onclick", "onload"}, "the page needs nothing else"
        if tag not in ("meta",):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: str) -> _Page:
    parser = _Page()
    parser.feed(page)
    parser.close()
    assert not parser._open
    assert "script" not in parser.tags
    return parser


def test_the_report_is_one_page_that_says_it_all(tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    with Reporter(file) as reporter:
        reporter(EVENTS[0])
        assert "it had not ended when this was written" in _read(file.read_text()).text
        for event in EVENTS[1:]:
            reporter(event)
    page = _read(file.read_text())
    assert page.tags.count("svg") == 6  # the model and two tasks, by trials and by seconds
    for text in (
        "net for host, tuned",
        "Cost by wall-time local: 10 -> 8.2 s, 0.820 of untuned, after 6 trials in 8 s",
        "This cost ignores caches",
        "rule conv: columns=2",
        "conv and 1 equal",
        "<pool>",
        "2 candidates wrong: is off by N on random inputs",
        "sort was not tuned: it calls TVM's runtime",
    ):
        assert text in page.text
    assert re.search(r"conv and 1 equal\s*280\.0%4 *3\.1 *0\.7818\.0%5", page.text)
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


@pytest.mark.parametrize("count", range(1, len(EVENTS)))
def test_a_session_can_be_reported_at_any_time(count: int) -> None:
    _read(report(standing(EVENTS[:count])))


def test_a_task_that_cannot_be_measured_is_said() -> None:
    failed = [_tried(1.0, 0, 0, CONV, None, None), _tried(2.0, 1, 0, POOL, 2.0, 2.0)]
    done = TaskDone(3.0, CONV, "conv", 1, None, None, "its untuned schedule cannot be measured")
    session = standing([_began(), *failed, done])
    assert (session.untuned, session.best) == (2.0, 2.0)
    assert "its untuned schedule cannot be measured" in _read(report(session)).text


def test_the_screen_says_what_goes_on() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, legacy_windows=False)
    with Screen(console, limit=60.0) as screen:
        assert screen.head() == ["preparing the model's kernels"]
        for event in EVENTS[:6]:
            screen(event)
        first, second = screen.head()
        assert first.startswith("net for host by wall-time local: 0.800 of untuned, 20.0%")
        assert second == "trial 5 of 6, 1.0 a second, 0:05, at most 0:01 left"
        assert screen.causes() == ["2 wrong: is off by N on random inputs"]
        shown = Console(file=io.StringIO(), width=100)
        shown.print(screen._drawing())
        text = shown.file.getvalue()
    assert "conv" in text and "80.0%" in text and "0.75" in text
    assert console.file.getvalue()


def test_the_time_left_is_that_of_the_nearest_limit() -> None:
    console = Console(file=io.StringIO())
    unlimited, short = Screen(console, None), Screen(console, 6.5)
    for screen in (unlimited, short):
        for event in EVENTS[:4]:
            screen(event)
    assert unlimited.seconds_left() == pytest.approx(3.0)
    assert short.seconds_left() == pytest.approx(3.0)
    short(EVENTS[5])
    assert short.seconds_left() == pytest.approx(1.25, abs=0.3)
    assert Screen(console, None).seconds_left() is None


def test_a_report_that_cannot_be_written_is_said_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Reporter(tmp_path / "file" / "out.html") as reporter, pytest.raises(ToolError):
        reporter(EVENTS[0])


def test_what_did_not_begin_is_no_report() -> None:
    with pytest.raises(ValueError, match="did not begin"):
        report(Standing())

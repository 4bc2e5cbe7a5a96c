"""A real browser without a window: Debian's chromium-headless-shell, which scripts/setup installs.

    def test_page(browser: Browser) -> None:   # from tests.browser import browser
        with browser.page(file.as_uri()) as page:
            assert page.ask("document.querySelectorAll('svg').length") == 2
            assert not page.complaints
            (tmp_path / "seen.png").write_bytes(page.screenshot())

Chromium's own protocol is spoken over two pipes: no driver, no port, no other package.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = "chromium-headless-shell"
_SECONDS = 120.0  # for any one answer: a machine may be busy
_LOADED = "new Promise(done => document.readyState === 'complete' ? done() : onload = done)"
_SHELL = 'exec "$@" 3<"/proc/self/fd/$READ" 4>"/proc/self/fd/$WRITE"'  # it takes those two only


class Browser:
    """One process; pages share nothing but that."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs, self._write = _pipe()
        self._read, theirs_too = _pipe(reading=True)
        flags = ["--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        flags += [f"--user-data-dir={profile}", "--no-first-run", "--disable-dev-shm-usage"]
        self._process = subprocess.Popen(
            ["sh", "-c", _SHELL, "sh", program, *flags],
            env=os.environ | {"READ": str(theirs), "WRITE": str(theirs_too)},
            pass_fds=(theirs, theirs_too),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(theirs_too)
        self._pending = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def page(self, url: str, width: int = 1000, height: int = 800) -> Iterator[Page]:
        """``url`` loaded in a window of so many pixels; what it complains of is kept."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        try:
            for domain in ("Runtime", "Log", "Network", "Page"):
                page.call(f"{domain}.enable")
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            page.call("Emulation.setDeviceMetricsOverride", **size)
            failed = page.call("Page.navigate", url=url).get("errorText")
            if failed:
                raise AssertionError(f"{url}: {failed}")
            page.ask(_LOADED)
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)

    def call(self, method: str, session: str | None = None, **params: Any) -> Any:
        """The protocol's ``method``; its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = json.loads(self._message(deadline))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def close(self) -> None:
        """End the process."""
        os.close(self._write)
        self._process.kill()
        self._process.wait()
        os.close(self._read)

    def _message(self, deadline: float) -> bytes:
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            got = os.read(self._read, 1 << 16) if ready else b""
            if not got:
                why = "ended" if ready else f"did not answer within {_SECONDS:g} s"
                raise AssertionError(f"{_PROGRAM} {why}")
            self._pending += got
        message, _, self._pending = self._pending.partition(b"\0")
        return message


class Page:
    """A page that is open."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: Any) -> Any:
        """The protocol's ``method`` in this page."""
        return self._browser.call(method, self._session, **params)

    def ask(self, expression: str) -> Any:
        """The value of JavaScript, of a promise once it is kept."""
        how = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **how)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page as a PNG."""
        return b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts and whatever else the browser logged."""
        found = []
        for event in self._mine():
            if event["method"] == "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                found.append(details.get("exception", details).get("description", details["text"]))
            elif event["method"] == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
        return found

    @property
    def requests(self) -> list[str]:
        """The address of everything that was asked for, the page first."""
        sent = (e for e in self._mine() if e["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def _mine(self) -> Iterator[dict[str, Any]]:
        return (e for e in self._browser.events if e.get("sessionId") == self._session)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser; tests that ask for it are skipped where there is none."""
    program = shutil.which(_PROGRAM)
    if program is None:
        pytest.skip(f"{_PROGRAM} is not installed: run scripts/setup")
    with contextlib.closing(Browser(program, tmp_path_factory.mktemp("browser"))) as started:
        yield started


def _pipe(*, reading: bool = False) -> tuple[int, int]:
    """Its ends; the one that is the browser's (the first, or the second if we are ``reading``)
    has a number above all that the shell gives away."""
    ends = list(os.pipe())
    theirs = 1 if reading else 0
    moved = fcntl.fcntl(ends[theirs], fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(ends[theirs])
    ends[theirs] = moved
    return ends[0], ends[1]

"""A gateway's page on loopback, in a real browser, and its document."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.devices.gateway import Guest, local_pool, serving, session_of
from tvmedge.boards.gateway.wire import Queued

COUNT = "document.querySelectorAll('#{} td:first-child').length"


def test_the_page_shows_boards_sessions_and_queue_as_they_are(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        serving(tmp_path / "gateway", local_pool(2)) as gateway,
        browser.page(gateway.page) as page,
        Guest(gateway, "bob") as waiting,
    ):
        with session_of(gateway), session_of(gateway):
            assert isinstance(waiting.ask(), Queued)
            shown = "new Promise(done => { const look = () => { const text = document"
            shown += ".getElementById('queue').innerText; text.includes('bob') ? done(text) :"
            shown += " setTimeout(look, 50); }; look(); })"
            assert "waiting" in page.ask(shown)
            assert page.ask(COUNT.format("boards")) == 2
            assert page.ask(COUNT.format("sessions")) == 2
            assert "alice" in page.ask("document.getElementById('sessions').innerText")
        gone = shown.replace("'queue'", "'boards'").replace("'bob'", "'free'")
        assert "bob" in page.ask(gone), "bob has the other"
        assert not page.complaints
        assert {url.rpartition("/")[0] for url in page.requests} == {gateway.page.rstrip("/")}
        assert len(page.screenshot()) > 1000


def test_its_document_and_who_may_ask(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        document = gateway.status()
        assert document["schema_version"] == "1.0"
        assert set(document) == {"schema_version", "version", "boards", "sessions", "queue"}
        (board,) = document["boards"]
        assert (board["pool"], board["name"], board["address"]) == ("pool", "b0", "local")
        for path, host, code in (("status.json", "evil.example", 403), ("no", "localhost", 404)):
            request = urllib.request.Request(gateway.page + path, headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=60)
            error.value.close()
            assert error.value.code == code

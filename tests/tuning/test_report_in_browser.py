"""The report, opened by a real browser: it draws, fits, and asks nobody for anything."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import Browser, Page
from tests.tuning.test_report import EVENTS
from tvmedge.tuning.report import report
from tvmedge.tuning.standing import standing

OVERLAPS = """
(() => {
  const found = [];
  for (const svg of document.querySelectorAll('svg')) {
    const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent,
      t.getBoundingClientRect()]);
    const frame = svg.getBoundingClientRect();
    boxes.forEach(([text, box], at) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push(text + ' is cut');
      for (const [other, its] of boxes.slice(at + 1))
        if (box.left < its.right && its.left < box.right && box.top + 2 < its.bottom - 2
            && its.top + 2 < box.bottom - 2) found.push(text + ' on ' + other);
    });
  }
  return found;
})()
"""
_OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    page = tmp_path / "out.html"
    page.write_text(report(standing(EVENTS)), encoding="utf-8")
    return page


@pytest.mark.parametrize("width", [1000, 600])
def test_the_report_is_drawn(browser: Browser, file: Path, width: int) -> None:
    with browser.page(file.as_uri(), width) as page:
        page.ask(_OPEN)
        assert page.complaints == []
        assert page.requests == [file.as_uri()]
        assert page.ask("document.title") == "net for host, tuned"
        assert page.ask("document.documentElement.scrollWidth") <= width
        assert page.ask(OVERLAPS) == []
        assert page.ask("document.querySelectorAll('svg').length") == 6
        for curve in (".best", ".untuned"):
            assert _smallest(page, curve) > 50  # pixels
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    colours = {colour for _, colour in shot.getcolors(1 << 20) or []}
    assert (9, 105, 218) in colours  # of the curve
    assert shot.width == width


def test_kernels_unfold_when_they_are_clicked(browser: Browser, file: Path) -> None:
    with browser.page(file.as_uri()) as page:
        before = page.ask("document.documentElement.scrollHeight")
        page.ask("document.querySelector('summary').click()")
        assert page.ask("document.querySelector('details').open") is True
        assert page.ask("document.documentElement.scrollHeight") > before + 100


def _smallest(page: Page, curve: str) -> float:
    """Width of the narrowest of these curves, as drawn."""
    each = f"[...document.querySelectorAll('svg {curve}')]"
    return float(page.ask(f"Math.min(...{each}.map(c => c.getBoundingClientRect().width))"))

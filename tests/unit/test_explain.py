"""The table of ``compile --explain``."""

from __future__ import annotations

from tvmedge.cli.explain import explained
from tvmedge.scheduling.engine import Choice


def test_a_line_a_kernel_and_what_fell_to_the_last_rule() -> None:
    text = explained(
        {
            "pad": Choice("last", "", None),
            "conv_relu": Choice("conv", "2 vectors x 1x14", 0.97),
        }
    )
    assert text.splitlines() == [
        "  conv_relu  conv      2 vectors x 1x14, 97% of the core's peak expected",
        "  pad        last",
        "  by rule: last 1, conv 1",
        "  fell to the last rule: pad",
    ]

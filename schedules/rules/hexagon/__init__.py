"""Rules for integers in vectors of Hexagon's HVX; its floats are scalar, as on other CPUs."""

from __future__ import annotations

from tvmedge.schedules.rules.hexagon.depthwise import Depthwise
from tvmedge.schedules.rules.hexagon.dot_conv import DotConv
from tvmedge.schedules.rules.hexagon.dot_product import DotProduct
from tvmedge.schedules.rules.hexagon.elementwise import Elementwise
from tvmedge.schedules.rules.hexagon.interleave import Interleave
from tvmedge.schedules.rules.hexagon.pool import Pool
from tvmedge.schedules.rules.hexagon.sums import Sums
from tvmedge.schedules.rules.hexagon.window_sums import WindowSums

from tvmedge.scheduling.engine import Rule

RULES: tuple[Rule, ...] = (
    DotConv(),
    DotProduct(),
    Depthwise(),
    Pool(),
    Sums(),
    WindowSums(),
    Interleave(),
    Elementwise(),
)

"""Rules for Mali GPUs, in the order in which they are tried."""

from __future__ import annotations

from tvmedge.schedules.rules.cpu.columns import Columns
from tvmedge.schedules.rules.cpu.rows import Rows
from tvmedge.schedules.rules.mali.conv import Conv
from tvmedge.schedules.rules.mali.elementwise import Elementwise
from tvmedge.schedules.rules.mali.last import Last
from tvmedge.schedules.rules.mali.long_sums import LongSums
from tvmedge.schedules.rules.mali.product import Product
from tvmedge.schedules.rules.mali.transposed import Transposed
from tvmedge.schedules.rules.mali.window import Window
from tvmedge.schedules.rules.mali.winograd import Winograd

from tvmedge.scheduling.engine import Rule

RULES: tuple[Rule, ...] = (
    Conv(),
    Winograd(),
    Window(),
    Product(),
    Transposed(),
    LongSums(),
    Rows(),
    Columns(),
    Elementwise(),
    Last(),
)

"""Rules for CPUs (host and arm_cpu), in the order in which they are tried."""

from __future__ import annotations

from tvmedge.schedules.rules.cpu.columns import Columns
from tvmedge.schedules.rules.cpu.conv import Conv
from tvmedge.schedules.rules.cpu.dot_conv import DotConv
from tvmedge.schedules.rules.cpu.dot_product import DotProduct
from tvmedge.schedules.rules.cpu.elementwise import Elementwise
from tvmedge.schedules.rules.cpu.last import Last
from tvmedge.schedules.rules.cpu.move import Move
from tvmedge.schedules.rules.cpu.open_window import OpenWindow
from tvmedge.schedules.rules.cpu.product import Product
from tvmedge.schedules.rules.cpu.rows import Rows
from tvmedge.schedules.rules.cpu.transposed import Transposed
from tvmedge.schedules.rules.cpu.window import Window
from tvmedge.schedules.rules.cpu.winograd import Winograd

from tvmedge.scheduling.engine import Rule

RULES: tuple[Rule, ...] = (
    Conv(),
    DotConv(),
    Winograd(),
    Transposed(),
    Window(),
    OpenWindow(),
    Product(),
    DotProduct(),
    Move(),
    Rows(),
    Columns(),
    Elementwise(),
    Last(),
)

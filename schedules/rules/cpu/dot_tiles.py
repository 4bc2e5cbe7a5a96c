"""Tiles of sums of 8-bit integers: weights and data pass through registers, four products
a lane and instruction."""

from __future__ import annotations

from tvmedge.schedules.rules.cpu.tiles import Room, Tile, image_tile

from tvmedge.targeting.core import Core, DotUnit


def dot_tile(
    unit: DotUnit, outs: int, rows: int | None, columns: int | None, products: int
) -> Tile:
    """The best tile for ``outs`` vectors of output channels over ``rows`` x ``columns`` of sums of
    ``products`` instructions each; tiles may hang over every edge."""
    core = Core(unit.lanes, unit.registers)
    return image_tile(core, outs, rows, columns, Room(pixels=True, vectors=True, products=products))

"""Tiles of sums of 8-bit integers: weights and data pass through registers, four products
a lane and instruction."""

from __future__ import annotations

from tvmedge.schedules.rules.cpu.tiles import Room, Tile, image_tile
from tvmedge.schedules.rules.hexagon import tiles as hexagon
from tvmedge.schedules.rules.hexagon.tiles import Extents

from tvmedge.targeting.core import Core, DotKind, DotUnit


def dot_tile(
    unit: DotUnit, outs: int, rows: int | None, columns: int | None, products: int
) -> Tile:
    """The best tile for ``outs`` vectors of output channels over ``rows`` x ``columns`` of sums of
    ``products`` instructions each; tiles may hang over every edge,
    but for HVX."""
    if unit.kind is DotKind.VRMPY:  # stores of bytes that hang over would be taken apart
        exact = hexagon.dot_tile(Extents(outs, rows or 1, columns or 1, products, unit.depth))
        return Tile(exact.vectors, exact.rows, exact.columns, exact.peak)
    core = Core(unit.lanes, unit.registers)
    return image_tile(core, outs, rows, columns, Room(pixels=True, vectors=True, products=products))

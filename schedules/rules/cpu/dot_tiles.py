"""Tiles of sums of 8-bit integers: weights and data pass through registers, four or eight
products a lane and instruction."""

from __future__ import annotations

from dataclasses import replace

from tvmedge.schedules.rules.cpu.tiles import (
    OPEN_ROWS,
    PORTS,
    Room,
    Tile,
    image_tile,
)
from tvmedge.schedules.rules.hexagon import tiles as hexagon
from tvmedge.schedules.rules.hexagon.tiles import Extents

from tvmedge.targeting.core import Core, DotKind, DotUnit

OPERANDS = 2  # registers that weights pass through


RAGGED = Room(pixels=True, vectors=True)


def dot_tile(
    unit: DotUnit, outs: int, rows: int | None, columns: int | None, room: Room = RAGGED
) -> Tile:
    """The best tile for ``outs`` vectors of output channels over ``rows`` x ``columns`` of sums of
    ``room.products`` instructions each; tiles may hang over every edge that ``room`` lets them,
    but for HVX."""
    products = room.products
    if unit.kind is DotKind.VRMPY:  # stores of bytes that hang over would be taken apart
        exact = hexagon.dot_tile(Extents(outs, rows or 1, columns or 1, products, unit.depth))
        return Tile(exact.vectors, exact.rows, exact.columns, exact.peak)
    if unit.pixels > 1:
        room = replace(room, pixels=room.pixels or columns is None)
        return _of_pairs(unit, outs, rows or 1, columns or OPEN_ROWS, room)
    return image_tile(Core(unit.lanes, unit.registers), outs, rows, columns, room)


def _of_pairs(unit: DotUnit, outs: int, rows: int, columns: int, room: Room) -> Tile:
    """The tile of pairs of pixels that has most of its sums inside, and loads least for them: a
    pair has a register of data, and with a vector of weights as many of sums as that has."""
    best, least = Tile(1, 1, unit.pixels, 0.0), float("inf")
    parts = unit.lanes // unit.pixels  # of a vector of weights, and of its sums with a pair
    for vectors in range(1, outs + 1):
        for pairs in range(1, -(-columns // unit.pixels) + 1):
            for height in range(1, rows + 1):
                data = pairs * height
                sums = parts * vectors * data
                if sums + data + OPERANDS > unit.registers * unit.pixels:
                    break
                tile = Tile(vectors, height, pairs * unit.pixels, 0.0)
                over = tile.cover(rows, columns) != (rows, columns)
                if (over and not room.pixels) or (outs % vectors and not room.vectors):
                    continue
                loads = parts * vectors + data
                cost = max(sums, loads) / PORTS / sums / tile.share(outs, rows, columns)
                if cost + 0.02 / data - 0.0005 * sums < least:
                    least = cost + 0.02 / data - 0.0005 * sums
                    best = replace(tile, peak=1 / (PORTS * cost))
    return best

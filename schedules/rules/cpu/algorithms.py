"""Direct or by Winograd's algorithm: the cycles of a 3x3 convolution, estimated.

Products take what the tile of sums takes; a transform takes its instructions and the way
of its values to the L2 and back; weights stream from beyond the L2, once if they stay in it
and once a band of tiles if they do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tvmedge.schedules.rules.cpu.tiles import PORTS, Room, Tile, idle, register_tile, waiting
from tvmedge.schedules.steps.loops import divisors

from tvmedge.scheduling.knobs import Knobs
from tvmedge.targeting.core import Core
from tvmedge.types import Winograd

# Measured on AVX-512: cycles for a vector of an image or of sums, by outputs a tile and side.
TRANSFORM = {2: 2, 4: 4}
NEAR = 16  # bytes a cycle on the way of images and sums to the L2 and back
GAIN = 0.92  # of the direct cycles, at most, to be worth the rounding
# Of a GPU, in multiply-adds of vectors: until memory has moved one (a G52 makes about 20, a G610
# 60 meanwhile), and until a kernel has started.
MOVED, STARTED = 32, 250_000
# Transforms keep their constants where products have their sums (counted on NEON, of 32 registers).
TRANSFORMED = Room(held=3)
DIRECT = "direct"
LIKELY = 3  # numbers of bands, of each algorithm, that are worth measuring
OUTPUTS = {Winograd.OFF: (), Winograd.F2: (2,), Winograd.F4: (2, 4)}


@dataclass(frozen=True)
class Image:
    """What a convolution makes of what: sizes of its output, ``ins`` and ``outs`` in blocks
    of a vector. ``padded``: its tiles may hang over the edge for nothing."""

    batch: int
    ins: int
    outs: int
    rows: int
    columns: int
    padded: bool = True


@dataclass(frozen=True)
class Fast:
    """F(m x m, 3 x 3) with m ``outputs``, in ``bands`` of rows of tiles; products run by
    ``tile``, over blocks of outputs and tiles of m x m."""

    outputs: int
    bands: int
    tile: Tile
    cycles: float


@dataclass(frozen=True)
class Chosen:
    """The ``question`` that was asked about a convolution, and the answer: None is direct sums."""

    question: str
    plan: Fast | None


def chosen(core: Core, image: Image, allowed: Winograd, knobs: Knobs) -> Chosen:
    """The algorithm of a 3x3 convolution: the fastest by estimate of the ``allowed`` ones, unless
    ``knobs``, which may be asked the same of several convolutions, pick another."""
    best = faster(core, image, allowed)
    options: dict[str, Fast | None] = {DIRECT: None}
    for m in OUTPUTS[allowed]:
        by_bands: dict[int, Fast] = {}
        for plan in sorted(_plans(core, image, m), key=lambda plan: plan.cycles):
            by_bands.setdefault(plan.bands, plan)
        options.update((_label(plan), plan) for plan in [*by_bands.values()][:LIKELY])
    question = (
        f"algorithm of a 3x3 convolution, {image.batch} x {image.ins} x {image.rows} x "
        f"{image.columns} to {image.outs} blocks{', padded' if image.padded else ''}"
    )
    default = DIRECT if best is None else _label(best)
    return Chosen(question, options[knobs.pick(question, tuple(options), default)])


def _label(plan: Fast) -> str:
    return f"F({plan.outputs}x{plan.outputs}), {plan.bands} bands"


def faster(core: Core, image: Image, allowed: Winograd) -> Fast | None:
    """The fastest of the ``allowed`` algorithms; None where direct sums are as fast."""
    plans = [plan for m in OUTPUTS[allowed] for plan in _plans(core, image, m)]
    best = min(plans, key=lambda plan: plan.cycles, default=None)
    if best is None or best.cycles > GAIN * direct(core, image):
        return None
    return best


def direct(core: Core, image: Image) -> float:
    """Cycles of direct sums."""
    if core.items:
        return _direct_by_items(core, image)
    tile = register_tile(core, image.outs, image.rows, image.columns, Room(pixels=image.padded))
    tasks = image.batch * (image.outs // tile.vectors) * -(-image.rows // tile.rows)
    products = 9 * image.rows * image.columns
    weights = 9 * _weight_bytes(core, image)
    cycles = _multiply(core, image, products, tile) + weights / core.far_bytes
    return float(cycles * waiting(core, tasks))


def _plans(core: Core, image: Image, m: int) -> Iterator[Fast]:
    if core.items:
        yield _plan_of_items(core, image, m)
        return
    rows = -(-image.rows // m)
    for band in range(1, rows + 1):
        bands = -(-rows // band)
        if -(-rows // bands) == band:
            for shares in divisors(image.outs):
                if shares <= core.cores:
                    tiles = band * -(-image.columns // m)
                    tile = register_tile(core, image.outs // shares, 1, tiles, TRANSFORMED)
                    yield _plan(core, image, m, bands, tiles, tile)


def _plan(core: Core, image: Image, m: int, bands: int, tiles: int, tile: Tile) -> Fast:
    points, vector = (m + 2) ** 2, 4 * core.lanes
    products = _multiply(core, image, points * tiles * bands, tile)
    weights = points * _weight_bytes(core, image)
    # One band's images, and the sums of as many blocks of outputs as run together.
    images, sums = (points * tiles * blocks * vector for blocks in (image.ins, tile.vectors))
    missing = _missing(core, weights + images + sums)
    moved = image.batch * bands * points * tiles * (image.ins + image.outs)
    transforms = moved * (TRANSFORM[m] + vector / NEAR)
    again = images * image.outs / tile.vectors + sums * image.outs / tile.vectors
    spilled = image.batch * bands * again * _missing(core, images + sums)
    streamed = weights * (1 + (image.batch * bands - 1) * missing)
    cycles = products + transforms + (streamed + spilled) / core.far_bytes
    stages = max(waiting(core, blocks) for blocks in (image.ins, image.outs // tile.vectors))
    cycles *= min(waiting(core, image.batch * bands), stages)
    return Fast(m, bands, tile, cycles)


def _direct_by_items(core: Core, image: Image) -> float:
    room = Room(pixels=image.padded, images=image.batch)
    tile = register_tile(core, image.outs, image.rows, image.columns, room)
    pixels = image.rows * image.columns
    items = image.batch * -(-image.outs // tile.vectors) * tile.pixels(image.rows, image.columns)
    cycles = _multiply(core, image, 9 * pixels, tile) / tile.share(
        image.outs, image.rows, image.columns
    )
    moved = image.batch * pixels * (image.ins + image.outs) + 9 * _weight_vectors(core, image)
    return float(cycles * idle(core, items) + moved * MOVED / PORTS)


def _plan_of_items(core: Core, image: Image, m: int) -> Fast:
    """Three kernels, each of which moves what it reads and what it makes."""
    points, tiles = (m + 2) ** 2, -(-image.rows // m) * -(-image.columns // m)
    room = Room(images=image.batch * points)
    tile = register_tile(core, image.outs, 1, tiles, room)
    items = room.images * image.outs // tile.vectors * tiles // tile.columns
    products = _multiply(core, image, points * tiles, tile) * idle(core, items)
    images = image.batch * image.rows * image.columns * (image.ins + image.outs)
    between = 2 * image.batch * points * tiles * (image.ins + image.outs)
    moved = images + between + points * _weight_vectors(core, image)
    return Fast(m, 1, tile, products + (moved * MOVED + 2 * STARTED) / PORTS)


def _weight_vectors(core: Core, image: Image) -> int:
    return image.ins * image.outs * core.lanes


def _multiply(core: Core, image: Image, products: int, tile: Tile) -> float:
    """Cycles of ``products`` multiply-adds for each pair of channels."""
    vectors = image.batch * products * image.ins * core.lanes * image.outs
    return float(vectors / (core.fused * tile.peak))


def _weight_bytes(core: Core, image: Image) -> int:
    return 4 * core.lanes**2 * image.ins * image.outs


def _missing(core: Core, footprint: float) -> float:
    """The share of what is used again that the L2 has lost by then."""
    return min(1.0, max(0.0, footprint / (1024 * core.l2_kib) - 0.25))

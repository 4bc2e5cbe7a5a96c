"""Recurrent layers in tiles that fit the core.

before: lstm: for each row of the batch and each step, a block of units at a time
after:  lstm: rows side by side, tiles in registers, threads sharing directions or units

A layer comes from the importer as a kernel for no core in particular.
"""

from __future__ import annotations

from collections.abc import Iterator

from tvm import tirx

from tvmedge.model.converters.rnn import LANES, Layer, Share, Tile, layer_of, recurrent_kernel
from tvmedge.schedules.rules.cpu.tiles import LATENCY, PORTS, fits
from tvmedge.schedules.steps.loops import divisors
from tvmedge.scheduling.engine import Choice, Scheduled
from tvmedge.targeting.core import Core

STATES = 4  # h before and after, c, and what a cell keeps


def fit_recurrent(scheduled: Scheduled, core: Core) -> Scheduled:
    """The layers among the kernels replaced, and why, added to the choices."""
    module, choices = scheduled.module.clone(), dict(scheduled.choices)
    for variable, function in scheduled.module.functions_items():
        layer = layer_of(function) if isinstance(function, tirx.PrimFunc) else None
        if layer is None:
            continue
        tile, peak = fitting(layer, core)
        module[variable] = recurrent_kernel(layer, tile)
        choices[variable.name_hint] = Choice("recurrent", str(tile), peak)
    return Scheduled(module, choices)


def fitting(layer: Layer, core: Core) -> tuple[Tile, float | None]:
    """The tile of ``layer`` for ``core``, and its share of the rate of multiply-adds."""
    if layer.dtype != "float32":
        return Tile(), None
    together = _together(layer, core)
    weights = 4 * layer.columns * layer.hidden
    ways = _ways(layer, core, together, weights)
    best, least = Tile(), float("inf")
    for blocks, lanes, many in _tiles(layer, core, together, layer.blocks // ways):
        cost = _cost(layer, core, blocks * lanes // min(lanes, core.lanes), many)
        # Between equals: fewer passes over the weights, whole blocks.
        cost += 0.02 / many - 0.001 * lanes / LANES
        if cost < least:
            share = Share.UNITS if ways > 1 else Share.ROWS
            best = Tile(blocks, many, lanes, together, share, ways, _overflows(core, weights, ways))
            least = cost
    return best, min(1.0, 1 / (PORTS * least))


def _together(layer: Layer, core: Core) -> int:
    """Rows of the batch that pass through time side by side: as many as threads leave each
    other, of those whose states stay near."""
    if not isinstance(layer.batch, int) or "sequence_lens" in layer.given:
        return 1
    state = STATES * 4 * layer.padded
    near = max(1, 1024 * core.l2_kib // 4 // state)
    each: int = max(1, layer.batch * layer.directions // core.cores)
    whole: list[int] = [n for n in divisors(layer.batch) if n <= near]
    # Few of many would read the weights too often.
    return next((n for n in reversed(whole) if each // 2 < n <= each), max(whole))


def _ways(layer: Layer, core: Core, together: int, weights: int) -> int:
    """How many threads share the units of a step: more than one where some would have no
    rows of their own, and weights come from beyond the L2. Waking threads every step takes
    as long as reading a quarter of a megabyte from there (measured)."""
    rows = layer.batch if isinstance(layer.batch, int) else 1
    busy: int = layer.directions * rows // together
    if busy >= core.cores or not _overflows(core, weights, 1):
        return 1
    ways: int = max(n for n in divisors(layer.blocks) if n <= core.cores)
    return ways


def _overflows(core: Core, weights: int, ways: int) -> bool:
    """Whether a thread's weights are gone from its L2 by the next step."""
    return weights // ways > 1024 * core.l2_kib // 2


def _tiles(layer: Layer, core: Core, together: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Blocks, lanes and rows that fit the registers."""
    widest = max(map(len, layer.cell.parts))
    for lanes in (LANES, 8, 4):
        if lanes < LANES and (together == 1 or lanes < core.lanes):
            break  # one row reads its weights once: in whole blocks
        for blocks in divisors(count):
            for rows in divisors(together):
                vectors = blocks * widest * -(-lanes // core.lanes)
                if fits(core, vectors, rows):
                    yield blocks, lanes, rows
    yield 1, LANES, 1


def _cost(layer: Layer, core: Core, vectors: int, rows: int) -> float:
    """Cycles a vector of multiply-adds, as in ``tiles.register_tile``."""
    parts = [len(part) * vectors for part in layer.cell.parts]
    sums = [part * rows for part in parts]
    loads = [part + rows for part in parts]
    cycles = (max(*busy) / PORTS for busy in zip(sums, loads, strict=True))
    return float(sum(max(LATENCY, taken) for taken in cycles) / sum(sums))

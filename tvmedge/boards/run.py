"""The stage ``bundle + inputs -> outputs``, on any board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tvmedge.boards.address import LOCAL, BoardAddress
from tvmedge.boards.check import CheckReport, check
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import Bundle, read_bundle
from tvmedge.errors import InputError
from tvmedge.tensors import ImageOptions, read_inputs, write_outputs
from tvmedge.types import Counts, GpuTraffic

_TRAFFIC_RUNS = 5


@dataclass(frozen=True)
class RunRequest:
    """What to run: ``inputs`` as in ``--input``, ``check`` for the bundle's own
    vectors, ``output`` an .npz to write."""

    inputs: tuple[str, ...] = ()
    output: Path | None = None
    check: bool = False
    image: ImageOptions = field(default_factory=ImageOptions)
    seed: int = 0


@dataclass(frozen=True)
class RunReport:
    """What came out; ``outputs`` is None when only the check was asked for. ``counts`` are of the
    last run, where the board counts what it executes; ``traffic`` is of a model with kernels on
    the CPU beside its GPU."""

    bundle: Bundle
    outputs: Mapping[str, npt.NDArray[np.generic]] | None
    check: CheckReport | None
    counts: Counts | None = None
    traffic: GpuTraffic | None = None


def run_bundle(
    path: Path,
    request: RunRequest,
    address: BoardAddress = LOCAL,
    options: SessionOptions | None = None,
) -> RunReport:
    """Run a bundle on a board, by default on this machine.

    Raises:
        InputError: nothing to run, or inputs that are not the model's.
        TrustError: the bundle does not match its hashes.
        ToolError: an emulator or TVM's runtime is missing, or the disk is full.
        BoardError: the model crashed or hung, or the board failed.
    """
    if not request.inputs and not request.check:
        raise InputError(
            "There is nothing to run: give --input NAME=FILE, --input random, or --check."
        )
    if request.output and not request.inputs:
        raise InputError("--output needs inputs: give --input NAME=FILE or --input random.")
    bundle = read_bundle(path, weights=False)
    inputs = None
    if request.inputs:
        signature = bundle.manifest.signature
        inputs = read_inputs(signature, request.inputs, image=request.image, seed=request.seed)
    with open_session(address, bundle, options) as session:
        checked = check(session, bundle) if request.check else None
        outputs = session.run(inputs) if inputs is not None else None
        counts = session.last_counts() if session.counts_packets else None
        traffic = session.gpu_traffic(_TRAFFIC_RUNS) if bundle.manifest.code.on_cpu else None
    if request.output and outputs is not None:
        write_outputs(request.output, outputs)
    return RunReport(bundle, outputs, checked, counts, traffic)

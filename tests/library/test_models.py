"""Real models: the library gives what the VM gives, to the last bit, alone and on threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from scripts import model_list, model_samples
from scripts.model_import import imported
from tests.library_runs import Loaded, Pool, library_of, same, scheduled, vm_of
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.targeting import target

QUICK = ("openwakeword-hey-rhasspy", "openwakeword-hey-mycroft")
BRANCHES = ("openwakeword-hey-jarvis", "silero-vad-op18-ifless", "silero-vad-v4")
"""They hold an If on an input: no straight line."""

THREADS = 2
SEEDS = (5, 6)
NAMES = [entry.name for entry in model_list.load_list()]
SLICES = [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]


@pytest.mark.timeout(3600)  # on a machine that nine people share, one took more than ten minutes
@pytest.mark.parametrize("name", SLICES)
def test_the_library_gives_the_vms_results(
    name: str, model_path: Callable[[str], Path], tmp_path: Path
) -> None:
    entry = model_list.find(name)
    kernels = scheduled(imported(entry, model_path(name)), target("host"))
    if name in BRANCHES:
        with pytest.raises(NotStraightLineError):
            library_of(kernels)
        return
    made = library_of(kernels, threads=THREADS)
    assert made.layout.nbytes <= 1.05 * made.layout.lower_bound
    loaded = Loaded(made.sources(), kernels.spec, tmp_path)
    want, vm = [], vm_of(kernels)
    for seed in SEEDS:
        sample = model_samples.plausible(entry, seed)
        inputs = [np.array(sample[s.name], order="C") for s in kernels.signature.inputs]
        want.append((inputs, vm(inputs)))
    for threads in (1, THREADS):
        with Pool(loaded, threads):
            for inputs, outputs in want * 2:
                assert same(loaded.run(inputs), outputs)
    with ThreadPoolExecutor(THREADS) as callers:
        got = list(callers.map(loaded.run, [inputs for inputs, _ in want * 2]))
    assert all(same(a, b) for a, (_, b) in zip(got, want * 2, strict=True))

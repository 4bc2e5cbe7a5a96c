"""How libraries hash their weights: by the processor's instructions where it has them, and else."""

from __future__ import annotations

import ctypes
import hashlib

import numpy as np
import pytest

from tvmedge.device.zig import zig_cc
from tvmedge.resources import device_sources

SOURCE = """\
#include "sha256.h"
void whole(const void *data, size_t bytes, uint8_t *digest) { sha256(data, bytes, digest); }
void quick(uint32_t *state, const uint8_t *at, size_t n) { sha256_blocks(state, at, n); }
void plain(uint32_t *state, const uint8_t *at, size_t n) {
  for (; n > 0; n--, at += 64) sha256_block(state, at);
}
"""


@pytest.fixture(scope="module")
def hashing(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("sha256")
    source, shared = folder / "hash.c", folder / "hash.so"
    source.write_text(SOURCE)
    options = ["-std=gnu23", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    include = f"-I{device_sources()}"
    zig_cc([*options, include, str(source), "-o", str(shared)], "a hash")
    return ctypes.CDLL(str(shared))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 5000])
def test_it_is_sha256(hashing: ctypes.CDLL, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    digest = ctypes.create_string_buffer(32)
    hashing.whole(data, ctypes.c_size_t(size), digest)
    assert digest.raw == hashlib.sha256(data).digest()


def test_both_ways_are_the_same(hashing: ctypes.CDLL) -> None:
    generator = np.random.default_rng(1)
    for blocks in (1, 2, 7, 100):
        data = generator.bytes(64 * blocks)
        states = [np.arange(8, dtype=np.uint32) for _ in range(2)]
        for run, state in zip((hashing.quick, hashing.plain), states, strict=True):
            run(ctypes.c_void_p(state.ctypes.data), data, ctypes.c_size_t(blocks))
        assert np.array_equal(*states)

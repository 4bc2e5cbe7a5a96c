"""A small model and its bundles, compiled once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onnx_models import conv_net, save
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_frontend, open_frontend
from tvmedge.model.load import load
from tvmedge.targeting import target


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small CNN's bundle by target name."""
    folder = tmp_path_factory.mktemp("bundles")
    options = CompileOptions()
    frontend = open_frontend(load(save(conv_net(), folder / "net.onnx")), options)
    paths = {}
    for name in ("host", "raspberry-pi-4b"):
        paths[name] = folder / f"net-{name}.tvmedge"
        write_bundle(paths[name], compile_frontend(frontend, target(name), options))
    return paths

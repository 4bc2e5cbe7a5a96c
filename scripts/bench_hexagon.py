"""Packets and errors of quantised models on an emulated Hexagon.

    python scripts/bench_hexagon.py [NAME ...] [--records STORE] [--no-scalar] [--json FILE]

Each model of ``quantise_models.py`` runs under QEMU in three forms: "scalar", for the same core
without HVX (in floats, as TVM's own pipeline would have it); "rules", compiled as it is; "tuned",
with the records of STORE (``tune_hexagon.py --store``). A convolution's ``share`` is of 128
multiply-adds a packet, channels in whole blocks of 32. Errors are root mean squares against the
float model, over inputs that the quantiser saw and others. Packets ignore stalls, cache and VTCM.
Prints rows of the table in docs/hexagon.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tvm
from tvm import s_tir, tirx
from tvm_ffi import structural_walk

from scripts.bench.contestants.onnx_runtime import OnnxRuntime
from scripts.bench.sources import source
from scripts.bench_int8 import FLOAT, OURS, THEIRS, errors
from scripts.model_list import ModelEntry, find
from scripts.model_samples import plausible
from scripts.quantise_models import MODELS, quantised
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import Session, SessionOptions, open_session
from tvmedge.bundle import write_bundle
from tvmedge.compiler.compile import CompileOptions, compile_model
from tvmedge.model.inputs import parse_inputs
from tvmedge.model.load import load
from tvmedge.profiling.packets import packet_profile
from tvmedge.records.sources import NONE, sources
from tvmedge.resources import atomic_path
from tvmedge.scheduling.engine import Scheduled
from tvmedge.scheduling.plan import KERNEL
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.load import load_target_file
from tvmedge.types import PACKETS_IGNORE

SHOWN = 12
HOUR = 3600.0
PEAK = 128  # multiply-adds of one vrmpy
LEAST = 64  # channels, for which 35 % of that are wanted
PIXELS = 2  # of one, weights are read for a single product, and an image may be scaled by it
RESULTS = Path(__file__).parent / "results" / "bench_hexagon.json"
TARGET = "hexagon-v67"
SCALAR = """\
inherit = "hexagon-v67"
summary = "Hexagon V67 without its vectors"

[target]
mattr = ["-hvx"]
"""


def main() -> int:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--records", help="a store of tuned kernels")
    parser.add_argument("--no-scalar", action="store_true", help="keep what the file has of it")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    kept: dict[str, Any] = {}
    if options.json.exists():
        kept = json.loads(options.json.read_text()).get("models", {})
    for name in options.names:
        found = kept.setdefault(name, {})
        found.pop("tuned", None)  # of other kernels
        found.update(measured(find(name)))
        if not options.no_scalar:
            with tempfile.TemporaryDirectory() as folder:
                plain = Path(folder) / "scalar.toml"
                plain.write_text(SCALAR, encoding="utf-8")
                found["scalar"] = packets_of(find(name), load_target_file(plain), NONE)
        if options.records:
            found["tuned"] = packets_of(find(name), target(TARGET), options.records)
        print(row_of(name, found), flush=True)
        with atomic_path(options.json) as path:
            document = {"note": PACKETS_IGNORE, "models": kept}
            path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def row_of(name: str, found: Mapping[str, Any]) -> str:
    """A model's row of the table in docs/hexagon.md."""
    packets = [
        f"{found[form] / 1e6:.2f} M" if form in found else "not counted"
        for form in ("scalar", "rules", "tuned")
    ]
    shares = found["shares_of_large"]
    large = f"{shares[0]:.0%} to {shares[-1]:.0%}" if shares else "none so large"
    error = found["rms_error"][OURS] / found["rms_error"][THEIRS]
    cells = [name, *packets, f"{found['vector_share']:.0%}", f"{found['packets_per_mac']:.4f}"]
    return f"| {' | '.join([*cells, large, f'{error:.2f}'])} |".replace("%", " %")


@dataclass
class Kernels:
    """Multiply-adds of the convolutions of bytes, by the names of their kernels, and the channels
    and windows of these."""

    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __call__(self, module: tvm.IRModule, scheduled: Scheduled) -> None:
        """What the compiler shows of kernels before and after they are scheduled."""
        for variable, function in module.functions_items():
            blocks: list[s_tir.SBlock] = []
            if isinstance(function, tirx.PrimFunc):
                structural_walk(function.body, (s_tir.SBlock, blocks.append))
            for block in blocks:
                if block.annotations.get(KERNEL) == "dot_conv":
                    sizes = [int(axis.dom.extent) for axis in block.iter_vars]
                    _, outs, rows, columns, lanes, ins, kh, kw, steps, depth = sizes
                    self.found[variable.name_hint] = {
                        "channels": [ins * steps * depth, outs * lanes],
                        "window": [kh, kw],
                        "pixels": rows * columns,
                        "macs": math.prod(sizes),
                    }


def measured(entry: ModelEntry) -> dict[str, Any]:
    """What one inference takes by our rules, and the errors."""
    kernels = Kernels()
    with tempfile.TemporaryDirectory() as folder:
        bundle = _compiled(entry, target(TARGET), NONE, Path(folder), kernels)
        with open_session(parse_address("emulated"), bundle) as session:
            session.run(plausible(entry))
            whole = session.last_counts()
            profile = packet_profile(session.kernel_counts())
            rms = errors(entry, _contestants(entry, session))
    rows: list[dict[str, Any]] = []
    for one in profile.kernels:
        row: dict[str, Any] = {"kernel": one.kernel, "packets": one.counts.packets}
        if conv := kernels.found.get(one.kernel):
            macs = conv["macs"] * one.calls
            row |= conv | {"macs": macs, "share": round(macs / row["packets"] / PEAK, 3)}
        rows.append(row)
    convolutions = [row for row in rows if "macs" in row]
    large = [
        row for row in convolutions if min(row["channels"]) >= LEAST and row["pixels"] >= PIXELS
    ]
    return {
        "rules": whole.packets,
        "vector_share": round(whole.vector_share, 3),
        "kernels_without_vectors": round(profile.scalar_share, 4),
        "packets_per_mac": round(whole.packets / sum(row["macs"] for row in convolutions), 4),
        "rms_error": rms,
        "shares_of_large": sorted(row["share"] for row in large),
        "convolutions": convolutions,
        "others": [row for row in rows if "macs" not in row][:SHOWN],
    }


def packets_of(entry: ModelEntry, spec: TargetSpec, records: str) -> int:
    """What one inference takes."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = _compiled(entry, spec, records, Path(folder))
        options = SessionOptions(timeout_s=HOUR, target=spec)
        with open_session(parse_address("emulated"), bundle, options) as session:
            session.run(plausible(entry))
            return session.last_counts().packets


def _compiled(
    entry: ModelEntry,
    spec: TargetSpec,
    records: str,
    folder: Path,
    kernels: Kernels | None = None,
) -> Path:
    shapes = parse_inputs([flag.removeprefix("--input=") for flag in entry.flags()]).shapes
    options = CompileOptions(shapes=shapes, records=sources(records), verify=kernels)
    bundle = folder / "model.tvmedge"
    write_bundle(bundle, compile_model(load(quantised(entry)), spec, options))
    return bundle


class Emulated:
    """A session that is open, as a contestant."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.inputs: Mapping[str, Any] = {}

    def run(self) -> Sequence[Any]:
        return list(self._session.run(self.inputs).values())


def _contestants(entry: ModelEntry, session: Session) -> dict[str, Any]:
    made: dict[str, Any] = {OURS: Emulated(session)}
    for name, model in ((THEIRS, quantised(entry)), (FLOAT, source(entry).model)):
        made[name] = OnnxRuntime(1)
        made[name].prepare()
        made[name].load(model, plausible(entry))
    return made


if __name__ == "__main__":
    sys.exit(main())

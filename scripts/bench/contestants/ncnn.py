"""ncnn: models converted by pnnx, in float32, without its lighter modes."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, RefusedError, Source
from scripts.bench.environments import Environment
from scripts.pnnx import PNNX, foreign_layers

_INPUT = re.compile(r'ex\.input\("(\w+)", ncnn\.Mat\([\w.()]*\.numpy\(\)(?:, batch_index=(\d+))?')
_OUTPUT = re.compile(r'ex\.extract\("(\w+)"\)[^)]*\.numpy\((?:batch_index=(\d+))?\)')


class Ncnn(Contestant):
    """Its tensors have no batch: the script that pnnx writes says which axis it took for one."""

    name = "ncnn"
    # pnnx asks for PyTorch, which its program does not use.
    runs_in = converts_in = Environment(
        "ncnn", ("ncnn==1.0.20261020", "numpy==2.4.6"), alone=(f"pnnx=={PNNX}",)
    )

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        tool = Path(sysconfig.get_path("purelib")) / "pnnx" / "pnnx"
        model = folder / "model.onnx"
        model.symlink_to(source.folded)
        done = subprocess.run(
            [tool, model, "fp16=0"], cwd=folder, capture_output=True, text=True, check=False
        )
        weights = folder / "model.ncnn.bin"
        if done.returncode or not weights.is_file():
            raise RefusedError(f"pnnx ended with exit status {done.returncode}")
        kept = {weights, folder / "model.ncnn.param", folder / "model_ncnn.py"}
        for path in set(folder.iterdir()) - kept:
            path.unlink()
        foreign = foreign_layers((folder / "model.ncnn.param").read_text(encoding="utf-8"))
        if foreign:
            raise RefusedError(f"pnnx left operators that ncnn lacks: {', '.join(foreign)}")
        return weights

    def prepare(self) -> None:
        import ncnn

        self.runtime = ncnn

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        net = self.runtime.Net()
        net.opt.num_threads = self.threads
        net.opt.use_vulkan_compute = False
        for mode in ("packed", "storage", "arithmetic"):
            setattr(net.opt, f"use_fp16_{mode}", False)
        net.opt.use_bf16_storage = False
        stem = str(form.with_suffix(""))
        if net.load_param(f"{stem}.param") or net.load_model(str(form)):
            raise RefusedError("ncnn does not load what pnnx made")
        script = form.with_name("model_ncnn.py").read_text(encoding="utf-8")
        self.net, self.mats = net, []
        for (name, batch), array in zip(_INPUT.findall(script), inputs.values(), strict=True):
            self.mats.append((name, self._mat(array, batch)))
        self.outputs = _OUTPUT.findall(script)

    def _mat(self, array: Array, batch: str) -> object:
        narrow = np.int32 if array.dtype.kind in "iub" else np.float32
        array = np.ascontiguousarray(array, dtype=narrow)
        if batch:
            return self.runtime.Mat(array, batch_index=int(batch)).clone()
        return self.runtime.Mat(array).clone()

    def run(self) -> Sequence[Array]:
        outputs = []
        with self.net.create_extractor() as extractor:
            for name, mat in self.mats:
                extractor.input(name, mat)
            for name, batch in self.outputs:
                failed, mat = extractor.extract(name)
                if failed:
                    raise RefusedError("ncnn ends with an error when it runs the model")
                outputs.append(mat.numpy(batch_index=int(batch)) if batch else np.array(mat))
        return outputs

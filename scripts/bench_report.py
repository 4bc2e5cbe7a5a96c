"""``docs/benchmarks.md``, its plot and ``docs/arm-figures.md``, from the committed result files.

``python scripts/bench_report.py``
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.arm import page as arm_page
from scripts.bench import page, results
from scripts.bench.environments import PLOT
from tvmedge.resources import atomic_path

_ROOT = Path(__file__).resolve().parent.parent
_MODELS = _ROOT / "scripts" / "results" / "bench_cpu.json"
_KERNELS = _ROOT / "scripts" / "results" / "bench_kernels.json"
_COMPILED = _ROOT / "scripts" / "results" / "bench_compile.json"
_COUNTS = _ROOT / "scripts" / "results" / "bench_arm.json"
_CYCLES = _ROOT / "scripts" / "results" / "arm_mca.json"
_DOCS = _ROOT / "docs"


def main() -> None:
    """Write the pages, then the plot."""
    text = page.page(*(results.read(path) for path in (_MODELS, _KERNELS, _COMPILED)))
    with atomic_path(_DOCS / "benchmarks.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    text = arm_page.page(results.read(_COUNTS), results.read(_CYCLES))
    with atomic_path(_DOCS / "arm-figures.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    with atomic_path(_DOCS / "benchmarks.svg") as temporary:
        svg = temporary.with_suffix(".svg")
        command = [str(PLOT.python()), "-m", "scripts.bench.plot", str(_MODELS), str(svg)]
        subprocess.run(command, check=True, cwd=_ROOT)
        svg.replace(temporary)


if __name__ == "__main__":
    main()

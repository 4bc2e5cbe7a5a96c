"""What a model's kernels on the CPU cost beside a GPU, in a sentence."""

from __future__ import annotations

from tvmedge.bundle import CodeInfo
from tvmedge.types import GpuTraffic


def traffic_said(code: CodeInfo, traffic: GpuTraffic | None) -> str:
    """For a reader; empty where all kernels are the GPU's.

    >>> traffic_said(CodeInfo(), None)
    ''
    """
    if not code.on_cpu:
        return ""
    count = len(code.on_cpu)
    found = f"{count} kernel{'s run' if count > 1 else ' runs'} on the CPU beside the GPU: "
    if traffic is None:
        return found + "the board does not tell what copies cost"
    there = traffic.copied_to_cpu + traffic.shared_to_cpu
    back = traffic.copied_to_gpu + traffic.shared_to_gpu
    copied = traffic.copied_to_cpu + traffic.copied_to_gpu
    how = "nothing is copied, as the driver maps the GPU's memory"
    if copied:
        how = f"{copied} bytes are copied, as the driver does not map the GPU's memory for them"
    return f"{found}{there} bytes go there and {back} back in {traffic.milliseconds:.3f} ms; {how}"

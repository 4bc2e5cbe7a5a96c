"""If, Loop and Scan that stay in the graph, as private functions of the Relax module.

What is small and of a known length is unrolled before (``prepare/expansions``).
The VM has calls and branches but no jump back; a loop is therefore a tower of
functions that each call the one below twice, so that the stack and the code
grow with the logarithm of the number of iterations (``repeat``).
"""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.model.control_flow.branches import branches
from tvmedge.model.control_flow.loop import loop
from tvmedge.model.control_flow.node import ControlNode, Convert
from tvmedge.model.control_flow.scan import scan

__all__ = ["CONTROL_FLOW", "ControlNode", "Convert"]

CONTROL_FLOW: Mapping[str, Convert] = {"If": branches, "Loop": loop, "Scan": scan}

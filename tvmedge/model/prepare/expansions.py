"""The rewrites that open up what stands for more than one operation: functions, loops."""

from __future__ import annotations

from onnx_ir.passes import InPlacePass

from tvmedge.model.prepare.col2im import Col2Im
from tvmedge.model.prepare.constant_forms import ConstantForms
from tvmedge.model.prepare.dft import Dft, Stft
from tvmedge.model.prepare.expand_functions import ExpandFunctions
from tvmedge.model.prepare.half_precision import HalfPrecision
from tvmedge.model.prepare.unroll_loop import UnrollLoop
from tvmedge.model.prepare.unroll_scan import UnrollScan

EXPANSIONS: tuple[InPlacePass, ...] = (
    ConstantForms(),
    HalfPrecision(),
    ExpandFunctions(),
    UnrollLoop(),
    UnrollScan(),
    Col2Im(),
    Dft(),
    Stft(),
)

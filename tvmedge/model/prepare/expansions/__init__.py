"""The rewrites that open up what stands for more than one operation: functions, loops."""

from __future__ import annotations

from onnx_ir.passes import InPlacePass

from tvmedge.model.prepare.expansions.body_shapes import BodyShapes
from tvmedge.model.prepare.expansions.col2im import Col2Im
from tvmedge.model.prepare.expansions.constant_forms import ConstantForms
from tvmedge.model.prepare.expansions.dft import Dft, Stft
from tvmedge.model.prepare.expansions.expand_functions import ExpandFunctions
from tvmedge.model.prepare.expansions.half_chains import HalfChains
from tvmedge.model.prepare.expansions.half_precision import HalfPrecision
from tvmedge.model.prepare.expansions.optionals import Optionals
from tvmedge.model.prepare.expansions.sequences import SequenceReads, SplitToSequence
from tvmedge.model.prepare.expansions.unroll_loop import UnrollLoop
from tvmedge.model.prepare.expansions.unroll_scan import UnrollScan

EXPANSIONS: tuple[InPlacePass, ...] = (
    ConstantForms(),
    HalfPrecision(),
    HalfChains(),
    ExpandFunctions(),
    BodyShapes(),
    UnrollLoop(),
    UnrollScan(),
    Col2Im(),
    Dft(),
    Stft(),
    Optionals(),
    SplitToSequence(),
    SequenceReads(),
)

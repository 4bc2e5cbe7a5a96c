"""The rewrites that compute with shapes before the model runs."""

from __future__ import annotations

from tvmedge.model.prepare.rewrite import NodeRewrite
from tvmedge.model.prepare.shapes.constant_of_shape import ConstantOfShape
from tvmedge.model.prepare.shapes.open_shapes import OpenShapes

SHAPES: tuple[NodeRewrite, ...] = (ConstantOfShape(), OpenShapes())

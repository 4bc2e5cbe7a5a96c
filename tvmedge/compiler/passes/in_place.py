"""Results take the memory of an argument that nobody needs any more.

before: alloc = alloc_tensor([1, 64]); add_relu(sum, x, alloc); y = alloc    (x is not used again)
after:  add_relu(sum, x); y = x

The kernel then has one parameter for both, so that what it says of aliasing stays true.
A kernel is changed where each of its calls can do with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm import relax, tirx
from tvm_ffi import structural_map

from tvmedge.compiler.passes.functions import graph_functions
from tvmedge.scheduling.in_place import replaceable

Pair = tuple[int, int]  # the parameter that is written, and the one that it may be
_ALIASES = frozenset({"relax.reshape", "relax.memory.view", "relax.memory.ensure_zero_offset"})


@dataclass(frozen=True)
class InPlace:
    """Comes after CallTIRRewrite and before memory is planned."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        candidates: dict[str, set[Pair]] = {}
        for _, function in graph_functions(module):
            for name, pairs in _Memory(module, function).sites():
                candidates[name] = candidates.get(name, pairs) & pairs
        chosen = {name: min(pairs) for name, pairs in candidates.items() if pairs}
        if not chosen:
            return module
        return _rewritten(module, chosen)


class _Memory:
    """Which memory each variable of a function has, and where it is used for the last time."""

    def __init__(self, module: tvm.IRModule, function: relax.Function) -> None:
        self.module = module
        self.bindings = _bindings(function)
        self.roots: dict[relax.Var, relax.Var] = {}
        self.last: dict[relax.Var, float] = {}
        self.allocated: set[relax.Var] = set()
        for place, binding in enumerate(self.bindings):
            self._follow(place, binding)
        self._use(function.body.body, float("inf"))

    def sites(self) -> list[tuple[str, set[Pair]]]:
        """Every call of a kernel, and what could be done in place there."""
        result = []
        for place, binding in enumerate(self.bindings):
            call = binding.value
            if not _is_kernel(self.module, call):
                continue
            pairs = {
                (written, given)
                for written, alike in replaceable(self.module[call.op]).items()
                for given in alike
                if self._free(place, call, given) and self._own(call.args[written])
            }
            result.append((call.op.name_hint, pairs))
        return result

    def _follow(self, place: int, binding: relax.Binding) -> None:
        value = binding.value
        if isinstance(value, relax.Var):
            self.roots[binding.var] = self._root(value)
            return
        if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
            if value.op.name == "relax.builtin.alloc_tensor":
                self.allocated.add(binding.var)
            elif value.op.name in _ALIASES and isinstance(value.args[0], relax.Var):
                self.roots[binding.var] = self._root(value.args[0])
        kernel = _is_kernel(self.module, value)
        view = binding.var in self.roots
        # What a tuple, a branch or another function holds on to may be used at any time.
        self._use(value, place if kernel or view else float("inf"))

    def _use(self, expr: relax.Expr, place: float) -> None:
        def look(part: relax.Expr) -> None:
            if isinstance(part, relax.Var):
                root = self._root(part)
                self.last[root] = max(place, self.last.get(root, place))

        relax.analysis.post_order_visit(expr, look)

    def _root(self, variable: relax.Var) -> relax.Var:
        return self.roots.get(variable, variable)

    def _own(self, argument: relax.Expr) -> bool:
        return isinstance(argument, relax.Var) and argument in self.allocated

    def _free(self, place: int, call: relax.Call, index: int) -> bool:
        """Whether an argument's memory is the function's, and this call its last use."""
        argument = call.args[index]
        if not isinstance(argument, relax.Var):
            return False
        root = self._root(argument)
        others = [arg for arg in call.args if isinstance(arg, relax.Var)]
        alone = sum(self._root(other).same_as(root) for other in others) == 1
        return alone and root in self.allocated and self.last[root] <= place


def _bindings(function: relax.Function) -> list[relax.Binding]:
    return [binding for block in function.body.blocks for binding in block.bindings]


def _is_kernel(module: tvm.IRModule, call: relax.Expr) -> bool:
    if not isinstance(call, relax.Call) or not isinstance(call.op, tvm.ir.GlobalVar):
        return False
    return isinstance(module[call.op], tirx.PrimFunc)


def _rewritten(module: tvm.IRModule, chosen: dict[str, Pair]) -> tvm.IRModule:
    result = module.clone()
    kernels: dict[str, tvm.ir.GlobalVar] = {}
    for name, (written, given) in chosen.items():
        func = _one_parameter(module[name], written, given)
        kernels[name] = tvm.ir.GlobalVar(name)  # of another type than before
        relax.expr._update_type(kernels[name], func.ty)
        del result[module.get_global_var(name)]
        result[kernels[name]] = func
    for variable, function in graph_functions(module):
        result[variable] = _InPlaceCalls(function, chosen, kernels).visit_expr(function)
    return result


def _one_parameter(func: tirx.PrimFunc, written: int, given: int) -> tirx.PrimFunc:
    """``func`` with the parameter ``given`` in place of ``written``."""
    old, new = func.params[written], func.params[given]
    body = structural_map(
        func.body, (tirx.Var, lambda variable: new if variable.same_as(old) else variable)
    )
    params = [param for index, param in enumerate(func.params) if index != written]
    return tirx.PrimFunc(params, body, func.ret_type, func.attrs, func.span)


@relax.expr_functor.mutator
class _InPlaceCalls(relax.PyExprMutator):  # type: ignore[misc]
    """Calls without the argument that is written, which ``replaced`` maps to another."""

    def __init__(
        self,
        function: relax.Function,
        chosen: dict[str, Pair],
        kernels: dict[str, tvm.ir.GlobalVar],
    ) -> None:
        super().__init__()
        self.chosen = chosen
        self.kernels = kernels
        self.replaced: dict[relax.Var, relax.Expr] = {}
        for binding in _bindings(function):
            if pair := self._pair(binding.value):
                written, given = pair
                self.replaced[binding.value.args[written]] = binding.value.args[given]

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        if binding.var not in self.replaced:
            super().visit_var_binding_(binding)

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        pair = self._pair(call)
        if pair is None:
            return super().visit_call_(call)
        arguments = [self.visit_expr(arg) for i, arg in enumerate(call.args) if i != pair[0]]
        return relax.Call(self.kernels[call.op.name_hint], arguments, call.attrs, call.ty_args)

    def visit_var_(self, variable: relax.Var) -> relax.Expr:
        known = self.replaced.get(variable)
        return super().visit_var_(variable) if known is None else self.visit_expr(known)

    def _pair(self, value: relax.Expr) -> Pair | None:
        known = isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.GlobalVar)
        return self.chosen.get(value.op.name_hint) if known else None

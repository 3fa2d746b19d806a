"""Eight doubles as one value in compiled code, as wide as the processor's registers allow.

Numba leaves runs of like scalar operations scalar, which costs a product with eight vectors
a factor of two to three. These functions lower to LLVM's <8 x double>, which any processor's
back end cuts into the registers it has. Arrays count as rows of eight: row i of a float64 array
in C order starts at element 8 i; nothing checks the bounds.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

WIDTH = 8

_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_CONTRACT = ("contract",)  # a product and a sum may become one instruction


class _Vector8(types.Type):  # type: ignore[misc]  # numba has no types
    def __init__(self) -> None:
        super().__init__(name="Vector8")


vector8 = _Vector8()


@register_model(_Vector8)
class _Vector8Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _VECTOR)


def _row(context: Any, builder: Any, array_type: Any, array: Any, index_type: Any, i: Any) -> Any:
    """Pointer to row i."""
    data = context.make_array(array_type)(context, builder, array).data
    i = context.cast(builder, i, index_type, types.uint64)
    first = builder.gep(data, [builder.mul(i, ir.Constant(i.type, WIDTH))])
    return builder.bitcast(first, _VECTOR.as_pointer())


@intrinsic
def load(typing: Any, x: Any, i: Any) -> Any:
    """Row i of x."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _row(context, builder, x, args[0], signature.args[1], args[1])
        return builder.load(pointer, align=8)

    return vector8(x, i), generate


@intrinsic
def store(typing: Any, x: Any, i: Any, v: Any) -> Any:
    """Write v into row i of x."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _row(context, builder, x, args[0], signature.args[1], args[1])
        builder.store(args[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(x, i, v), generate


@intrinsic
def spread(typing: Any, s: Any) -> Any:
    """The number s eight times."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        empty = ir.Constant(_VECTOR, ir.Undefined)
        first = builder.insert_element(empty, args[0], ir.Constant(_INT32, 0))
        zeros = ir.Constant(ir.VectorType(_INT32, WIDTH), [0] * WIDTH)
        return builder.shuffle_vector(first, empty, zeros)

    return vector8(types.float64), generate


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args)

    return vector8(vector8, vector8), generate


@intrinsic
def subtract(typing: Any, a: Any, b: Any) -> Any:
    """a - b."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fsub(*args)

    return vector8(vector8, vector8), generate


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, element by element."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        product = builder.fmul(args[0], args[1], flags=_CONTRACT)
        return builder.fadd(product, args[2], flags=_CONTRACT)

    return vector8(vector8, vector8, vector8), generate

"""A numpy array as one binary column.

Layout, all little-endian: the bytes ``ND``, the dtype code (one byte, an index into
:data:`DTYPES`), the number of dimensions (one byte), each dimension as uint32, then the values
in C order. A header of 4 + 4·ndim bytes keeps float64 values 4-byte aligned at least, which
``numpy.frombuffer`` reads without a copy.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import models
from numpy.typing import NDArray

if TYPE_CHECKING:
    _BinaryField = models.BinaryField[Any, Any]
else:
    _BinaryField = models.BinaryField

MAGIC = b"ND"
DTYPES = ("<f8", "<f4", "<i8", "<i4", "<c16", "<u1")


def pack_array(values: NDArray[Any]) -> bytes:
    """The array as bytes with its dtype and shape; the same values give the same bytes."""
    array = np.asarray(values)
    kind = array.dtype.newbyteorder("<").str.replace("|", "<")
    if kind not in DTYPES:
        raise ValidationError(f"arrays of {array.dtype} cannot be stored; use one of {DTYPES}")
    header = MAGIC + struct.pack("<BB", DTYPES.index(kind), array.ndim)
    shape = struct.pack(f"<{array.ndim}I", *array.shape)
    return header + shape + np.ascontiguousarray(array, dtype=kind).tobytes()


def unpack_array(data: bytes | memoryview) -> NDArray[Any]:
    """A read-only view of the bytes that :func:`pack_array` made.

    Raises
    ------
    ValueError
        If the bytes are no array, or are cut short.
    """
    view = memoryview(data)
    if bytes(view[:2]) != MAGIC:
        raise ValueError("not a stored array: the header is missing")
    code, ndim = view[2], view[3]
    shape = struct.unpack_from(f"<{ndim}I", view, 4)
    array: NDArray[Any] = np.frombuffer(view, dtype=DTYPES[code], offset=4 + 4 * ndim)
    array = array.reshape(shape)
    array.flags.writeable = False
    return array


class ArrayField(_BinaryField):
    """A numpy array; ``None`` where the column is null. Arrays are never edited in forms."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("editable", None)
        return name, path, list(args), dict(kwargs)

    def from_db_value(
        self, value: bytes | memoryview | None, expression: object, connection: object
    ) -> NDArray[Any] | None:
        return None if value is None else unpack_array(value)

    def value_to_string(self, obj: models.Model) -> str:
        """For ``dumpdata``: Base64 of what the column holds."""
        return b64encode(pack_array(self.value_from_object(obj))).decode("ascii")

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = b64decode(value)
        if isinstance(value, bytes | memoryview):
            return unpack_array(value)
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, np.ndarray | list | tuple):
            value = pack_array(np.asarray(value))
        return super().get_db_prep_value(value, connection, prepared)

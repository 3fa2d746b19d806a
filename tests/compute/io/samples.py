"""Small files of each format, as text, for the tests of the readers and of what uses them."""

from __future__ import annotations

import io
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from compute.errors import ReadError
from compute.io import RawSpectrum, read_bytes


def one(name: str, text: str | bytes) -> RawSpectrum:
    """The only spectrum of a file."""
    data = text.encode() if isinstance(text, str) else text
    (spectrum,) = read_bytes(name, data)
    return spectrum


def fails(name: str, text: str | bytes) -> str:
    """The faults of a file that cannot be read."""
    with pytest.raises(ReadError) as caught:
        read_bytes(name, text.encode() if isinstance(text, str) else text)
    return "\n".join(caught.value.errors)


KEK = """  9809     {facility}   BL12C
 NiO foil        22.05.11 17:26 - 22.05.11 18:33
 a comment
 Ring :   2.5 GeV   425.1 mA -  449.9 mA
 Mono :   Si(111)       D=  3.13551 A    Initial angle= 13.93250 deg
 BL12C     Transmission( 2)   Repetition=  1     Points=    3
 Param file : Std-EXAFS       energy axis(2)     Block =    1

 Block      Init-Eng  Final-Eng      Step/eV     Time/s       Num
     1        8000.00   8010.00         1.00       1.00        10
 Ortec( 0)     NDCH = 3
  Angle(c)  Angle(o)    time/s         1         2
      Mode         0         0{modes}
    Offset         0         0    10.000    20.000
{rows}"""
ROWS = """  14.30000  14.30010      1.00    100000     50000
  14.28000  14.28010      1.00    100000     40000
  14.26000  14.26010      1.00    100000     30000
"""


def kek(facility: str = "KEK-PF", modes: str = "         1         2", rows: str = ROWS) -> str:
    return KEK.format(facility=facility, modes=modes, rows=rows)


MSA = """#FORMAT      : EMSA/MAS Spectral Data File
#VERSION     : 1.0
#TITLE       : NiO
#DATE        : 01-OCT-1991
#TIME        : 12:00
#NPOINTS     : 6.
#NCOLUMNS    : {columns}
#XUNITS      : {xunits}
#YUNITS      : Counts
#DATATYPE    : {kind}
#XPERCHAN    : 0.5
#OFFSET      : 850.0
#SIGNALTYPE  : ELS
#BEAMKV   -kV: 200
##VENDOR     : x
#SPECTRUM    : Spectral Data Starts Here
{rows}#ENDOFDATA   : End Of Data and File
"""


def msa(kind: str = "Y", rows: str = "1, 2, 3\n4, 5, 6\n", xunits: str = "eV") -> str:
    return MSA.format(kind=kind, rows=rows, xunits=xunits, columns=3 if kind == "Y" else 1)


def group(
    name: str, label: str, z: str = "Fe", edge: str = "k", start: float = 7000, **args: object
) -> str:
    x = ",".join(f"'{start + 2 * i}'" for i in range(120))
    y = ",".join(f"'{0.001 * i + (1.0 if i > 56 else 0.0)}'" for i in range(120))
    more = "".join(f",'{key}','{value}'" for key, value in args.items())
    return (
        f"$old_group = '{name}';\n@args = ('label','{label}','bkg_z','{z}','fft_edge','{edge}',"
        f"'is_xmu',1,'titles',['a\\'b','c'],'h',{{'k' => 'v'}}{more});\n"
        f"@x = ({x});\n@y = ({y});\n[record]   #\n\n"
    )


HEAD = "# Athena project file -- Demeter version 0.9.20\n"


def rows(*columns: object, sep: str = " ") -> str:
    return "".join(sep.join(f"{v}" for v in row) + "\n" for row in zip(*columns, strict=True))  # type: ignore[call-overload]


E = [7000 + 5 * i for i in range(20)]
I0 = [100000 + 10 * i for i in range(20)]
IT = [50000 - 100 * i for i in range(20)]
MU = [float(np.log(a / b)) for a, b in zip(I0, IT, strict=True)]


def hdf5(build: Callable[[h5py.File], object]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    return stream.getvalue()


def nxdata(parent: h5py.Group, unit: str = "eV", scale: float = 1.0) -> h5py.Group:
    data = parent.create_group("data")
    data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": "energy"})
    data.create_dataset("energy", data=np.array(E) * scale).attrs["units"] = unit
    data.create_dataset("mu", data=MU)
    return data

"""What other packages make of a series; run by `series_peers` in an environment of theirs."""

from __future__ import annotations

import sys
import time

import numpy as np


def nmf(given):
    from sklearn.decomposition import NMF

    d, s = given["d"], given["s"]
    c = np.maximum(np.linalg.lstsq(s.T, d.T, rcond=None)[0].T, 1e-3)
    model = NMF(s.shape[0], init="custom", solver="cd", max_iter=1000, tol=1e-7)
    start = time.process_time()
    amounts = model.fit_transform(d, W=np.ascontiguousarray(c), H=s.copy())
    return {"c": amounts, "s": model.components_, "cpu": time.process_time() - start}


def nmf6(given):
    from sklearn.decomposition import NMF

    d = given["d"]
    model = NMF(6, init="nndsvda", solver="cd", max_iter=200, random_state=0)
    start = time.process_time()
    c = model.fit_transform(d)
    cpu = time.process_time() - start
    loss = sum(
        float(((d[i : i + 4096] - c[i : i + 4096] @ model.components_) ** 2).sum(dtype=np.float64))
        for i in range(0, len(d), 4096)
    )
    return {"loss": loss, "cpu": cpu}


def mcr(given):
    from pymcr.constraints import ConstraintNonneg
    from pymcr.mcr import McrAR

    model = McrAR(
        max_iter=1000, c_regr="NNLS", st_regr="NNLS", c_constraints=[ConstraintNonneg()],
        st_constraints=[ConstraintNonneg()], tol_increase=1e3, tol_n_increase=50,
        tol_err_change=1e-9, tol_n_above_min=50,
    )  # fmt: skip
    start = time.process_time()
    model.fit(given["d"], ST=given["s"])
    return {"c": model.C_opt_, "s": model.ST_opt_, "cpu": time.process_time() - start}


def references(given):
    import hyperspy.api as hs

    d, s = given["d"], given["s"]
    signal = hs.signals.Signal1D(d)
    model = signal.create_model()
    for row in s:
        model.append(hs.model.components1D.ScalableFixedPattern(hs.signals.Signal1D(row)))
    for one in model:
        one.shift.free = one.xscale.free = False
    start = time.process_time()
    model.multifit(optimizer="lstsq", iterpath="serpentine")
    cpu = time.process_time() - start
    amounts = np.stack([one.yscale.map["values"] for one in model], axis=1)
    return {"c": amounts, "cpu": cpu}


def eelsmodel(given):
    from pyEELSMODEL.components.fixedpattern import FixedPattern
    from pyEELSMODEL.core.model import Model
    from pyEELSMODEL.core.multispectrum import MultiSpectrum, MultiSpectrumshape
    from pyEELSMODEL.core.spectrum import Spectrum
    from pyEELSMODEL.fitters.linear_fitter import LinearFitter

    d, s = given["d"], given["s"]
    shape = MultiSpectrumshape(0.1, 600.0, d.shape[1], 1, len(d))
    one = shape.getspectrumshape()
    found = {}
    for name, weighted in (("c", False), ("weighted", True)):
        rows = [FixedPattern(one, Spectrum(one, data=row)) for row in s]
        signal = MultiSpectrum(shape, data=d[None].copy())
        fitter = LinearFitter(signal, Model(one, rows), use_weights=weighted)
        start = time.process_time()
        fitter.multi_fit()
        found[f"cpu_{name}"] = time.process_time() - start
        found[name] = fitter.coeff_matrix[0]
    return found


if __name__ == "__main__":
    what, source, target = sys.argv[1:]
    with np.load(source) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(target, **globals()[what](arrays))

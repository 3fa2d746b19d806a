"""Measured series that are public, beside what is known of them; skipped where they are not there.

In ``data/series`` of the shared folder (docs/measurements/series.md says where they are from).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compute.series import unmix
from compute.series.io import read_series
from compute.series.undone import remove_power_law
from tests.shared_data import shared_data


def read(path: Path):
    series, errors = read_series([path])
    assert errors == []
    return series, np.vstack(list(series.parts()))


def over_power_law(energy, spectra, before, inside):
    """Counts in a window over a power law that is fitted before it."""
    rest = remove_power_law(energy, spectra, before).spectra
    return rest[:, (energy >= inside[0]) & (energy <= inside[1])].sum(axis=1)


def test_titanium_ends_where_manganese_begins():
    """La0.7Sr0.3MnO3 on SrTiO3: titanium in the first 10 nm (HyperSpy's tutorial)."""
    series, spectra = read(shared_data("series", "LSMO_STO_linescan.hspy"))
    energy = series.energy_ev
    (axis,) = series.axes
    assert (axis.name, axis.unit, axis.size, series.technique) == ("x", "nm", 10, "EELS")
    windows = {"Ti": ((405, 448), (448, 480)), "Mn": ((600, 635), (636, 665)),
               "La": ((790, 825), (826, 870))}  # fmt: skip
    film = {}
    for name, (before, inside) in windows.items():
        found = over_power_law(energy, spectra, before, inside)
        film[name] = found / found[4:7].mean() if name != "Ti" else 1 - found / found[:2].mean()
    for profile in film.values():
        assert np.abs(profile[:3]).max() < 0.08
        assert profile[4:].min() > 0.85
        assert 0.4 < profile[3] < 0.6  # 9.5 nm
    assert np.ptp([profile[3] for profile in film.values()]) < 0.15


def test_where_the_beam_took_oxygen_manganese_is_another():
    """A film of La0.7Sr0.3MnO3 of which the middle was exposed for long (the same tutorial)."""
    series, spectra = read(shared_data("series", "LSMO_linescan.hspy"))
    low, zero_loss = read(shared_data("series", "LSMO_linescan_low_loss.hspy"))
    assert series.shape == low.shape == (40,)
    energy = series.energy_ev
    lines = (energy >= 630) & (energy <= 670)
    ends = np.array([spectra[:12].mean(axis=0), spectra[17:22].mean(axis=0)])[:, lines]
    found = unmix(spectra[:, lines], ends, energy_ev=energy[lines], free=("shift",))
    damaged = found.fractions[:, 1]
    assert damaged[17:23].min() > 0.85
    assert damaged[:13].max() < 0.15
    assert np.median(damaged[26:]) < 0.05
    peaks = (energy > 637) & (energy < 648)
    l3 = energy[peaks][spectra[:, peaks].argmax(axis=1)]
    l3 = l3 - low.energy_ev[zero_loss.argmax(axis=1)]
    assert l3[17:22].mean() < l3[:12].mean()  # reduced manganese has its L3 lower


def test_gold_chloride_goes_to_metal_by_way_of_a_sulphide():
    """Lengke et al., Environ. Sci. Technol. 40 (2006) 6304: Au(III) chloride in cyanobacteria."""
    series, spectra = read(shared_data("series", "cyanobacteria.prj"))
    assert (series.element, series.edge, series.n_spectra) == ("Au", "L3", 17)
    energy = series.energy_ev
    before, behind = energy < 11900, energy > 11950
    rows = []
    for row in spectra:
        rest = row - np.polyval(np.polyfit(energy[before], row[before], 1), energy)
        step = np.polyval(np.polyfit(energy[behind], rest[behind], 2), 11919.0)
        rows.append(rest / step)
    near = (energy > 11880) & (energy < 12000)
    norm = np.array(rows)[:, near]
    times, foil, chloride, sulphide = norm[:7], norm[8], norm[10], norm[14]  # up to 33 h
    two = unmix(times, np.array([foil, chloride]), energy_ev=energy[near])
    three = unmix(times, np.array([foil, chloride, sulphide]), energy_ev=energy[near])
    metal, oxidised, intermediate = three.fractions.T
    assert (np.diff(metal) > 0).all()
    assert (np.diff(oxidised) < 0).all()
    assert (np.diff(intermediate) < 0).all()
    assert intermediate[0] > 0.2
    assert np.median(two.residual / three.residual) > 2


def test_nickel_of_a_battery_that_is_charged_goes_to_its_charged_state():
    """Ni K of LiNiO2, operando, first charge at C/10 (SOLEIL, ROCK; GhostDeini/perex).

    Beside the place of the edge at 0.7 of the step, which its authors draw against time.
    """
    series, spectra = read(shared_data("series", "lno"))
    assert series.n_spectra == 58
    near = (series.energy_ev > 8325) & (series.energy_ev < 8420)
    energy, rows = series.energy_ev[near], spectra[:, near]
    edge = np.array([np.interp(0.7, row[energy < 8350], energy[energy < 8350]) for row in rows])
    found = unmix(rows, rows[[0, -1]], energy_ev=energy)
    charged = found.fractions[:, 1]
    assert np.ptp(edge) > 0.8
    assert np.corrcoef(charged, edge)[0, 1] > 0.97


def test_a_map_of_mixed_valence_is_between_its_ends():
    """Fe 2p transmission of a particle (STXM, ALS 11.0.2.2; nano-XANES-microscopy-of-Fe)."""
    folder = shared_data("series", "stxm")
    ends = [np.loadtxt(folder / f"{name}.r") for name in ("oxidized", "reduced")]
    energy = ends[0][:, 0]
    arriving = np.loadtxt(folder / "i0.xsp")[:, 1]
    frames = [np.loadtxt(folder / f"a{i:03d}.xim") for i in range(energy.size)]
    density = -np.log(np.maximum(frames, 0.5) / arriving[:, None, None])
    spectra = density.reshape(energy.size, -1).T
    line = (energy > 706) & (energy < 712)
    height = spectra[:, line].max(axis=1) - spectra[:, energy < 703].mean(axis=1)
    thick = spectra[height > np.quantile(height, 0.9)]
    found = unmix(thick, np.array([one[:, 1] for one in ends]), energy_ev=energy)
    reduced = found.fractions[:, 1]
    # against the least squares of each spectrum with a straight line under it
    design = np.column_stack([one[:, 1] for one in ends] + [np.ones(energy.size), energy - 710])
    plain = np.linalg.lstsq(design, thick.T, rcond=None)[0]
    share = plain[1] / (plain[0] + plain[1])
    inside = (share > 0.05) & (share < 0.95) & (plain[0] + plain[1] > 0.1)
    assert inside.sum() > 200
    assert np.median(np.abs(reduced[inside] - share[inside])) < 0.1
    assert np.ptp(np.quantile(reduced, [0.05, 0.95])) > 0.3

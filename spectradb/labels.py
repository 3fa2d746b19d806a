"""What the columns of tables and the tables themselves are called, on pages and in the admin.

Django asks a model for these, and a model that says them itself would need a migration for every
word: they are given to it once the models are loaded (:func:`name_all`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.db.models import Field, Model
    from django_stubs_ext import StrPromise

FIELDS: dict[str, StrPromise] = {
    "a": _("Lattice a (Å)"),
    "absorber": _("Element"),
    "accepted": _("Accepted"),
    "alpha": _("Lattice α (°)"),
    "answer": _("Answer given"),
    "answered_at": _("Answered"),
    "answered_by": _("Answered by"),
    "attempts": _("Attempts"),
    "author": _("Author"),
    "authors": _("Authors"),
    "axes": _("Axes"),
    "b": _("Lattice b (Å)"),
    "background": _("Background"),
    "beamline": _("Beamline"),
    "beta": _("Lattice β (°)"),
    "c": _("Lattice c (Å)"),
    "calculation": _("Calculation"),
    "checks": _("Checks"),
    "chemical_system": _("Elements together"),
    "citation": _("Citation"),
    "code_version": _("Version of the code"),
    "content_hash": _("Hash of the content"),
    "contributor": _("Contributor"),
    "coordination_number": _("Coordination number"),
    "counted": _("Spectra with a value"),
    "created": _("Made"),
    "crystal_system": _("Crystal system"),
    "curves": _("Loss by epoch"),
    "data": _("Data"),
    "data_hash": _("Hash of the data"),
    "density": _("Density (g/cm³)"),
    "description": _("Description"),
    "doi": _("DOI"),
    "done": _("Spectra done"),
    "edge": _("Edge"),
    "element": _("Element"),
    "embargo_until": _("Embargo until"),
    "energy": _("Energy (eV)"),
    "energy_above_hull": _("Energy above hull (eV/atom)"),
    "energy_max": _("Highest energy (eV)"),
    "energy_min": _("Lowest energy (eV)"),
    "energy_offset_err": _("Error of the energy scale (eV)"),
    "energy_offset_ev": _("Anchor of the energy scale (eV)"),
    "engine": _("Engine"),
    "equivalent_indices": _("Equivalent atoms"),
    "error": _("Error"),
    "error_cause": _("Cause of the failure"),
    "error_permanent": _("Would fail again"),
    "facility": _("Facility"),
    "file": _("File"),
    "file_format": _("Format"),
    "file_name": _("File"),
    "file_part": _("Part of the file"),
    "filters": _("Selection of its data"),
    "findings": _("Findings"),
    "finished": _("Finished"),
    "formula": _("Formula"),
    "formula_anonymous": _("Formula type"),
    "gamma": _("Lattice γ (°)"),
    "gaussian_sigma_ev": _("Gaussian σ (eV)"),
    "geometry": _("Geometry"),
    "header": _("Header"),
    "heartbeat": _("Last sign of life"),
    "held_out": _("Held out"),
    "hyperparameters": _("Settings of the training"),
    "hypothetical": _("Hypothetical"),
    "id": _("Number"),
    "index": _("First atom"),
    "input_hash": _("Hash of the input"),
    "intensity": _("Intensity"),
    "is_default": _("Used first"),
    "is_primary": _("Primary cell"),
    "is_reference": _("Reference channel"),
    "job_status": _("State"),
    "key_hash": _("Hash of the key"),
    "kind": _("Kind"),
    "last_used": _("Last used"),
    "licence": _("Licence"),
    "ligands": _("Ligands"),
    "mean_bond_length": _("Mean bond length (Å)"),
    "measured_on": _("Measured on"),
    "measurement": _("Measurement"),
    "method": _("Method"),
    "metrics": _("Errors of the model"),
    "mode": _("Detection"),
    "monochromator": _("Monochromator"),
    "multiplicity": _("Multiplicity"),
    "n_bytes": _("Size (bytes)"),
    "n_channels": _("Energies"),
    "n_elements": _("Number of elements"),
    "n_peaks": _("Peaks"),
    "n_points": _("Points"),
    "n_sites": _("Atoms in the cell"),
    "n_spectra": _("Spectra"),
    "name": _("Name"),
    "normalisation": _("Normalisation"),
    "occupancy": _("Occupancy"),
    "options": _("Options"),
    "order_trace": _("Choice of the number of peaks"),
    "overruled_at": _("Overruled"),
    "overruled_by": _("Overruled by"),
    "overruled_reason": _("Why overruled"),
    "oxidation_confidence": _("Confidence of the valence"),
    "oxidation_method": _("Valence from"),
    "oxidation_state": _("Valence"),
    "parameters": _("Parameters"),
    "prefix": _("Begins with"),
    "preview": _("Preview"),
    "progress": _("Progress"),
    "public": _("Public"),
    "published_at": _("Published"),
    "quality": _("Quality"),
    "quantity": _("Intensity is"),
    "range_hi": _("Range to (eV)"),
    "range_lo": _("Range from (eV)"),
    "rate": _("Spectra a second"),
    "read_from": _("Read from"),
    "read_sha256": _("SHA-256 of that file"),
    "replaces": _("Replaces"),
    "request": _("Request"),
    "requested_by": _("Asked for by"),
    "requesters": _("Asked for by"),
    "residual": _("Residual"),
    "residual_rms": _("Residual (rms)"),
    "resolution_ev": _("Resolution (eV)"),
    "results": _("Results"),
    "revoked": _("Revoked"),
    "route": _("Route"),
    "sample_formula": _("Formula as stated"),
    "sample_name": _("Sample"),
    "sample_preparation": _("Preparation"),
    "seconds": _("Run time (s)"),
    "seed": _("Seed"),
    "series": _("Series"),
    "sha256": _("SHA-256"),
    "site": _("Site"),
    "site_symmetry": _("Site symmetry"),
    "source": _("Source"),
    "source_id": _("Number at the source"),
    "source_names": _("Files"),
    "space_group_number": _("Space group number"),
    "space_group_symbol": _("Space group"),
    "sparkline": _("Small picture"),
    "spectrum": _("Record"),
    "spin_state": _("Spin state"),
    "split": _("Division of the data"),
    "stage": _("Stage"),
    "started": _("Started"),
    "status": _("Status"),
    "status_note": _("Reason of the last decision"),
    "sticks": _("Lines"),
    "structure": _("Structure"),
    "submitted_at": _("Sent in"),
    "summed": _("Sum of all spectra"),
    "technique": _("Technique"),
    "temperature_k": _("Temperature (K)"),
    "text": _("Comment"),
    "title": _("Title"),
    "told": _("Told"),
    "trace": _("Trace of the failure"),
    "updated": _("Changed"),
    "user": _("Account"),
    "version": _("Version"),
    "volume": _("Volume (Å³)"),
    "warnings": _("Warnings"),
    "weights_file": _("File of weights"),
    "weights_hash": _("Hash of the weights"),
    "worker": _("Worker"),
}
MODELS: dict[str, tuple[StrPromise, StrPromise]] = {
    "apikey": (_("API key"), _("API keys")),
    "calculation": (_("calculation"), _("calculations")),
    "collection": (_("collection"), _("collections")),
    "comment": (_("comment"), _("comments")),
    "peakfit": (_("peak fit"), _("peak fits")),
    "series": (_("series"), _("series")),
    "seriesanalysis": (_("analysis of a series"), _("analyses of series")),
    "site": (_("site"), _("sites")),
    "sourcefile": (_("source file"), _("source files")),
    "spectrum": (_("spectrum"), _("spectra")),
    "structure": (_("structure"), _("structures")),
    "trainedmodel": (_("trained model"), _("trained models")),
}


def label(name: str) -> str:
    """What people call a column."""
    return str(FIELDS.get(name, name.replace("_", " ")))


def name_all() -> None:
    """Give models, columns and their choices words in the language of whoever asks."""
    for model in apps.get_app_config("spectradb").get_models():
        _name(model)


def _name(model: type[Model]) -> None:
    options = model._meta
    if options.model_name in MODELS:
        options.verbose_name, options.verbose_name_plural = MODELS[options.model_name]
    for field in (*options.concrete_fields, *options.many_to_many):
        _describe(field)


def _describe(field: Field[Any, Any]) -> None:
    field.verbose_name = FIELDS.get(field.name, field.verbose_name)
    if field.choices:
        field.choices = [(value, _(str(words))) for value, words in field.flatchoices]

"""Forms of the admin: what a curator states of a site; a record's form is everybody's."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from compute.errors import InputError
from spectradb.forms import MEASURED, RecordForm, SeenForm
from spectradb.models import Site
from spectradb.words import in_words

__all__ = ["MEASURED", "RecordForm", "SeenForm", "SiteForm"]


class SiteForm(SeenForm):
    """What a curator states of a site."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=100,
        help_text=_("How it is known; kept in the history."),
    )

    class Meta:
        model = Site
        fields = ("oxidation_state",)
        help_texts = {
            "oxidation_state": _(
                "Used by calculations, searches and models as it stands. Emptied, it is derived "
                "again."
            )
        }

    def clean_oxidation_state(self) -> float | None:
        # The admin is loaded by every command; what analyses structures needs SciPy.
        from spectradb.services.structures.sites import check_state

        given: float | None = self.cleaned_data["oxidation_state"]
        if given is not None:
            try:
                check_state(f"{self.instance.element}[{self.instance.index}]", given)
            except InputError as error:
                raise forms.ValidationError(in_words(error)) from error
        return given

"""Forms of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.edges import normalise_edge, normalise_element
from spectradb.models import ApiKey


class RegisterForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """A new account; a curator may later grant more than contributing."""

    email = forms.EmailField(label=_("E-mail"), required=False)

    class Meta(BaseUserCreationForm.Meta):
        model = get_user_model()
        fields = ("username", "email")


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a key is for."""

    class Meta:
        model = ApiKey
        fields = ("name",)


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each within the size the site takes."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        limit = settings.SPECTRUM_MAX_MB
        cleaned = []
        for file in files:
            one = super().clean(file, initial)
            if one is None:
                continue
            if one.size > limit * 1e6:
                raise ValidationError(
                    gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
                    % {"name": one.name, "size": one.size / 1e6, "limit": limit}
                )
            cleaned.append(one)
        return cleaned


class UploadForm(forms.Form):
    """Files, and what they may not be able to say themselves."""

    files = FilesField(label=_("Files"))  # type: ignore[assignment]
    element = forms.CharField(label=_("Element"), max_length=2, required=False)
    edge = forms.CharField(label=_("Edge"), max_length=6, required=False)

    def clean_element(self) -> str:
        text = self.cleaned_data["element"].strip()
        if not text:
            return ""
        symbol = normalise_element(text)
        if symbol is None:
            raise ValidationError(gettext("%s is no element; write a symbol such as Cu.") % text)
        return symbol

    def clean_edge(self) -> str:
        text = self.cleaned_data["edge"].strip()
        if not text:
            return ""
        name = normalise_edge(text)
        if name is None:
            raise ValidationError(gettext("%s is no edge; write K, L3, L23 or M45.") % text)
        return name


class AbsorberForm(forms.Form):
    """Element and edge of a draft whose file could not say."""

    element = UploadForm.base_fields["element"]
    edge = UploadForm.base_fields["edge"]
    clean_element = UploadForm.clean_element
    clean_edge = UploadForm.clean_edge

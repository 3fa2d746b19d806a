"""Forms of the pages."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Model
from django.http import QueryDict
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


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that knows of which state of its row it was made.

    What somebody else has stored since is told, and nothing is saved over it unseen.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["seen"] = state_of(*self.rows())

    def rows(self) -> list[Model]:
        """The rows that the form changes, as they are stored."""
        return [self.instance]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        now, sent = self.initial.get("seen"), self.data
        if now is not None and found.get("seen") != now:
            # Sent once more, the form is saved: its reader knows now.
            self.data = QueryDict(mutable=True)
            self.data.update(sent)
            self.data[self.add_prefix("seen")] = now
            raise ValidationError(self._changed_words())
        return found

    def _changed_words(self) -> str:
        differ = []
        for name in self.changed_data:
            if name != "seen":
                label = self.fields[name].label or name.replace("_", " ")
                differ.append(f"{label}: “{self.initial.get(name) or '–'}”")
        told = gettext("It was changed since this page was opened; nothing is saved yet.")
        if differ:
            stored = "; ".join(differ)
            told += " " + gettext("Stored now, where you have something else: %s.") % stored
        return told + " " + gettext("Send it again to keep what stands here.")


def state_of(*rows: Model) -> str:
    """A short word that changes with any column of these rows but their arrays and files."""
    digest = hashlib.sha256()
    for row in rows:
        for column in row._meta.concrete_fields:
            if not isinstance(column, BinaryField) and column.name not in ("data", "trace"):
                digest.update(repr((column.name, column.value_from_object(row))).encode())
    return digest.hexdigest()[:32]


class AbsorberForm(forms.Form):
    """Element and edge of a draft whose file could not say."""

    element = UploadForm.base_fields["element"]
    edge = UploadForm.base_fields["edge"]
    clean_element = UploadForm.clean_element
    clean_edge = UploadForm.clean_edge

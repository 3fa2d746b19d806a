"""One's own account: a new password, all of its data as a file, its end."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, views
from django.contrib.auth.forms import PasswordResetForm, SetPasswordForm
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from spectradb.models import Spectrum
from spectradb.services.accounts.language import language_of
from spectradb.services.accounts.own_data import STAYS, delete_account, write_archive
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.site.throttle import throttled_posts

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class ChangePassword(views.PasswordChangeView):
    http_method_names = ["get", "head", "post"]
    template_name = "accounts/password.html"
    success_url = reverse_lazy("account")
    extra_context = {"change": True}

    def get_form_class(self) -> Any:
        """Nothing old is asked of an account that is opened by a provider and has none."""
        user = self.request.user
        assert user.is_authenticated  # by Django's view; for the type checker
        return super().get_form_class() if user.has_usable_password() else SetPasswordForm

    def form_valid(self, form: object) -> HttpResponse:
        messages.success(self.request, gettext("Your password is changed."))
        return super().form_valid(form)  # type: ignore[arg-type]


class _WithMail:
    """Only where a mail server is set."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not settings.EMAIL_HOST:
            raise Http404
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc,no-any-return]


class _ResetForm(PasswordResetForm):
    """Writes to whose account it is in their language; who asked may be anybody."""

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        with override(language_of(context["user"])):
            super().send_mail(
                subject_template_name,
                email_template_name,
                context,
                from_email,
                to_email,
                html_email_template_name,
            )


@method_decorator(throttled_posts("register"), name="dispatch")  # type: ignore[arg-type]
class ResetPassword(_WithMail, views.PasswordResetView):
    http_method_names = ["get", "head", "post"]
    form_class = _ResetForm
    template_name = "accounts/password.html"
    email_template_name = "accounts/reset_mail.txt"
    subject_template_name = "accounts/reset_subject.txt"
    success_url = reverse_lazy("login")

    def form_valid(self, form: object) -> HttpResponse:
        words = gettext("If an account has this address, a link is on its way to it.")
        messages.success(self.request, words)
        return super().form_valid(form)  # type: ignore[arg-type]


class NewPassword(_WithMail, views.PasswordResetConfirmView):
    http_method_names = ["get", "head", "post"]
    template_name = "accounts/password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: object) -> HttpResponse:
        messages.success(self.request, gettext("Your password is changed."))
        return super().form_valid(form)  # type: ignore[arg-type]


@login_required
@require_safe
def archive(request: HttpRequest) -> FileResponse:
    """Everything that the account holds."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    file = tempfile.TemporaryFile(prefix="spectradb-")  # noqa: SIM115 (the response closes it)
    write_archive(request.user, file)  # type: ignore[arg-type]
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename="spectradb-account.zip")


@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Say what goes and what stays; with the password, do it."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    user = request.user
    mine = Spectrum.objects.filter(contributor=user)
    error = ""
    if request.method == "POST":
        if user.is_superuser:
            error = gettext("An administrator’s account is deleted by another administrator.")
        elif not _confirmed(user, request.POST.get("password", "")):
            error = (
                gettext("This is not your password.")
                if user.has_usable_password()
                else gettext("This is not your user name.")
            )
        else:
            logout(request)
            delete_account(user)
            messages.success(request, gettext("Your account is deleted."))
            return redirect("home")
    context = {
        "error": error,
        "n_gone": mine.exclude(status__in=STAYS).count(),
        "n_stay": mine.filter(status__in=STAYS).count(),
    }
    return render(request, "accounts/delete.html", context, status=400 if error else 200)


def _confirmed(user: User, text: str) -> bool:
    """By the password; by the name of an account that has none."""
    return user.check_password(text) if user.has_usable_password() else text == user.username

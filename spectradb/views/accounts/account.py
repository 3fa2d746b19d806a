"""Accounts: register, one's own page with keys and spectra, theme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from spectradb.forms import ApiKeyForm, RegisterForm
from spectradb.models import ApiKey, Spectrum
from spectradb.services.accounts import register as service
from spectradb.services.accounts.language import remember_language
from spectradb.services.accounts.roles import CONTRIBUTOR, CURATOR, may_contribute, may_curate
from spectradb.services.accounts.sign_in import SignInForm
from spectradb.services.imports.at_hand import adopt
from spectradb.views.accounts import openid
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.site.brought import tokens_of
from spectradb.views.site.context import THEMES
from spectradb.views.site.throttle import throttled_posts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_YEAR = 365 * 24 * 3600


class SignIn(LoginView):
    """Django's own; what the visitor brought goes along."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        return super().get_context_data(**values) | {
            "mail": bool(settings.EMAIL_HOST),
            "providers": openid.providers(),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        adopt(form.get_user(), tokens_of(self.request))
        remember_language(form.get_user())  # of accounts from before it was kept
        return answer


@require_http_methods(["GET", "HEAD", "POST"])
@throttled_posts("register")
def register(request: HttpRequest) -> HttpResponse:
    """A new contributor; what they send is seen by nobody until a curator publishes it."""
    if request.user.is_authenticated:
        return redirect("account")
    if not service.may_register():
        raise PermissionDenied(gettext("Accounts are made by the administrators of this site."))
    form = RegisterForm(request.POST or None, with_mail=service.mails())
    if request.method == "POST" and form.is_valid() and (user := _made(form)) is not None:
        if service.waits():
            return _waiting(request, user)
        login(request, user)
        adopt(user, tokens_of(request))
        messages.success(request, gettext("Your account is ready. You can send spectra now."))
        return redirect("account")
    context = {"form": form, "waits": service.waits(), "mails": service.mails()}
    return render(request, "accounts/register.html", context)


def _made(form: RegisterForm) -> User | None:
    """The account; None, and the form says so, where the same name was sent at the same time."""
    try:
        with transaction.atomic():
            user: User = form.save()
            service.admit(user)
    except IntegrityError:
        form.add_error("username", gettext("This name was taken just now; choose another one."))
        return None
    return user


def _waiting(request: HttpRequest, user: User) -> HttpResponse:
    """What a new account waits for, told on the page for signing in."""
    if service.mails():
        path = reverse("register-confirm", args=[service.token_of(user)])
        service.send_link(user, request.build_absolute_uri(path))
        messages.info(request, gettext("A link was mailed to you: open it to use your account."))
    else:
        words = gettext("Your account is made; an administrator opens it before you can sign in.")
        messages.info(request, words)
    return redirect("login")


@require_safe
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail."""
    if service.confirm(token) is None:
        raise PermissionDenied(gettext("This link is too old, was used, or is none of ours."))
    messages.success(request, gettext("Your account is ready. Sign in to send spectra."))
    return redirect("login")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Keys, drafts and roles of the person signed in; a new key is shown once."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    form = ApiKeyForm(request.POST or None)
    issued = ""
    if request.method == "POST" and form.is_valid():
        _key, issued = ApiKey.issue(request.user, form.cleaned_data["name"])
        form = ApiKeyForm()
    mine = (
        Spectrum.objects.filter(contributor_id=request.user.pk)
        .without_arrays()
        .order_by("-created")
    )
    roles = []
    if may_curate(request.user):
        roles.append(CURATOR)
    if may_contribute(request.user):
        roles.append(CONTRIBUTOR)
    response = render(
        request,
        "accounts/account.html",
        {
            "form": form,
            "issued": issued,
            "keys": ApiKey.objects.filter(user=request.user).order_by("-created"),
            "mine": mine[:50],
            "roles": roles,
            "may_curate": may_curate(request.user),
            **_identities(request.user),
        },
    )
    if issued:
        response["Cache-Control"] = "no-store"
    return response


def _identities(user: User) -> dict[str, Any]:
    """What else opens the account, and what could."""
    names = openid.providers()
    mine = list(SocialAccount.objects.filter(user=user)) if names else []
    taken = {one.provider for one in mine}
    return {
        "identities": [(one, names.get(one.provider, one.provider)) for one in mine],
        "providers": {key: name for key, name in names.items() if key not in taken},
    }


@login_required
@require_POST
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=pk, user=request.user)
    key.revoked = True
    key.save(update_fields=["revoked"])
    messages.success(request, gettext("The key %s no longer works.") % key.prefix)
    return redirect("account")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep light or dark in a cookie, for readers without scripts; then back to the page."""
    chosen = request.POST.get("theme", "")
    response = HttpResponseRedirect(_back(request))
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
        )
    else:
        response.delete_cookie("theme")
    return response


def _back(request: HttpRequest) -> str:
    to = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(to, {request.get_host()}, request.is_secure())
    return to if safe else "/"

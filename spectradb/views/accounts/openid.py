"""Signing in by ORCID or another OpenID Connect provider; off unless the settings name one.

A provider's word opens the account that was connected to it, or makes a new one. It never finds an
account by an e-mail address: who has one connects it while signed in. The protocol (state, PKCE,
tokens and their claims) is django-allauth's; who gets an account, and what is kept of a person, is
decided here.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.openid_connect.views import callback, login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from spectradb.services.accounts import register
from spectradb.services.imports.at_hand import adopt
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.site.brought import tokens_of
from spectradb.views.site.throttle import throttled

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_log = logging.getLogger(__name__)


def providers() -> dict[str, str]:
    """Names of the providers that people may sign in with, by id."""
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    return {app["provider_id"]: app["name"] for app in apps}


@never_cache
@require_POST
@throttled
def leave(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the reader to the provider.

    By a page that goes on, since the policy of content lets forms end on this site only.
    """
    try:
        answer: HttpResponse = login(request, provider_id)
    except RequestException as error:
        _log.warning("%s cannot be asked: %s", provider_id, error)
        messages.error(request, gettext("This provider does not answer; try again later."))
        return redirect("login")
    if answer.status_code != 302:
        return answer
    context = {"to": answer["Location"], "name": providers()[provider_id]}
    page = render(request, "accounts/leave.html", context)
    page["Refresh"] = f"0; url={answer['Location']}"
    return page


@never_cache
@require_safe
def come_back(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The provider sends the reader here, with a word that is exchanged for who they are."""
    answer: HttpResponse = callback(request, provider_id)
    return answer


@login_required
@require_POST
def disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget an identity of the account; not the last way to sign in."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    mine = SocialAccount.objects.filter(user=request.user)
    one = get_object_or_404(mine, pk=pk)
    if mine.count() == 1 and not request.user.has_usable_password():
        words = gettext("This is the only way into your account: set a password first.")
        messages.error(request, words)
    else:
        one.delete()
        messages.success(request, gettext("It no longer opens your account."))
    return redirect("account")


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """What is the same however a person signs in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return register.may_register()

    def add_message(self, request: HttpRequest, level: int, *told: Any, **more: Any) -> None:
        """Only what went wrong: that one is signed in is seen on every page."""
        if level >= messages.WARNING:
            super().add_message(request, level, *told, **more)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        words = gettext("Your account is made; an administrator opens it before you can sign in.")
        messages.info(request, words)
        return redirect("login")

    def post_login(self, request: HttpRequest, user: User, **told: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, **told)
        adopt(user, tokens_of(request))
        return answer


class Identities(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Who a provider's word is, and what is kept of what it says: a number and, once, a name."""

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        verified = [one.email for one in sociallogin.email_addresses if one.verified]
        user.email = verified[0] if verified else ""
        sociallogin.email_addresses = []  # the account's own address is the only one kept
        sociallogin.account.extra_data = {}
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Neither a second account of a verified address nor the first one by it."""
        if sociallogin.is_existing or sociallogin.state.get("process") == "connect":
            return
        address = sociallogin.user.email
        if address and get_user_model().objects.filter(email__iexact=address).exists():
            words = gettext(
                "An account here has your e-mail address: sign in to it, and connect it there."
            )
            messages.error(request, words)
            raise ImmediateHttpResponse(redirect("login"))
        if not register.may_register():
            words = gettext("Accounts are made by the administrators of this site.")
            messages.error(request, words)
            raise ImmediateHttpResponse(redirect("login"))

    def save_user(
        self, request: HttpRequest, sociallogin: SocialLogin, form: object = None
    ) -> User:
        """A new account; that of the same first sign-in elsewhere where it was made just now."""
        try:
            with transaction.atomic():
                user: User = super().save_user(request, sociallogin, form)
                register.admit(user, confirmed=bool(user.email))
        except IntegrityError:
            account = sociallogin.account
            same = SocialAccount.objects.filter(provider=account.provider, uid=account.uid)
            made = same.select_related("user").first()
            if made is None:  # the name alone was taken meanwhile
                messages.error(request, gettext("Somebody signed up at the same time: try again."))
                raise ImmediateHttpResponse(redirect("login")) from None
            user = made.user
            sociallogin.account, sociallogin.user = made, user
        return user

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        return settings.LOGIN_REDIRECT_URL if request.user.is_anonymous else "/account/"

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: object = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> NoReturn:
        _log.warning("%s: %s %s", provider.app.provider_id, error, exception)
        words = gettext("%s did not tell who you are; you are not signed in by it.")
        messages.error(request, words % provider.app.name)
        raise ImmediateHttpResponse(
            redirect("account" if request.user.is_authenticated else "login")
        )

"""New accounts: at once, after a link in a mail or an administrator's word, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.core.signing import BadSignature, TimestampSigner
from django.utils.translation import gettext

from spectradb.services.accounts.language import remember_language
from spectradb.services.accounts.roles import CONTRIBUTOR, give_role

if TYPE_CHECKING:
    from django.contrib.auth.models import User

KEEP_SECONDS = 3 * 24 * 3600
_signer = TimestampSigner(salt="spectradb.register")


def may_register() -> bool:
    """Whether visitors make accounts here."""
    return bool(settings.REGISTRATION != "closed")


def waits() -> bool:
    """Whether a new account waits before it can be used."""
    return bool(settings.REGISTRATION == "confirm")


def mails() -> bool:
    """Whether what it waits for is a link that is mailed; an administrator's word otherwise."""
    return waits() and bool(settings.EMAIL_HOST)


def admit(user: User, *, confirmed: bool = False) -> None:
    """Give a new account its role and language; where accounts wait, it cannot sign in yet.

    ``confirmed`` where somebody whom we believe has verified its e-mail address: no link has to.
    """
    give_role(user, CONTRIBUTOR)
    remember_language(user)
    if waits() and not (mails() and confirmed):
        user.is_active = False
        user.save(update_fields=["is_active"])


def send_link(user: User, address: str) -> None:
    """Mail the link that opens the account; ``address`` ends where its token goes."""
    words = gettext("Open this address to use your account %(name)s: %(address)s")
    told = {"name": user.get_username(), "address": address}
    send_mail(gettext("Your SpectraDB account"), words % told, None, [user.email])


def token_of(user: User) -> str:
    """A signed word for the link; good for three days and once."""
    return _signer.sign(str(user.pk))


def confirm(token: str) -> User | None:
    """The account that a link opens, now usable; None for a link that is none or too old."""
    try:
        pk = int(_signer.unsign(token, max_age=KEEP_SECONDS))
    except (BadSignature, ValueError):
        return None
    # Whoever has signed in before was closed by an administrator since: no link opens that.
    rows = get_user_model().objects.filter(pk=pk, is_active=False, last_login=None)
    if not rows.update(is_active=True):
        return None
    return get_user_model().objects.get(pk=pk)

"""Changes to users: temporary passwords and the first administrator."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from webapp.accounts.announcing import announce
from webapp.accounts.models import User

# No letters or digits that look alike: this is read out over a telephone.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
BLOCKS = 4
BLOCK_LENGTH = 5
FIRST_ADMINISTRATOR = "admin"
VERIFICATION_ACCOUNT = "appliance-verification"
# A question takes minutes on a slow processor; what kills the playbook in between keeps nobody from being shut out.
VERIFICATION_LASTS = timedelta(minutes=30)


def build_temporary_password() -> str:
    """Four blocks of five characters: about 99 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(BLOCK_LENGTH)) for _ in range(BLOCKS))


def reset_password(user: User) -> str:
    """Give ``user`` a temporary password, to be changed at the next log-in, and return it: it is stored nowhere.

    The user's open sessions end, because a session is bound to the password's hash.
    """
    password = build_temporary_password()
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    return password


def ensure_administrator(*, password: str | None = None) -> tuple[str, str | None]:
    """Create the first administrator if there is none. Return the name and, if it was created now, its password.

    ``password``: the first one, which has to be changed at the first log-in like any other; made up when left out.
    """
    with transaction.atomic():
        existing = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("id").first()
        if existing is not None:
            return existing.username, None
        password = password or build_temporary_password()
        user = User.objects.create_superuser(_free_name(), password=password, must_change_password=True)
        announce(None, "user.create", user, {"username": user.username, "administrator": True})
        return user.username, password


def _free_name() -> str:
    name, number = FIRST_ADMINISTRATOR, 1
    while User.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{FIRST_ADMINISTRATOR}{number}"
    return name


def open_verification_account() -> tuple[str, str]:
    """Let the account that tries an installation out log in: its name and a new password, stored nowhere.

    It may do what everybody may, and is shut with :func:`close_verification_account`; after half an hour by itself.
    """
    password = build_temporary_password()
    with transaction.atomic():
        user, _ = User.objects.select_for_update().get_or_create(username=VERIFICATION_ACCOUNT)
        user.set_password(password)
        user.is_active, user.must_change_password, user.is_staff, user.is_superuser = True, False, False, False
        user.expires_at = timezone.now() + VERIFICATION_LASTS
        user.save()
        user.groups.clear()
        announce(None, "user.activate", user)
    return user.username, password


def close_verification_account() -> bool:
    """Refuse the account. Its sessions end, because a session is bound to the password's hash. False: it was shut."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(username=VERIFICATION_ACCOUNT, is_active=True).first()
        if user is None:
            return False
        user.set_unusable_password()
        user.is_active = False
        user.save(update_fields=["password", "is_active"])
        announce(None, "user.deactivate", user)
    return True

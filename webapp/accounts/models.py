"""Who may log in. Groups are Django's own."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A member of staff. ``must_change_password`` is set when somebody else chose the password.

    ``expires_at`` is for an account that is meant for minutes: from then on it neither logs in nor stays logged in,
    whether or not anybody came back to close it.
    """

    must_change_password = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(AbstractUser.Meta):
        # Log-in takes any spelling of a name: two people whose names differ in case only would lock each other out.
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="accounts_user_name_in_any_case",
                violation_error_message=_(
                    "There is a user with this name already. Capital letters make no difference."
                ),
            )
        ]

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def check_password(self, raw_password: str | None) -> bool:
        return not self.has_expired and super().check_password(raw_password)

    def get_session_auth_hash(self) -> str:
        """Sessions are compared with this at each request; those of an expired account are like nothing."""
        return "" if self.has_expired else super().get_session_auth_hash()

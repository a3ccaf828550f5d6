"""Who may log in. Groups are Django's own."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """A member of staff. ``must_change_password`` is set when somebody else chose the password."""

    must_change_password = models.BooleanField(default=False)

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

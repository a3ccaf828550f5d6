"""Who may log in. Groups are Django's own."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A member of staff. ``must_change_password`` is set when somebody else chose the password."""

    must_change_password = models.BooleanField(default=False)

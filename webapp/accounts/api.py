"""What other rooms may ask about users."""

from django.contrib.auth.models import Group


def group_ids(*, user_id: int) -> frozenset[int]:
    """The ids of the groups that the user belongs to; empty for an unknown user."""
    return frozenset(Group.objects.filter(user=user_id).values_list("id", flat=True))


def list_groups() -> list[tuple[int, str]]:
    """Every group as (id, name), by name: what an owner can share a collection with."""
    return list(Group.objects.order_by("name").values_list("id", "name"))

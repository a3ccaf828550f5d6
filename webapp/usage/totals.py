"""Sums over calls."""

from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q, Sum

from webapp.usage.models import Call
from webapp.usage.types import Grouping, Total

FIELDS: dict[Grouping, str] = {"user": "user_id", "model": "model", "kind": "kind", "status": "status"}


def compute_totals(since: datetime, group_by: Grouping) -> list[Total]:
    field = FIELDS[group_by]
    rows = (
        Call.objects.filter(started_at__gte=since)
        .values(field)
        .annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=Q(status=Call.Status.FAILED)),
            tokens_in=Sum("input_tokens"),
            tokens_out=Sum("output_tokens"),
            total_cost=Sum("cost"),
        )
        .order_by(field)
    )
    return [
        Total(
            key="" if row[field] is None else str(row[field]),
            calls=row["calls"],
            failed=row["failed"],
            input_tokens=row["tokens_in"] or 0,
            output_tokens=row["tokens_out"] or 0,
            cost=row["total_cost"] or Decimal(0),
        )
        for row in rows
    ]

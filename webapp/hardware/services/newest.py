"""Which sample of an engine is the newest: the one that arrived last, whatever the host's clock said.

Samples are found by the host's clock, which may be set back: those that were taken "later" than the newest are then
few, because a clock more than an hour away is refused.
"""

from datetime import timedelta

from webapp.hardware.models import Engine, EngineSample

MAX_CLOCK_DIFFERENCE_SECONDS = 3600.0
# From an hour ahead of ours to an hour behind.
SET_BACK = timedelta(seconds=2 * MAX_CLOCK_DIFFERENCE_SECONDS)


def find_newest_engine_sample(engine: Engine) -> EngineSample | None:
    samples = EngineSample.objects.filter(engine=engine)
    latest = samples.order_by("-taken_at").values_list("taken_at", flat=True).first()
    if latest is None:
        return None
    return samples.filter(taken_at__gte=latest - SET_BACK).order_by("-received_at", "-taken_at").first()

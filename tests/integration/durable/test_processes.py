"""A process that is killed loses its lease to the next one; nobody has to tell."""

import subprocess
import sys
import time
from datetime import datetime

import pytest
from django.db import connection

from appliance.settings import environment
from tests.integration.durable.conftest import Work
from webapp.durable import api
from webapp.durable.errors import LeaseLost
from webapp.durable.types import LeaseGrant

LEASE_SECONDS = 1.0
DEADLINE_SECONDS = 60

OWNER = """
import sys, time
from uuid import UUID
import django
from django.conf import settings

database, kind, subject_id, lease_seconds = sys.argv[1:]
settings.DATABASES["default"]["NAME"] = database
django.setup()
from webapp.durable import api

api.register(kind=kind, task_name="test", max_attempts=3, lease_seconds=float(lease_seconds))
grant = api.acquire(kind=kind, subject_id=UUID(subject_id))
with api.hold(grant) as held:
    print(grant.owner, grant.fence, flush=True)
    time.sleep(600)
"""


@pytest.mark.django_db(transaction=True)
def test_killed_owner_is_succeeded_and_a_living_one_is_not(work: Work) -> None:
    work.register(lease_seconds=LEASE_SECONDS)
    subject_id = work.enqueue()
    arguments = [str(connection.settings_dict["NAME"]), work.kind, str(subject_id), str(LEASE_SECONDS)]
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, *arguments], stdout=subprocess.PIPE, text=True, cwd=environment.REPOSITORY
    ) as process:
        try:
            assert process.stdout is not None
            owner, fence = process.stdout.readline().split()
            # The owner's heartbeat moves the expiry on, again and again.
            expiries: set[datetime | None] = set()
            deadline = time.monotonic() + DEADLINE_SECONDS
            while len(expiries) < 6:
                assert time.monotonic() < deadline
                assert api.acquire(kind=work.kind, subject_id=subject_id) is None
                expiries.add(work.get_lease(subject_id).expires_at)
                time.sleep(0.05)
        finally:
            process.kill()
    successor = None
    while successor is None:
        assert time.monotonic() < deadline
        successor = api.acquire(kind=work.kind, subject_id=subject_id)
    assert successor.attempt == 2
    dead = LeaseGrant(work.kind, subject_id, owner, int(fence), attempt=1)
    with pytest.raises(LeaseLost):
        api.finish(dead)
    api.finish(successor)

"""What the accounts room tells whoever listens."""

from django.dispatch import Signal

# Sent inside the transaction of every change to people and groups, with action (such as user.deactivate), actor_id
# (None: the operator's command), object_type, object_id, detail and ip. A receiver that fails undoes the change.
people_changed = Signal()

"""Why an attempt stops before its end without anything having gone wrong."""


class Interrupted(Exception):
    """The attempt was asked to stop."""


class CancelRequested(Interrupted):
    """The person who asked does not want the answer any more."""


class WorkerDraining(Interrupted):
    """This worker is being stopped: another one continues."""

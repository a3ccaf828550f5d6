"""Why nothing was measured."""


class BenchError(Exception):
    """The load was not run; the message says what is missing and what to do."""


class TargetUnreachableError(BenchError):
    """Nothing answers at one of the addresses, or not with a model: start it, or correct the address."""


class LoadFailedError(BenchError):
    """Some of the requests failed, so that the figures would not be those of the load that was asked for."""


class LoadsDifferError(BenchError):
    """Two of the ways did not get the same load, so that a ratio would compare different things."""

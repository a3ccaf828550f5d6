"""What can go wrong in the hardware room."""


class HardwareError(Exception):
    """The base of this room's errors."""


class UnusableReading(HardwareError):
    """What a host gave is not a reading; the message says why. Both sides have to be of one release."""


class ClockTooFar(HardwareError):
    """A host's clock is so far from ours that its readings cannot be put on one axis with the others."""

    def __init__(self, host: str, difference_seconds: float) -> None:
        side = "ahead of" if difference_seconds > 0 else "behind"
        hours = abs(difference_seconds) / 3600
        super().__init__(
            f"the clock of {host} is {hours:.1f} hours {side} ours, so its readings are not kept; set the clock right "
            "(on the host: timedatectl)"
        )
        self.difference_seconds = difference_seconds

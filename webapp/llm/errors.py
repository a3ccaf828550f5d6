"""What can go wrong between us and a model. ``retryable`` says whether the same call may succeed later."""


class LlmError(Exception):
    """The model could not be used."""

    retryable = False


class NoModel(LlmError):
    """No model is installed for this role. Name one in appliance.yaml and run `bin/appliance up`."""

    def __init__(self, role: str) -> None:
        super().__init__(
            f"no model is installed in the role {role!r}; name one in appliance.yaml, run `bin/appliance up`"
        )
        self.role = role


class EngineUnavailable(LlmError):
    """The engine did not take the call, or broke off: it may be starting. See `bin/appliance status`."""

    retryable = True


class EngineBusy(EngineUnavailable):
    """The engine is well and its queue is full. See `model.max_running` and `model.max_waiting`."""


class EngineTimeout(LlmError):
    """The engine took the call and then said nothing for too long. See `bin/appliance logs engine`."""

    retryable = True


class EngineRefused(LlmError):
    """The engine understood the request and refused it; repeating it will not help."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code

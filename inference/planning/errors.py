"""Why no figure can be computed for a model."""


class PlanningError(Exception):
    """No figure can be computed from what is known about the model."""


class FactMissingError(PlanningError):
    """A fact about the architecture that the formula needs is not known: find its config.json and cite it."""


class ConfigWrongError(PlanningError):
    """A configuration has a value of a kind that sizing cannot read: correct it in config.json, or copy the file again
    from where the model came from."""


class MeasuredOnlyError(PlanningError):
    """The formulas do not describe this architecture: what it needs can only be measured."""


class GpuUnknownError(PlanningError):
    """There is no such GPU in the catalogue."""


class CannotShareError(PlanningError):
    """The model cannot be shared evenly by so many GPUs."""

"""Why a model is not quantised, each with what to do."""

from inference.registry.errors import ModelError


class QuantizationError(ModelError):
    """The model cannot be quantised so."""


class ParentUnfitError(QuantizationError):
    """The parent's weights are not what the recipe needs."""


class AlreadyQuantizedError(QuantizationError):
    """The parent's weights are quantised: take the model that they were made from."""


class CalibrationError(QuantizationError):
    """The text to calibrate with cannot be used."""


class OtherWorkError(QuantizationError):
    """Something else was begun under this name."""


class NameTakenError(QuantizationError):
    """Another model has this name in the store."""


class RunFailedError(QuantizationError):
    """The program that quantises ended without a result; its log says why."""


class MemoryMissingError(QuantizationError):
    """The machine has too little memory for the largest piece."""

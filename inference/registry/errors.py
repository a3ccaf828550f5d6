"""What can be wrong with a model, each with the file it is about and what to do."""

from pathlib import Path


class ModelError(Exception):
    """The model cannot be served as it is."""


class CheckpointError(ModelError):
    """A model directory that will not be served. ``path`` is the file or directory at fault."""

    def __init__(self, path: Path, problem: str, fix: str) -> None:
        super().__init__(f"{path}: {problem} {fix}")
        self.path = path
        self.problem = problem
        self.fix = fix


class CheckpointMissingError(CheckpointError):
    """There is no such directory."""


class ConfigUnreadableError(CheckpointError):
    """``config.json`` is missing or is not a JSON object."""


class AdapterAloneError(CheckpointError):
    """A LoRA adapter where a model was expected: an engine loads it beside its model."""


class ArchitectureUnsupportedError(CheckpointError):
    """``config.json`` names an architecture this appliance does not serve."""


class PurposeError(CheckpointError):
    """The model is for something else than what it was named for."""


class CodeInCheckpointError(CheckpointError):
    """The directory brings Python code, or a configuration that asks for it."""


class UnsafeWeightsError(CheckpointError):
    """The directory holds weights in a format that can execute code when it is loaded."""


class WeightsMissingError(CheckpointError):
    """There are no safetensors weights, or some that the index names are absent."""


class TokenizerMissingError(CheckpointError):
    """There is no tokenizer the engine can read."""


class ChatTemplateMissingError(CheckpointError):
    """The tokenizer has no chat template, so a conversation cannot be turned into a prompt."""


class OtherLicenceError(CheckpointError):
    """The model's licence is another one than was acknowledged."""


class GpuNeededError(CheckpointError):
    """The engine's build for CPUs cannot load models of this class."""


class ModelTooBigError(ModelError):
    """The model's weights cannot fit this machine, whatever else is stopped."""


class CatalogueError(ModelError):
    """``models.yaml`` says something it may not: correct the keys that are named."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__(f"{path} is not a catalogue of models: {'; '.join(problems)}.")
        self.path = path
        self.problems = problems


class OwnCatalogueError(CatalogueError):
    """``appliance.yaml`` describes a model of its own wrongly: correct the keys that are named."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        ModelError.__init__(self, f"{path} describes a model wrongly: {'; '.join(problems)}.")
        self.path = path
        self.problems = problems


class CardError(ModelError):
    """A model card that cannot be written: a file or one of its markers is not where it belongs."""


class NotFetchedError(ModelError):
    """The model is on a hub and not yet on this machine: fetch it before the engine is started."""

"""Why a model directory is refused, beyond what :mod:`inference.registry.errors` names: one class a kind."""

from inference.registry.errors import CheckpointError, ConfigUnreadableError, UnsafeWeightsError, WeightsMissingError


class LinkInCheckpointError(CheckpointError):
    """A symbolic link: what it leads to could change, or lie outside of the directory."""


class HardLinkError(CheckpointError):
    """A file with a second name somewhere else, under which it could be changed."""


class SpecialFileError(CheckpointError):
    """A pipe, socket or device, or more or deeper files than a model has."""


class DisguisedFileError(UnsafeWeightsError):
    """A file whose contents are not what its name says: a pickle, an archive or a program."""


class DuplicateKeyError(ConfigUnreadableError):
    """A JSON file that says the same key twice: two readers could understand two things."""


class HeaderError(WeightsMissingError):
    """A safetensors header that describes no tensors that could be there."""


class IndexLiesError(WeightsMissingError):
    """An index that says something else about the shards than they do."""


class SecondCopyError(CheckpointError):
    """The same weights in two formats, and nothing that says which are meant."""


class LooseModeError(CheckpointError):
    """A file or folder that every user of the machine may change."""


class WrongOwnerError(CheckpointError):
    """Root would load what another user may change."""


class MarkerMissingError(CheckpointError):
    """A folder of the store whose marker is lost or damaged: nothing says which model it is."""


class ManifestMissingError(CheckpointError):
    """A model in the store without a manifest, or with one that cannot be read."""


class ManifestChangedError(CheckpointError):
    """The manifest is not the one that was written at the import."""


class FileMissingError(CheckpointError):
    """A file that the manifest names is not there."""


class ExtraFileError(CheckpointError):
    """A file that the manifest does not name."""


class FileChangedError(CheckpointError):
    """A file that is not the one the manifest has the sum of."""


class SignatureError(CheckpointError):
    """A signature that is required and is missing, or does not hold."""

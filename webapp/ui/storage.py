"""Static files under names that carry their hash once they have been collected, and under plain names before that.

``collectstatic`` writes the manifest. Without one (tests, a fresh checkout) WhiteNoise serves straight from the
applications' folders, so nobody has to collect files in order to see a page.
"""

from pathlib import Path
from typing import Any

from django.contrib.staticfiles.storage import StaticFilesStorage
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # its base has no types
    """The production storage, tolerant of a manifest that has not been written yet."""

    support_js_module_import_aggregation = True

    def url(self, name: str | None, force: bool = False) -> str:
        if not self.hashed_files:
            return StaticFilesStorage.url(self, name)
        address: Any = super().url(name, force)
        return str(address)


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # its base has no types
    """Serves them. A folder that ``collectstatic`` has not made yet holds nothing, and that is no reason to warn."""

    def add_files(self, root: str, prefix: str | None = None) -> None:
        if Path(root).is_dir():
            super().add_files(root, prefix)

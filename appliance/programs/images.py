"""The container images: which component runs in which, and where things lie in them.

The chart's Pods and the Containerfiles agree through these values.
"""

from dataclasses import dataclass
from pathlib import Path

from appliance.programs.application import Installation
from appliance.topology import ENGINE

ROOT = Path("/opt/appliance")
DATA_DIR = Path("/var/lib/appliance")
CONFIG = Path("/etc/appliance/config/appliance.yaml")
TLS = Path("/etc/appliance/tls")
DATABASE_CA = Path("/etc/appliance/database/ca.crt")
# Not in the data directory: there they would have to have been imported, which a read-only volume does not allow.
MODELS = Path("/srv/models")
USER_ID = 10001


@dataclass(frozen=True)
class Image:
    """One image: its name, its Python, and the components that run in it."""

    name: str
    python: Path
    components: tuple[str, ...]


IMAGES = {
    "webapp": Image(
        "appliance-webapp",
        ROOT / "webapp" / "bin" / "python",
        ("setup", "web", "worker", "ingester", "scheduler", "egress"),
    ),
    "inference": Image(
        "appliance-inference",
        ROOT / "inference" / "bin" / "python",
        ("embedder", "engine", "engine-proxy"),
    ),
}
IN_IMAGES = Installation(root=ROOT, config=CONFIG, python=IMAGES["webapp"].python)


def find_image(component: str) -> str:
    """The key in :data:`IMAGES` of the image that ``component`` runs in."""
    known = ENGINE if component.startswith(f"{ENGINE}-") and component != "engine-proxy" else component
    return next(key for key, image in IMAGES.items() if known in image.components)

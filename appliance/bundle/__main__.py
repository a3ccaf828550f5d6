"""``python -m appliance.bundle check FOLDER [--part PATH ...]``: check an offline set and print its manifest.

With ``--part``, the manifest of those folders and files only: what one host is sent.
"""

import argparse
import sys
from pathlib import Path

from appliance.bundle.folder import check
from inference.registry.manifest import ManifestError, format_manifest, select

EXIT_UNUSABLE = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="appliance.bundle", description=__doc__)
    verb = parser.add_subparsers(dest="verb", required=True).add_parser("check")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--part", action="append", default=[])
    arguments = parser.parse_args()
    try:
        sums = check(arguments.folder)
    except (ManifestError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    chosen = select(sums, arguments.part) if arguments.part else sums
    if missing := [part for part in arguments.part if not select(sums, [part])]:
        sys.stderr.write(f"{arguments.folder} holds no {', '.join(missing)}, which this host needs.\n")
        return EXIT_UNUSABLE
    sys.stdout.write(format_manifest(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())

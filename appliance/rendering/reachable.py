"""``python -m appliance.rendering.reachable``: judge port scans by the topology. Reads JSON, prints JSON.

A scan says from which address it looked; what the flows let that address reach has to be open, and nothing else.
"""

import json
import sys
from typing import Any

from appliance.rendering.host import choose_model, list_reachable
from appliance.rendering.site import RenderingError, Site, build_site

EXIT_UNUSABLE = 3


def judge(site: Site, place: str, scans: list[dict[str, Any]]) -> dict[str, Any]:
    """``found``: what each address found; ``problems``: in words, where that is not exactly the topology's ports."""
    problems = []
    for scan in scans:
        expected, found = set(), set(scan["open"])
        for each in site.list_places(place):
            expected |= set(list_reachable(site, scan["from"], each))
        problems += [f"{scan['from']} reaches port {port}, which no flow needs." for port in sorted(found - expected)]
        problems += [f"{scan['from']} does not reach port {port}." for port in sorted(expected - found)]
    return {"found": {scan["from"]: scan["open"] for scan in scans}, "problems": problems}


def main() -> int:
    document = json.load(sys.stdin)
    try:
        settings = choose_model(document["settings"], model=document.get("model"), device=document["device"])
        site = build_site(settings, document["addresses"])
    except RenderingError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_UNUSABLE
    sys.stdout.write(json.dumps(judge(site, document["place"], document["scans"])) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

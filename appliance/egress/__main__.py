"""``python -m appliance.egress``: listen where the topology says, until SIGTERM."""

import asyncio
import logging
import signal
import sys

from appliance.egress.allowing import AllowList
from appliance.egress.tunnels import Bounds, Egress
from appliance.settings import Settings, SettingsError, load
from appliance.topology import build_topology

logger = logging.getLogger("appliance.egress")
EXIT_UNUSABLE = 3


async def serve(settings: Settings, bounds: Bounds) -> None:
    port = build_topology(settings).port("egress")
    egress = Egress(AllowList.read(settings.egress.allow), bounds)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(egress.accept, port.bind, port.number, limit=bounds.head_bytes)
    allowed = ", ".join(settings.egress.allow) or "nothing"
    logger.info("listening on %s port %s; allowed: %s", port.bind, port.number, allowed)
    await stop.wait()
    server.close()
    await egress.drain()
    logger.info("stopped")


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = load()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNUSABLE)
    if settings.layout == "embedded":
        sys.stderr.write("Layout embedded has no egress: nothing of it reaches out. Layouts hosts and kubernetes do.\n")
        sys.exit(EXIT_UNUSABLE)
    try:
        asyncio.run(serve(settings, Bounds()))
    except OSError as error:
        sys.stderr.write(f"egress: {error}\n")
        sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()

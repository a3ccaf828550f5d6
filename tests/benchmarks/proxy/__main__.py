"""``make bench-proxy``: medians of interleaved rounds, as times and as ratios to the direct way.

nginx takes part when it is found (or named with ``--nginx``): the same paths, client certificates, no buffering.
"""

import argparse
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from inference.serving.argv import ProxyTls
from inference.serving.command import Command
from tests.benchmarks.proxy.measuring import RULES, Way, compare
from tests.engines.certificates import Authority
from tests.engines.launch import answers, free_port, running, running_engine_proxy, running_scripted_engine

DIRECT = "direct"
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 8m; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {tls.certificate_file}; ssl_certificate_key {tls.key_file};
    ssl_client_certificate {tls.ca_file}; ssl_verify_client on; ssl_session_tickets off; ssl_session_cache off;
    proxy_buffering off; proxy_http_version 1.1; proxy_read_timeout 1h;
    location = /v1/chat/completions {{ proxy_pass {engine}; }}
    location = /v1/models {{ proxy_pass {engine}; }}
    location / {{ return 404; }}
  }}
}}
"""


@contextmanager
def running_nginx(program: str, folder: Path, engine: str, tls: ProxyTls, client: ssl.SSLContext) -> Iterator[str]:
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, tls=tls, engine=engine))
    command = Command((program, "-e", f"{folder}/nginx-start.log", "-c", str(config)), {"PATH": "/usr/bin:/bin"})
    url = f"https://127.0.0.1:{port}"
    with running(
        command,
        log=folder / "nginx.log",
        ready=lambda: answers(f"{url}/v1/models", verify=client),
        deadline_seconds=10,
    ):
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nginx", default=shutil.which("nginx", path="/usr/sbin:/usr/bin"))
    given = parser.parse_args()
    with ExitStack() as started, tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority = Authority(folder)
        tls, mine = authority.issue("gpu", purpose="server"), authority.issue("application", purpose="client")
        for key in folder.glob("*.key"):
            key.chmod(0o644)  # nginx's workers are another user
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(mine.ca_file)
        client.load_cert_chain(mine.certificate_file, mine.key_file)
        engine = started.enter_context(running_scripted_engine(folder))
        httpx.post(f"{engine}/__script", json=RULES, trust_env=False).raise_for_status()
        plain = started.enter_context(running_engine_proxy(folder, engine_url=engine))
        secure = started.enter_context(running_engine_proxy(folder, engine_url=engine, tls=tls, client=client))
        ways = [Way(DIRECT, engine), Way("engine-proxy", plain.url), Way("engine-proxy, TLS", secure.url, client)]
        if given.nginx:
            url = started.enter_context(running_nginx(given.nginx, folder, engine, tls, client))
            ways.append(Way("nginx, TLS", url, client))
        show(compare(ways, given.rounds))


def show(found: dict[str, dict[str, float]]) -> None:
    for measure, of_way in found.items():
        sys.stdout.write(f"{measure}\n")
        for name, milliseconds in of_way.items():
            sys.stdout.write(f"  {name:<20} {milliseconds:8.2f} ms  {milliseconds / of_way[DIRECT]:5.2f} x direct\n")


if __name__ == "__main__":
    main()

"""``python -m tests.benchmarks.retrieval --data FOLDER``: one table of nDCG@10 and times.

FOLDER is a collection in BEIR layout. It starts a PostgreSQL and an embedder of its own, and leaves nothing behind.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests import plugin  # makes a temporary installation before Django reads its settings
from tests.benchmarks.retrieval.collection import Collection, read_collection


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="corpus.jsonl, queries.jsonl, qrels/test.tsv")
    arguments = parser.parse_args()
    try:
        return _run(arguments.data)
    finally:
        plugin.pytest_unconfigure()


def _run(folder: Path) -> int:
    from appliance.local.identity import ensure_identity
    from appliance.local.postgres import EmbeddedPostgres
    from appliance.settings import environment
    from appliance.settings import load as load_settings
    from tests.engines.launch import running_embedder

    collection = read_collection(folder)
    settings = load_settings()
    identity = ensure_identity(environment.REPOSITORY, plugin.INSTALLATION)
    for needed in (settings.data_dir, settings.run_dir, settings.log_dir):
        needed.mkdir(parents=True, exist_ok=True, mode=0o755)
        identity.own(needed)
    server = EmbeddedPostgres(settings, identity)
    server.initialise()
    with (
        tempfile.TemporaryDirectory() as logs,
        plugin.running(server.build_command(), settings.log_dir / "postgres.log", _answers(server.connect)),
        running_embedder(Path(logs)) as embedder,
    ):
        server.ensure_database()
        _measure(collection, embedder)
    return 0


def _answers(connect: Callable[[], "psycopg.Connection[tuple[object, ...]]"]) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            connect().close()
        except psycopg.OperationalError:
            return False
        return True

    return ready


def _measure(collection: Collection, embedder: str) -> None:
    from webapp.config import boot

    boot.select_settings()
    import django

    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from django.core.management import call_command
    from django.db import connections

    from tests.benchmarks.retrieval import measuring

    try:
        call_command("migrate", "search", verbosity=0)
        start = time.perf_counter()
        vectors = measuring.embed(embedder, list(collection.documents.values()))
        embedded = time.perf_counter() - start
        asked = dict(zip(collection.queries, measuring.embed(embedder, list(collection.queries.values())), strict=True))
        inserted = measuring.load(collection, vectors)
        count = len(collection.documents)
        _say(f"{count} texts, {len(asked)} questions; embedded in {embedded:.0f} s, inserted in {inserted:.1f} s")
        _say(f"{'':32}nDCG@10   ms (median)")
        for way, score, milliseconds in measuring.measure(collection, asked):
            _say(f"{way:32}{score:7.4f}   {milliseconds:8.1f}")
    finally:
        connections.close_all()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

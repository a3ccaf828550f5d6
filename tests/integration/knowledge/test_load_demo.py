"""``manage.py load_demo`` keeps the collection equal to the files, and does nothing twice."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from webapp.accounts.models import User
from webapp.knowledge import api
from webapp.knowledge.models import Collection, Document
from webapp.knowledge.services import ingestion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ports.md").write_text("# Ports\n\nThe web page listens on port 8400.", encoding="utf-8")
    (tmp_path / "docs" / "data.md").write_text("# Data\n\nNo data leaves the appliance.", encoding="utf-8")
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "docs" / "empty.md").write_text("", encoding="utf-8")
    (tmp_path / "docs" / "README.md").write_text("# Index\n\n- [Ports](ports.md)", encoding="utf-8")
    return tmp_path


def load(folder: Path, *arguments: str) -> str:
    output = io.StringIO()
    call_command("load_demo", "--path", str(folder / "docs"), *arguments, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def worker(embedding_endpoint: str) -> Iterator[None]:
    """Does what a worker would: indexes what is queued, until the test ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            for document_id in Document.objects.filter(status="queued").values_list("pk", flat=True):
                ingestion.ingest(document_id)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def test_collection_is_loaded_and_indexed_for_everyone(folder: Path, worker: None, ben: User) -> None:
    admin = User.objects.create_superuser("admin")
    output = load(folder, "--wait")
    assert "2 documents added, 0 replaced, 0 removed, 0 unchanged" in output
    assert output.endswith("2 of 2 documents indexed\n")
    collection = Collection.objects.get()
    assert (collection.name, collection.everyone, collection.owner_id) == ("About this appliance", True, admin.pk)
    found = api.retrieve(user_id=ben.pk, query="Which data leaves the appliance?", collection_ids=None)
    assert found.passages[0].text == "Data\n\nNo data leaves the appliance."
    assert "0 documents added, 0 replaced, 0 removed, 2 unchanged" in load(folder, "--wait")


def test_changed_and_vanished_files_are_followed(folder: Path) -> None:
    load(folder)
    kept = Document.objects.get(filename__endswith="data.md").pk
    (folder / "docs" / "ports.md").write_text("# Ports\n\nNow 8500.", encoding="utf-8")
    assert "0 documents added, 1 replaced, 0 removed, 1 unchanged" in load(folder)
    (folder / "docs" / "ports.md").rename(folder / "docs" / "addresses.md")
    assert "1 documents added, 0 replaced, 1 removed, 1 unchanged" in load(folder)
    assert Document.objects.filter(pk=kept).exists()
    assert Document.objects.count() == 2


def test_files_that_swap_their_content_are_both_replaced(folder: Path) -> None:
    load(folder)
    ports, data = folder / "docs" / "ports.md", folder / "docs" / "data.md"
    first, second = ports.read_bytes(), data.read_bytes()
    ports.write_bytes(second)
    data.write_bytes(first)
    assert "0 documents added, 2 replaced, 0 removed, 0 unchanged" in load(folder)


def test_collection_without_administrator_gets_one_later(folder: Path) -> None:
    load(folder)
    assert Collection.objects.get().owner_id is None
    Collection.objects.update(name="Renamed", everyone=False)
    admin = User.objects.create_superuser("admin")
    load(folder)
    collection = Collection.objects.get()
    assert (collection.owner_id, collection.name, collection.everyone) == (admin.pk, "Renamed", False)


def test_what_people_upload_to_the_collection_stays(folder: Path, ben: User) -> None:
    admin = User.objects.create_superuser("admin")
    load(folder)
    collection = Collection.objects.get()
    clerk = User.objects.create_user("clerk")
    theirs = {}
    for user, name in ((admin, "plan.md"), (clerk, "note.md")):
        Collection.objects.update(owner=user)
        theirs[name] = api.upload_document(
            user_id=user.pk, collection_id=collection.pk, filename=name, content=f"# {name}".encode()
        ).id
    clerk.delete()  # an upload of somebody whose account is gone is still no file of the command's

    assert "0 documents added, 0 replaced, 0 removed, 2 unchanged" in load(folder)
    assert set(Document.objects.filter(maintained=False).values_list("pk", flat=True)) == set(theirs.values())


def test_file_that_somebody_uploaded_before_is_not_loaded_twice(folder: Path) -> None:
    admin = User.objects.create_superuser("admin")
    load(folder)
    content = b"# Faults\n\nCall the office."
    theirs = api.upload_document(
        user_id=admin.pk, collection_id=Collection.objects.get().pk, filename="faults.md", content=content
    ).id
    (folder / "docs" / "faults.md").write_bytes(content)
    assert "0 documents added, 0 replaced, 0 removed, 2 unchanged" in load(folder)
    (folder / "docs" / "faults.md").unlink()
    load(folder)
    assert Document.objects.filter(pk=theirs).exists()


def test_deleted_collection_stays_away_until_it_is_asked_for(folder: Path) -> None:
    admin = User.objects.create_superuser("admin")
    load(folder)
    api.delete_collection(user_id=admin.pk, collection_id=Collection.objects.get().pk)
    assert "has been deleted and is not made again" in load(folder, "--wait")
    assert not Collection.objects.exists()
    assert "2 documents added" in load(folder, "--restore")
    assert "2 unchanged" in load(folder)


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="docs does not exist"):
        load(tmp_path)


def test_waiting_without_worker_ends_with_what_to_look_at(folder: Path) -> None:
    with pytest.raises(CommandError, match="bin/appliance status"):
        load(folder, "--wait", "--timeout", "0")

"""Nobody sees, finds or guesses what is not theirs: one suite over every function of the face."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.knowledge.conftest import Index
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.knowledge import api
from webapp.knowledge.errors import NotAllowed, NotFound
from webapp.knowledge.models import Chunk, Collection, RetrievedChunk
from webapp.knowledge.models import Retrieval as RetrievalRow

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "# Salaries\n\nThe director's salary is ninety thousand pounds and the bonus is confidential."
OTHER = "# Canteen\n\nThe canteen opens at noon and serves soup, bread and the soup of the day."


class Place:
    """Ann's collection with one document, and what a thief would need to know of it."""

    def __init__(self, ann: User, index: Index) -> None:
        self.ann = ann
        self.id = api.create_collection(user_id=ann.pk, name="Salaries").id
        self.document_id = index(ann, self.id, SECRET, filename="salaries.md").id
        self.chunk_ids = list(Chunk.objects.filter(document_id=self.document_id).values_list("pk", flat=True))

    def share(self, *, groups: tuple[Group, ...] = (), everyone: bool = False) -> None:
        api.update_collection(
            user_id=self.ann.pk,
            collection_id=self.id,
            name="Salaries",
            description="",
            group_ids=[group.pk for group in groups],
            everyone=everyone,
        )


@pytest.fixture
def place(ann: User, index: Index) -> Place:
    return Place(ann, index)


def sees(user: User, place: Place) -> list[str]:
    """The ways in which the user gets at the place; all or nothing is the only right answer."""
    ways: dict[str, Callable[[], object]] = {
        "list_collections": lambda: place.id in {info.id for info in api.list_collections(user_id=user.pk)},
        "get_collection": lambda: api.get_collection(user_id=user.pk, collection_id=place.id),
        "list_documents": lambda: api.list_documents(user_id=user.pk, collection_id=place.id),
        "get_document": lambda: api.get_document(user_id=user.pk, document_id=place.document_id),
        "get_document_view": lambda: api.get_document_view(user_id=user.pk, document_id=place.document_id),
        "get_passages": lambda: api.get_passages(user_id=user.pk, chunk_ids=place.chunk_ids),
        "retrieve": lambda: _retrieved(user, None) & set(place.chunk_ids),
        "retrieve in it": lambda: _retrieved(user, [place.id]) & set(place.chunk_ids),
    }
    open_ways = []
    for name, way in ways.items():
        try:
            if way():
                open_ways.append(name)
        except NotFound:
            continue
    return open_ways


ALL_WAYS = [
    "list_collections",
    "get_collection",
    "list_documents",
    "get_document",
    "get_document_view",
    "get_passages",
    "retrieve",
    "retrieve in it",
]


def _retrieved(user: User, collection_ids: list[UUID] | None) -> set[int]:
    found = api.retrieve(user_id=user.pk, query="director's salary bonus", collection_ids=collection_ids, k=50)
    return {passage.chunk_id for passage in found.passages}


def test_owner_sees_and_a_stranger_sees_nothing(ann: User, ben: User, place: Place) -> None:
    assert sees(ann, place) == ALL_WAYS
    assert sees(ben, place) == []


def test_staff_and_superusers_are_strangers_too(place: Place) -> None:
    assert sees(User.objects.create_user("clerk", is_staff=True), place) == []
    assert sees(User.objects.create_superuser("root"), place) == []


def test_group_opens_and_leaving_it_closes(ben: User, team: Group, place: Place) -> None:
    assert sees(ben, place) == []
    place.share(groups=(team,))
    assert sees(ben, place) == ALL_WAYS
    ben.groups.remove(team)
    assert sees(ben, place) == []


def test_unsharing_closes(ben: User, team: Group, place: Place) -> None:
    place.share(groups=(team,), everyone=True)
    place.share()
    assert sees(ben, place) == []


def test_deleted_group_closes(ben: User, team: Group, place: Place) -> None:
    place.share(groups=(team,))
    team.delete()
    assert sees(ben, place) == []


def test_everyone_is_every_active_user(ben: User, place: Place) -> None:
    place.share(everyone=True)
    assert sees(ben, place) == ALL_WAYS
    ben.is_active = False
    ben.save()
    assert sees(ben, place) == []


def test_inactive_owner_sees_nothing(ann: User, place: Place) -> None:
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert sees(ann, place) == []


def test_each_of_two_users_finds_only_their_own(ann: User, ben: User, place: Place, index: Index) -> None:
    own = api.create_collection(user_id=ben.pk, name="Canteen")
    mine = index(ben, own.id, OTHER)
    for query in ("director's salary", "salary OR soup", "'; SELECT text FROM knowledge_chunk --", "the", ""):
        found = api.retrieve(user_id=ben.pk, query=query, collection_ids=None, k=50)
        assert {passage.document_id for passage in found.passages} <= {mine.id}
        asked = api.retrieve(user_id=ben.pk, query=query, collection_ids=[place.id, own.id, uuid4()], k=50)
        assert {passage.document_id for passage in asked.passages} <= {mine.id}
    assert {passage.document_id for passage in api.retrieve(
        user_id=ann.pk, query="soup", collection_ids=None, k=50
    ).passages} == {place.document_id}  # fmt: skip


def test_no_collections_chosen_finds_nothing(ann: User, place: Place) -> None:
    assert _retrieved(ann, []) == set()


def test_guessed_ids_give_the_same_answer_as_ids_that_do_not_exist(ben: User, place: Place) -> None:
    def message(call: Callable[[], object]) -> str:
        with pytest.raises(NotFound) as caught:
            call()
        return str(caught.value)

    for real, unreal in ((place.document_id, uuid4()), (place.id, uuid4())):
        for face in (api.get_document, api.get_document_view, api.delete_document, api.retry_document):
            assert message(lambda: face(user_id=ben.pk, document_id=real)) == message(  # noqa: B023 - called at once
                lambda: face(user_id=ben.pk, document_id=unreal)  # noqa: B023
            )
        for change in (api.get_collection, api.list_documents, api.delete_collection):
            assert message(lambda: change(user_id=ben.pk, collection_id=real)) == message(  # noqa: B023
                lambda: change(user_id=ben.pk, collection_id=unreal)  # noqa: B023
            )
    everything = list(range(max(place.chunk_ids) + 50))
    assert api.get_passages(user_id=ben.pk, chunk_ids=[*everything, -1, 2**70]) == []


def test_readers_may_not_change(ann: User, ben: User, team: Group, place: Place) -> None:
    place.share(groups=(team,))
    info = api.get_collection(user_id=ben.pk, collection_id=place.id)
    assert (info.may_write, info.group_ids) == (False, ())
    assert not api.get_document(user_id=ben.pk, document_id=place.document_id).may_write
    for attempt in (
        lambda: api.upload_document(user_id=ben.pk, collection_id=place.id, filename="a.md", content=b"x"),
        lambda: api.delete_document(user_id=ben.pk, document_id=place.document_id),
        lambda: api.retry_document(user_id=ben.pk, document_id=place.document_id),
        lambda: api.delete_collection(user_id=ben.pk, collection_id=place.id),
        lambda: api.update_collection(
            user_id=ben.pk, collection_id=place.id, name="Mine", description="", group_ids=[], everyone=True
        ),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert api.get_collection(user_id=ann.pk, collection_id=place.id).group_ids == (team.pk,)
    assert sees(ann, place) == ALL_WAYS


def test_staff_change_what_they_can_read_only_when_it_has_no_owner(
    ann: User, ben: User, team: Group, place: Place
) -> None:
    User.objects.filter(pk=ben.pk).update(is_staff=True)
    with pytest.raises(NotFound):
        api.delete_document(user_id=ben.pk, document_id=place.document_id)
    place.share(groups=(team,))
    with pytest.raises(NotAllowed):
        api.delete_document(user_id=ben.pk, document_id=place.document_id)
    assert not api.get_collection(user_id=ben.pk, collection_id=place.id).may_write
    ann.delete()
    assert api.get_collection(user_id=ben.pk, collection_id=place.id).may_write
    api.delete_document(user_id=ben.pk, document_id=place.document_id)


def test_deleted_document_is_gone_everywhere(ann: User, place: Place) -> None:
    api.delete_document(user_id=ann.pk, document_id=place.document_id)
    assert sees(ann, place) == ["list_collections", "get_collection"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM search.knowledge_chunk_rows")
        assert cursor.fetchone() == (0,)


def test_deleted_collection_takes_everything_along(ann: User, place: Place) -> None:
    api.delete_collection(user_id=ann.pk, collection_id=place.id)
    assert sees(ann, place) == []
    assert Chunk.objects.count() == 0


def test_collection_outlives_its_owners_account(ann: User, ben: User, team: Group, place: Place) -> None:
    place.share(groups=(team,))
    ann.delete()
    assert Collection.objects.get().owner_id is None
    assert sees(ben, place) == ALL_WAYS


def test_ranking_is_one_statement_with_the_permission_inside(ann: User, place: Place) -> None:
    with CaptureQueriesContext(connection) as captured:
        api.retrieve(user_id=ann.pk, query="salary", collection_ids=None)
    [ranking] = [query["sql"] for query in captured.captured_queries if "<#>" in query["sql"]]
    assert "<=>" in ranking
    for word in ("knowledge_collection", "auth_group", "is_active"):
        assert word in ranking


def test_retrieval_is_recorded_without_text(ann: User, place: Place) -> None:
    run_id = uuid4()
    found = api.retrieve(user_id=ann.pk, query="director's salary", collection_ids=[place.id], run_id=run_id)
    assert found.passages[0].rank == 1
    assert "ninety thousand" in found.passages[0].text
    row = RetrievalRow.objects.get(pk=found.id)
    assert (row.user_id, row.run_id, row.collection_ids) == (ann.pk, run_id, [place.id])
    first = RetrievedChunk.objects.get(retrieval=row, rank=1)
    assert (first.chunk_id, first.document_id) == (place.chunk_ids[0], place.document_id)
    assert first.score == pytest.approx(found.passages[0].score)
    assert (first.lexical_rank, first.dense_rank) == (1, 1)
    api.delete_retrievals(run_ids=[run_id])
    assert RetrievedChunk.objects.count() == 0


def test_changes_are_audited(ann: User, place: Place) -> None:
    place.share(everyone=True)
    api.delete_document(user_id=ann.pk, document_id=place.document_id)
    api.delete_collection(user_id=ann.pk, collection_id=place.id)
    actions = AuditEvent.objects.filter(actor_id=ann.pk).order_by("pk").values_list("action", "object_id")
    assert list(actions) == [
        ("collection.create", str(place.id)),
        ("document.upload", str(place.document_id)),
        ("collection.update", str(place.id)),
        ("document.delete", str(place.document_id)),
        ("collection.delete", str(place.id)),
    ]

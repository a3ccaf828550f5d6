"""The migration operation that makes a table searchable."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from webapp.search.statements import build_creation, build_removal
from webapp.search.types import SearchIndex


class AddSearchIndex(Operation):
    """Create the index described by ``index`` for a table that exists; depend on ``("search", "0001_initial")``."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, index: SearchIndex) -> None:
        self.index = index

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.index], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Models do not know of the index."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        _execute(schema_editor, build_creation(self.index))

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        _execute(schema_editor, build_removal(self.index))

    def describe(self) -> str:
        return f"Make {self.index.table} searchable"


def _execute(schema_editor: BaseDatabaseSchemaEditor, statements: Sequence[str]) -> None:
    for statement in statements:
        schema_editor.execute(statement, params=None)

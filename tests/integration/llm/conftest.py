"""The scripted engine as the model that generates; and nothing known about any endpoint when a test begins."""

import pytest

from webapp.llm.services import endpoints, routing


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    routing.forget()


@pytest.fixture
def engine(db: None, scripted_engine: str) -> str:
    endpoints.set_model(
        role="generate",
        url=scripted_engine,
        model_name="scripted-test-engine",
        name="Scripted",
        detail={"max_context_tokens": 8192},
    )
    return scripted_engine

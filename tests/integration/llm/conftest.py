"""The scripted engine as the model that generates."""

import pytest

from webapp.llm.services import endpoints


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

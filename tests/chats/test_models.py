"""GET /api/models: what can be chosen."""

from tests.support.answers import data_of, refusal


def test_the_first_model_that_the_operator_named_is_the_default(alice):
    assert data_of(alice.get("/api/models")) == [
        {"id": "tiny", "name": "tiny", "provider": "openai-compatible", "default": True, "efforts": []},
        {"id": "small", "name": "small", "provider": "openai-compatible", "default": False, "efforts": []},
    ]


def test_nobody_sees_the_models_without_signing_in(app):
    refusal(app.test_client().get("/api/models"), 401, "UNAUTHENTICATED")

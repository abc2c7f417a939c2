"""Whatever schemathesis invents from the description: no server error, and no status, type, header or body that is not
in it.

MACROCHAT_API_EXAMPLES (15) is how many requests of each kind an operation gets; MACROCHAT_API_SEED plays others than
those of the suite, which are the same at every run.
"""

from __future__ import annotations

import os

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from macrochat.openapi.catalogue import OPERATIONS
from tests.api.caller import MODELS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if "MACROCHAT_API_SEED" in os.environ else 120)]

EXAMPLES = int(os.environ.get("MACROCHAT_API_EXAMPLES", "15"))
SEED = os.environ.get("MACROCHAT_API_SEED")
IDS = [operation.id for operation in OPERATIONS.values()] + ["updateChatWithPut"]

# A fresh one for every request: these take away what they are asked about.
CONSUMING = {"deleteChat", "revokeKey", "endSession"}
ENDING_SESSIONS = {"logOutEverywhere"}
BODIES_WITH_RULES = {
    "createChat",
    "updateChat",
    "updateChatWithPut",
    "sendMessage",
    "sendUIMessage",
    "createKey",
    "register",
}
# What fits the schema may still be a model that nobody has, a text that shows nothing, a byte that is not there yet, a
# cursor that the server never gave.
CHOOSY = BODIES_WITH_RULES | {"listChats", "getChat", "followChat", "followReply", "followTrace"}
# Texts are trimmed before they are measured, and odd earlier messages are let be: what fits no schema may be accepted.
TOLERANT = BODIES_WITH_RULES | {"listChats", "updateMe", "resumeUIMessage", "stopUIMessage"}


@pytest.fixture(scope="module")
def invented(description):
    """The description as schemathesis reads it. Credentials are the caller's affair."""
    load_all_checks()
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_dict(description, config=config)


@pytest.mark.parametrize("operation_id", IDS)
def test_nothing_happens_that_is_not_described(site, caller, operator, invented, operation_id):
    operation = invented.find_operation_by_id(operation_id)
    who = operator if operation.tags == ["Operations"] else caller
    excluded = [check for name, ids in EXCLUDED.items() if operation_id in ids for check in CHECKS.get_by_names([name])]
    security = operation.definition.raw["security"]
    fixed = own_ids(operation, who) if operation_id not in CONSUMING else {}

    with requests.Session() as session:
        session.trust_env = False

        @play
        @given(case=cases(operation, fixed), model=st.sampled_from((None, *MODELS)), is_odd=st.booleans())
        def ask(case, model, is_odd):
            if operation_id in ENDING_SESSIONS:
                who.sign_up()
            if operation_id in CONSUMING and case.meta.generation.mode is GenerationMode.POSITIVE:
                case.path_parameters = own_ids(operation, who)
            if operation_id == "continueReply" and case.path_parameters == fixed and is_odd:
                case.path_parameters = {"replyId": who.new_broken_reply()}
            if model and isinstance(case.body, dict) and "model" in case.body:
                case.body = case.body | {"model": model}
            headers = who.headers(security) | ({"Accept": "text/event-stream"} if is_odd else {})
            answer = call(case, site, session, headers)
            if answer is not None:
                case.validate_response(answer, headers=headers, excluded_checks=excluded)

        ask()


@pytest.mark.parametrize("operation_id", ["getMe", "createChat", "listKeys"])
def test_invented_credentials_open_no_door(site, description, operation_id):
    operation = schemathesis.openapi.from_dict(description).find_operation_by_id(operation_id)

    @play
    @given(case=operation.as_strategy(GenerationMode.POSITIVE))
    def ask(case):
        answer = case.call(base_url=site.url, timeout=30)
        case.validate_response(answer, checks=CHECKS.get_by_names(list(CONFORMANCE)))
        assert answer.status_code in (400, 401)

    ask()


CONFORMANCE = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
EXCLUDED = {
    "positive_data_acceptance": CHOOSY,
    "negative_data_rejection": TOLERANT,
    # These send the request once more in another way, which the checks of the table of guards do better.
    "ignored_auth": IDS,
    "unsupported_method": IDS,
}


def play(test):
    bounded = settings(
        max_examples=EXAMPLES,
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    return bounded(test if SEED is None else seed(int(SEED))(test))


def cases(operation, fixed):
    """Requests that fit the description, and requests that do not; about things that are not there, and `fixed` ones."""
    is_variable = any((operation.query, operation.headers, operation.body))
    strategies = [operation.as_strategy(GenerationMode.POSITIVE)]
    if is_variable or operation.path_parameters:
        strategies.append(operation.as_strategy(GenerationMode.NEGATIVE))
    if fixed:
        strategies.append(operation.as_strategy(GenerationMode.POSITIVE, path_parameters=fixed))
        if is_variable:
            strategies.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=fixed))
    return st.one_of(strategies)


def own_ids(operation, who):
    return {parameter.name: who.new(parameter.name) for parameter in operation.path_parameters}


def call(case, site, session, headers):
    """The answer; None for a reply's body that breaks off, as that of a failed reply must."""
    try:
        return case.call(base_url=site.url, session=session, headers=headers, timeout=30)
    except requests.exceptions.ChunkedEncodingError:
        return None

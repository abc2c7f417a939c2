"""What every model's template takes: the user first, both in turn, nothing empty."""

import itertools

import pytest

from macrochat.replies.writing.conversation import in_turn, newer_half, newest

SYSTEM = {"role": "system", "content": "Be brief."}
SAID = ["", " \n", "one", "two"]


def messages(*said):
    return [{"role": {"u": "user", "a": "assistant"}[who], "content": content} for who, content in said]


def check(turns):
    assert [turn["role"] for turn in turns] == [("user", "assistant")[k % 2] for k in range(len(turns))]
    assert all(turn["content"].strip() for turn in turns)


# vllm-project/vllm#6862 (two in a row), epam/ai-dial-adapter-vertexai#164 (nothing said)
def test_an_answer_of_white_space_is_left_out_and_what_the_user_said_in_a_row_becomes_one():
    assert in_turn(messages(("u", "one"), ("a", " \n"), ("u", "two"))) == messages(("u", "one\n\ntwo"))


def test_two_answers_in_a_row_as_an_import_may_hold_them_become_one():
    said = messages(("u", "q"), ("a", "one"), ("a", "two"), ("u", "r"))
    assert in_turn(said) == messages(("u", "q"), ("a", "one\n\ntwo"), ("u", "r"))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 20])
# ahwurm/localharness#17
def test_any_window_of_any_conversation_has_the_shape(most):
    for length in range(1, 5):
        for said in itertools.product(itertools.product("ua", SAID), repeat=length):
            turns = newest(in_turn(messages(*said, ("u", "question"))), most)
            check(turns)
            assert turns[-1]["content"].endswith("question")
            assert len(turns) <= most


def test_every_half_has_the_shape_down_to_the_question_alone():
    said = [SYSTEM, *messages(*((("u", "a")[k % 2], str(k)) for k in range(19)))]
    while len(shorter := newer_half(said)) < len(said):
        assert shorter[0] == SYSTEM
        check(shorter[1:])
        assert shorter[-1] == said[-1]
        said = shorter
    assert said == [SYSTEM, *messages(("u", "18"))]

"""A call aside is a call: its value, its errors, its context and what is thrown into it are those of a plain one."""

from __future__ import annotations

import contextvars
import gc
import weakref

import gevent
import greenlet
import pytest
from gevent.event import Event

from macrochat.stacks import call_aside, in_thread

word = contextvars.ContextVar("word", default="none")


class Stop(BaseException):
    pass


def test_it_takes_arguments_and_returns_the_value():
    assert call_aside(divmod, 7, 2) == (3, 1)
    assert call_aside(dict, one=1) == {"one": 1}


def test_it_may_wait_and_be_nested():
    def outer():
        gevent.sleep(0.01)
        return call_aside(inner) + 1

    def inner():
        gevent.sleep(0.01)
        return 1

    assert call_aside(outer) == 2


def test_others_run_while_it_waits():
    said = []
    other = gevent.spawn(said.append, "other")
    call_aside(gevent.sleep, 0.01)
    said.append("caller")
    other.join()
    assert said == ["other", "caller"]


def test_its_error_is_raised_here_with_the_place_it_came_from():
    with pytest.raises(ZeroDivisionError) as caught:
        call_aside(lambda: 1 / 0)
    assert caught.traceback[-1].name == "<lambda>"


def test_context_variables_go_in_and_come_out():
    def exchange():
        found = word.get()
        gevent.sleep(0)
        word.set("out")
        return found

    def caller():
        word.set("in")
        return call_aside(exchange), word.get()

    assert gevent.spawn(caller).get() == ("in", "out")
    assert word.get() == "none"


def test_a_greenlet_that_has_no_context_yet_keeps_what_was_set():
    def caller():
        call_aside(word.set, "kept")
        return word.get()

    assert greenlet.greenlet(caller).switch() == "kept"


def test_a_kill_is_raised_where_the_function_waits():
    seen = []

    def wait():
        try:
            gevent.sleep(60)
        except Stop:
            seen.append("function")
            gevent.sleep(0.01)  # it may still wait while it tidies up
            seen.append("tidy")
            raise

    def caller():
        try:
            call_aside(wait)
        except Stop:
            seen.append("caller")
            return "stopped"

    job = gevent.spawn(caller)
    gevent.sleep(0.01)
    job.kill(Stop, block=False)
    assert job.get(timeout=60) == "stopped"
    assert seen == ["function", "tidy", "caller"]


def test_what_the_function_survives_its_caller_survives():
    def stubborn():
        try:
            gevent.sleep(60)
        except Stop:
            return "went on"

    job = gevent.spawn(call_aside, stubborn)
    gevent.sleep(0.01)
    job.kill(Stop, block=False)
    assert job.get(timeout=60) == "went on"


def test_a_second_kill_reaches_a_function_that_still_tidies_up():
    seen = []

    def wait():
        try:
            gevent.sleep(60)
        finally:
            try:
                gevent.sleep(60)
            finally:
                seen.append("gone")

    job = gevent.spawn(call_aside, wait)
    for _ in range(2):
        gevent.sleep(0.01)
        job.kill(Stop, block=False)
    with pytest.raises(Stop):
        job.get(timeout=60)
    assert seen == ["gone"]


def test_a_plain_kill_ends_the_caller_too():
    seen = []

    def caller():
        call_aside(gevent.sleep, 60)
        seen.append("went on")

    job = gevent.spawn(caller)
    gevent.sleep(0.01)
    job.kill(timeout=60)
    assert isinstance(job.value, gevent.GreenletExit)
    assert seen == []


def test_the_callers_time_out_ends_the_function():
    ended = Event()

    def wait():
        try:
            gevent.sleep(60)
        finally:
            ended.set()

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        call_aside(wait)
    assert ended.is_set()


def test_a_call_that_was_killed_keeps_nothing_it_was_given():
    class Argument:
        pass

    def wait(_argument):
        gevent.sleep(60)

    def caller():
        argument = Argument()
        given.append(weakref.ref(argument))
        try:
            call_aside(wait, argument)
        except Stop:
            return

    given = []
    gc.disable()
    try:
        job = gevent.spawn(caller)
        gevent.sleep(0.01)
        job.kill(Stop, block=False)
        job.join()
        assert given[0]() is None
    finally:
        gc.enable()


def test_what_fails_in_a_thread_is_raised_to_the_caller_and_printed_nowhere(capfd):
    """gevent prints it, traceback and all, although the caller handles it."""

    def fail(word, *, more):
        raise OSError(word + more)

    with pytest.raises(OSError, match="the disk is full"):
        in_thread(fail, "the disk", more=" is full")
    assert in_thread(divmod, 7, 2) == (3, 1)
    gevent.sleep(0.05)
    assert capfd.readouterr() == ("", "")

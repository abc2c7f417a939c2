"""Calls on a stack of their own, and calls in a thread.

A greenlet keeps the deepest stack it ever had: the interpreter's frames lie in pages that stay its own until it ends. A
greenlet that makes a deep call and then waits for minutes – as each open stream's do – should make that call here.
(Figures: docs/performance.md.)
"""

from __future__ import annotations

import contextvars
import functools
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import gevent
from flask import g, has_app_context
from greenlet import GreenletExit, getcurrent, greenlet  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

THREAD_SECONDS = "thread_seconds"  # in `g`
P = ParamSpec("P")
T = TypeVar("T")


def call_aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)`, with the caller's context variables, as if it were called here.

    Whatever is thrown into the caller meanwhile (a kill, a time-out) is raised inside the function, where it waits.
    """
    child = greenlet(function)  # when it ends, it goes on here: this greenlet is its parent
    child.gr_context = _context()
    go_on: Callable[[], Any] = functools.partial(child.switch, *args, **kwargs)
    try:
        while True:
            try:
                result = go_on()
                break
            except BaseException as error:
                if child.dead:
                    raise
                go_on = functools.partial(child.throw, error)
    finally:
        del go_on  # an error in it holds this frame, and so what the function was given
    if isinstance(result, GreenletExit):  # a greenlet that ends so returns it
        raise result
    return result  # type: ignore[no-any-return]


def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)` in gevent's thread pool, so that the event loop goes on. Raises what it raises.

    Errors come out as values: gevent would print what a thread raises, traceback and all, though the caller handles it.
    The CPU time it took is added to the request's `g.thread_seconds`.
    """

    def attempt() -> tuple[T | None, Exception | None, float]:
        began = time.thread_time()
        try:
            return function(*args, **kwargs), None, time.thread_time() - began
        except Exception as error:  # noqa: BLE001 – it is raised below
            return None, error, time.thread_time() - began

    result, error, seconds = gevent.get_hub().threadpool.apply(attempt)
    if has_app_context():
        setattr(g, THREAD_SECONDS, g.get(THREAD_SECONDS, 0.0) + seconds)
    if error is not None:
        raise error
    return cast(T, result)


def answer_aside(wsgi_app: WSGIApplication) -> WSGIApplication:
    """The same application; what it does before the first byte of a body leaves no stack behind."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return call_aside(wsgi_app, environ, start_response)

    return answer


def _context() -> contextvars.Context:
    """The current one itself, no copy: what the function sets stays set."""
    here = getcurrent()
    if here.gr_context is None:
        contextvars.copy_context()  # makes one
    return here.gr_context  # type: ignore[no-any-return]

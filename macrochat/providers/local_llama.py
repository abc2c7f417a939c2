"""The embedded model's own process: llama.cpp's server in this interpreter, loopback only, until it is told to end.

    python -P local_llama.py WEIGHTS PORT ALIAS

A script that imports nothing of ours, so that the process holds the model and not the whole application.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import xllamacpp

SLOTS = 4  # answers written at the same time; more of them queue
CONTEXT_TOKENS = 4096  # per slot; 23 kB each, so 377 MB in all
MAX_ANSWER_TOKENS = 1024  # a model this small can run in circles: it ends with finish_reason "length" then

# A prompt is read in batches of this many tokens, and each batch begins with the next token of every answer that is
# being written. The default of 2048 made all of them stand still for 8 s while one long prompt was read; 64 cost about
# 0.3 s a batch on two cores. (A second prompt may still have to wait until the first was read: 16 s at worst.)
BATCH_TOKENS = 64

MAX_THREADS = 8  # more do not make a model of this size faster
NICENESS = 2  # the web server on the same cores goes first

# What the makers of SmolLM2 recommend, and a light penalty against the loops that small models fall into.
TEMPERATURE = 0.2
TOP_P = 0.9
REPEAT_PENALTY = 1.1

# Comments sent while a long prompt is read, so that nobody takes the silence for death. Seconds.
PING_SECONDS = 5


def main() -> None:
    weights, port, alias = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    parent = os.getppid()
    # The kernel's own action for these ends the process at once, whatever llama.cpp is computing.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(NICENESS)
    try:
        server = xllamacpp.Server(parameters(weights, port, alias))
    except RuntimeError as error:
        sys.exit(f"the local model did not start: {error}")
    while os.getppid() == parent:  # where the kernel cannot kill us with our supervisor, we notice within a second
        time.sleep(1)
    del server


def parameters(weights: str, port: int, alias: str) -> xllamacpp.CommonParams:
    p = xllamacpp.CommonParams()
    p.model.path = weights
    p.model_alias = {alias}
    p.port = port
    p.hostnames = ["127.0.0.1"]
    p.cors_origins = f"http://127.0.0.1:{port}"  # not "*": no web page the user visits may read the model's answers
    p.cors_credentials = False

    p.n_parallel = SLOTS
    p.n_ctx = SLOTS * CONTEXT_TOKENS
    p.fit_params = False
    p.ctx_shift = False  # it would forget the conversation's beginning without saying so; we want the error
    p.n_predict = MAX_ANSWER_TOKENS
    p.n_batch = p.n_ubatch = BATCH_TOKENS
    p.cache_ram_mib = 0  # its default would keep up to 8 GB of old prompts
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads()

    p.sampling.temp = TEMPERATURE
    p.sampling.top_p = TOP_P
    p.sampling.penalty_repeat = REPEAT_PENALTY

    p.sse_ping_interval = PING_SECONDS
    p.ui = False
    p.endpoint_slots = False
    p.verbosity = 1  # errors only
    return p


def threads() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_THREADS)


if __name__ == "__main__":
    main()

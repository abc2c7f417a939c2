"""What monitoring sees of a server that has done nothing yet."""

import os
import re

from macrochat.config import VERSION
from tests.support.processes import wait_until


def test_counters_are_there_before_their_first_event(server):
    one = server(workers=2, MACROCHAT_MODELS="scripted-echo")
    with one.anonymous() as client:
        text = client.get("/metrics").text
    for line in (
        'macrochat_replies_total{code="",provider="openai-compatible",status="complete"} 0.0',
        'macrochat_replies_total{code="UPSTREAM_BUSY",provider="openai-compatible",status="failed"} 0.0',
        'macrochat_provider_errors_total{code="UPSTREAM_AUTH",provider="openai-compatible"} 0.0',
        'macrochat_connections_closed_total{reason="finished"} 0.0',
        'macrochat_commit_failures_total{reason="outage"} 0.0',
        'macrochat_takeovers_total{kind="continued"} 0.0',
        'macrochat_follows_total{kind="resumed"} 0.0',
        'macrochat_tokens_total{kind="completion",source="provider"} 0.0',
        "macrochat_fenced_total 0.0",
    ):
        assert line in text, line


def test_version_memory_and_start_are_told(server):
    one = server(workers=2)
    started = re.compile(r"^macrochat_process_start_time_seconds [1-9]", re.MULTILINE)
    with one.anonymous() as client:  # a worker that is just coming up has told nothing yet
        text = wait_until(lambda: started.search(told := client.get("/metrics").text) and told, 20, "both began")
    assert re.search(
        rf'^macrochat_build_info\{{python="3\.[\d.]+",version="{re.escape(VERSION)}"\}} 1\.0$', text, re.MULTILINE
    )
    value = {name: float(number) for name, number in re.findall(r"^macrochat_(process_\w+) (\S+)$", text, re.MULTILINE)}
    assert value["process_resident_memory_bytes"] > 20_000_000
    assert os.stat(f"/proc/{one.pid}").st_ctime + 600 - value["process_start_time_seconds"] >= 0
    assert value["process_start_time_seconds"] > 1_700_000_000

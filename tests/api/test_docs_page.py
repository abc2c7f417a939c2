"""/docs: the description for people, with nothing from anywhere else."""

from __future__ import annotations

import html
import re
import shlex

import pytest


@pytest.fixture
def page(client):
    answer = client.get("/docs")
    assert answer.status_code == 200
    return answer.text


@pytest.fixture
def operations(client):
    document = client.get("/api/openapi.json").get_json()
    return [(path, operation) for path, item in document["paths"].items() for operation in item.values()]


def test_every_operation_has_its_place_with_a_link_to_it(page, operations):
    for _path, operation in operations:
        assert page.count(f'id="{operation["operationId"]}"') == 1
        assert page.count(f'href="#{operation["operationId"]}"') >= 2


def test_every_code_and_every_path_stands_there(page, operations):
    for path, operation in operations:
        assert path in page
        for answer in operation["responses"].values():
            for code in re.findall(r"`([A-Z_]{5,})`", answer["description"]):
                assert f"<code>{code}</code>" in page


def test_every_link_within_the_page_leads_somewhere(page):
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids


def test_every_id_is_there_once(page):
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids)


def test_commands_can_be_pasted_into_a_shell(page, operations):
    commands = [html.unescape(text) for text in re.findall(r"<pre[^>]*><code>(curl .*?)</code>", page, re.DOTALL)]
    assert len(commands) == len(operations)
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "curl"
        assert any(word.startswith("http://localhost/") for word in words)


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(client, page):
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert "<style" not in page
    assert not re.search(r"\s(?:on\w+|style)=", page)
    addresses = re.findall(r'\s(?:src|href|action)="([^"]*)"', page)
    assert [address for address in addresses if not address.startswith(("/", "#"))] == []


def test_the_address_that_a_reader_uses_stands_in_the_commands_as_text(client):
    page = client.get("/docs", base_url="https://chat.example.org").text
    assert "https://chat.example.org/api/chats" in html.unescape(page)
    hostile = client.get("/docs", headers={"Host": 'x"><script>alert(1)</script>'})
    assert "<script>alert" not in hostile.text


def test_people_find_it_in_the_settings(alice):
    assert 'href="/docs"' in alice.get("/settings").text

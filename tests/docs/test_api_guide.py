"""docs/api.md: its commands and programs do what stands under them, and its codes are those of the description."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.processes import ROOT, clean_environment
from tests.support.servers import PASSWORD

TEXT = (ROOT / "docs/api.md").read_text()
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```\n+(?:^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
STATE = "state.sh"  # what one block leaves behind for the next: variables and functions


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_gives_what_stands_under_it(shared_server, tmp_path):
    site = shared_server(MACROCHAT_MODELS="scripted-echo")
    key = site.client().post("/api/keys", json={"name": "the guide's", "password": PASSWORD}).json()["data"]["key"]
    environment = clean_environment(BASE_URL=site.url, MACROCHAT_KEY=key) | {"NO_PROXY": "127.0.0.1"}
    (tmp_path / STATE).touch()
    blocks = BLOCK.findall(TEXT)
    assert len(blocks) == TEXT.count("```bash") + TEXT.count("```python") > 10
    for language, source, expected in blocks:
        ran = run(language, source, tmp_path, environment)
        assert ran.returncode == 0, f"{source}\n{ran.stdout}\n{ran.stderr}"
        assert expected, f"nothing stands under\n{source}"
        assert re.fullmatch(pattern(expected), ran.stdout.strip(), re.DOTALL), f"{source}\n{ran.stdout}\n{ran.stderr}"


def run(language, source, folder, environment):
    if language == "python":
        arguments = [sys.executable, "-W", "error", "-c", source]
    else:
        script = f". ./{STATE}\nset -eu -o pipefail\n{source}\nset +u\n{{ declare -p CHAT REPLY; declare -f; }} > {STATE} 2>/dev/null || true"
        arguments = ["bash", "-c", script]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def pattern(expected):
    """What an output must match: `…` stands for anything but nothing."""
    return ".+?".join(re.escape(part) for part in expected.strip().split("…"))


def test_the_table_of_codes_is_that_of_the_description(client):
    description = json.dumps(client.get("/api/openapi.json").get_json())
    described = {
        code for enum in re.findall(r'"code": {"enum": \[(.*?)\]', description) for code in re.findall(r"\w+", enum)
    }
    rows = [line for line in TEXT.partition("## Codes")[2].splitlines() if re.match(r"\| \d", line)]
    told = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row.split("|")[2])}
    assert told == described


def test_every_setting_it_names_exists():
    known = (ROOT / ".env.example").read_text()
    assert [name for name in re.findall(r"`(MACROCHAT_\w+)`", TEXT) if f"{name}=" not in known] == []

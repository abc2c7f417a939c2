"""flask model: the provider that this installation is configured with, without the server and the database."""

from __future__ import annotations

from typing import Any

import click

from ..catalogue import registries
from ..ops.details import providers
from ..providers.base import CompletionRequest, Provider
from . import shown
from .printing import say
from .shown import Room, as_json

group = Room("model", help="The configured model: status, chat.")


@group.command("status", needs_database=False)
@as_json
def status(as_json: bool) -> None:
    """Show each provider: where it is, how it is, which models it has. Exit code 1 when none can be used."""
    found = providers()
    if as_json:
        shown.print_json(found)
    else:
        rows = [row | {"models": ", ".join(row["models"]) or None} for row in found]
        shown.show(rows, ("name", "address", "state", "models"), as_json=False)
    if not any(row["reachable"] for row in found):
        says = [row["says"] for row in found if row["state"] != "unreachable"]
        raise click.ClickException(says[0] if says else "No model's server answers")


@group.command("chat", needs_database=False)
@click.argument("text", required=False)
@click.option("--model", "name", help="Which model. Default: the first.")
@click.option("--system", help="A system prompt.")
def chat(text: str | None, name: str | None, system: str | None) -> None:
    """Talk to the model here in the terminal; with TEXT just once. Nothing is stored. Ctrl-D ends it."""
    provider, model = registries.current.resolve(name)
    messages = [{"role": "system", "content": system}] if system else []
    if text is not None:
        _answer(provider, model, [*messages, {"role": "user", "content": text}])
        return
    say(f"{model} at {provider.name}. Ctrl-D ends it.", err=True)
    while question := _ask():
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": _answer(provider, model, messages)})


def _ask() -> str | None:
    """A line that says something; None at the end of the input."""
    while True:
        try:
            line = str(click.prompt(">", prompt_suffix=" ", default="", show_default=False, err=True))
        except click.Abort:
            return None
        if line.strip():
            return line


def _answer(provider: Provider, model: str, messages: list[dict[str, str]]) -> str:
    """Prints the answer as it comes, and returns it."""
    completion: Any = provider.open(CompletionRequest(model, messages))
    said = []
    try:
        for piece in completion:
            said.append(piece.decode())
            say(said[-1], nl=False)
    finally:
        completion.close()
        say()
    return "".join(said)

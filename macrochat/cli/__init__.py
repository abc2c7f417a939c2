"""The flask command: `flask users list` and so on, a module a noun. docs/cli.md shows them all.

shown      how commands take arguments, print and fail
users      people            keys     their API keys        chats    what they said; archive, chatgpt: as files
replies    how answers end   model    the provider          doctor   what is wrong here
stats      how much there is  demo      an account to look around with

No command starts the engine room: what concerns running replies is written to the database, and workers see it.
"""

from __future__ import annotations

from flask import Flask

from . import chats, demo, doctor, keys, model, replies, stats, users


def init_app(app: Flask) -> None:
    for group in (users.group, keys.group, chats.group, replies.group, model.group):
        app.cli.add_command(group)
    app.cli.add_command(doctor.doctor)
    app.cli.add_command(stats.stats)
    app.cli.add_command(demo.demo)

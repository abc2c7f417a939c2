"""Static files under addresses that change with their content, so that a browser asks for each only once.

The version is a folder (`/static/v-1a2b3c4d/js/…`), not a query: a module's relative imports then carry it along.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from flask import Flask, Response, send_from_directory, url_for

YEAR_SECONDS = 365 * 24 * 3600
VERSIONED = re.compile(r"v-([0-9a-f]{12})/(.+)")
FIRST_SHEETS = ("css/layers.css", "css/reset.css", "css/tokens.css", "css/fonts.css", "css/base.css")
LAST_SHEETS = ("css/utilities.css",)


def init_app(app: Flask) -> None:
    folder = Path(app.static_folder or "")
    version = version_of(folder)

    def serve(filename: str) -> Response:
        match = VERSIONED.fullmatch(filename)
        current = match is not None and match[1] == version
        kept = current and not app.config["SETTINGS"].reload
        path, age = (match[2] if match else filename), (YEAR_SECONDS if kept else None)
        response = send_from_directory(folder, path, max_age=age)
        if kept:
            response.cache_control.public, response.cache_control.immutable = True, True
        return response

    app.view_functions["static"] = serve
    app.jinja_env.globals.update(
        asset=lambda path: url_for("static", filename=f"v-{version}/{path}"),
        stylesheets=[*FIRST_SHEETS, *_files(folder, "css/components/*.css"), *LAST_SHEETS],
        modules=[
            *_files(folder, "js/helpers/*.js"),
            *_files(folder, "js/markdown/*.js"),
            *_files(folder, "js/models/*.js"),
            *_files(folder, "vendor/markdown-it/*.mjs"),
        ],
    )


def version_of(folder: Path) -> str:
    """Twelve hexadecimal digits that change when any file does."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def template_of(rule: str) -> str:
    """`/api/chats/<uuid:chat_id>` as the browser's client fills it in: `/api/chats/{chat}`."""
    return re.sub(r"<(?:\w+:)?(\w+?)(?:_id)?>", r"{\1}", rule)


def _files(folder: Path, pattern: str) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.glob(pattern)) if "worker" not in path.name]

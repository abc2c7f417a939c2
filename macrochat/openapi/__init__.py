"""The API, described to strangers: OpenAPI 3.1 at /api/openapi.json, and the same as a page at /docs.

catalogue    every operation in words: what it does, reads, answers and refuses
operations   the vocabulary of the catalogue
shapes       what answers hold, as pydantic models; tests hold real answers against them
refusals     what an operation refuses because of its guard, its method and its body
schemas      pydantic models → JSON Schema
document     URL map + table of guards + catalogue → the description
reading      the description → what a page shows: fields, types, examples
examples     values that fit a schema
curl         a command to try an operation with
"""

from __future__ import annotations

from flask import Flask

from . import reading, routes


def init_app(app: Flask) -> None:
    routes.descriptions.keep(app, routes.Description())
    app.register_blueprint(routes.blueprint)
    app.add_template_filter(reading.with_code, "with_code")

"""The server itself: is it well, what does it do, what can it be asked."""

from __future__ import annotations

from typing import Any

from ..operations import JSON, TEXT, Answer, Operation, Parameter, done
from ..shapes import Readiness

TAG = "Server"
ABOUT = "For load balancers, monitoring systems and generators of clients. No credentials, but for the figures."

OPERATIONS = {
    "health.api_health": Operation(
        id="getHealth", tag=TAG, summary="Does the API answer", answers=done("It does: a fixed sentence")
    ),
    "health.healthz": Operation(
        id="getLiveness",
        tag=TAG,
        summary="Is the process alive",
        description="Touches nothing else, so that an outage of the database restarts no worker.",
        answers=(Answer(description="It is", content={TEXT: str}),),
    ),
    "health.readyz": Operation(
        id="getReadiness",
        tag=TAG,
        summary="May traffic come here",
        description="Database, schema, provider and worker, with a reason each.",
        answers=(
            Answer(description="Yes", content={JSON: Readiness}),
            Answer(status=503, description="No", content={JSON: Readiness}),
        ),
    ),
    "ops.metrics": Operation(
        id="getMetrics",
        tag=TAG,
        summary="Figures for Prometheus",
        description="With `MACROCHAT_METRICS_TOKEN` set, whoever has that token; else programs of the same machine.",
        bearer="metricsToken",
        answers=(
            Answer(description="The figures", content={TEXT: str}),
            Answer(status=401, description="The token is missing or wrong", content={TEXT: str}),
            Answer(status=403, description="Without a token: not from this machine", content={TEXT: str}),
        ),
    ),
    "openapi.description": Operation(
        id="getDescription",
        tag=TAG,
        summary="This description",
        headers=(
            Parameter(
                name="If-None-Match",
                description="The `ETag` of what you have",
                schema={"type": "string"},
            ),
        ),
        answers=(
            Answer(description="OpenAPI 3.1", content={JSON: dict[str, Any]}, headers=("ETag",)),
            Answer(status=304, description="You have it", headers=("ETag",)),
        ),
    ),
}

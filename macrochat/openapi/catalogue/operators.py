"""What administrators ask."""

from __future__ import annotations

from ..operations import Answer, Operation
from ..shapes import HealthDetails, Overview, Reply

TAG = "Operations"
ABOUT = "For administrators (`flask users promote`). To everybody else these addresses do not exist."
HIDDEN = {404: ("NOT_FOUND",)}

OPERATIONS = {
    "ops.health": Operation(
        id="getHealthDetails",
        tag=TAG,
        summary="How this installation is",
        answers=(Answer(description="Everything about its health", data=HealthDetails),),
        refusals=HIDDEN,
    ),
    "ops.overview": Operation(
        id="getOverview",
        tag=TAG,
        summary="What is being written, and the last hour",
        answers=(Answer(description="What `/admin` shows", data=Overview),),
        refusals=HIDDEN,
    ),
    "ops.stop_reply": Operation(
        id="stopAnyReply",
        tag=TAG,
        summary="Stop anybody's reply",
        answers=(Answer(description="How it stands", data=Reply),),
        refusals={404: ("NOT_FOUND", "REPLY_NOT_FOUND")},
    ),
}

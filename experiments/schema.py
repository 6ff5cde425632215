"""The JSON Schema of experiment files, for editors: completion, descriptions and warnings while one types."""

from __future__ import annotations

import json
from typing import Any

from abm.interventions import KINDS
from abm.outcomes import RECORDED
from abm.parameters import ENTRIES, Entry
from experiments.config import Experiment
from experiments.config_fields import QUANTITY
from experiments.yaml_source import EXTENDS

FILE = "experiment.schema.json"  # beside the experiments that ship
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, with every parameter, intervention and outcome by name."""
    schema = Experiment.model_json_schema(mode="validation")
    parts = schema["$defs"]
    parts["ParameterValues"] = {
        "type": "object", "additionalProperties": False, "description": "Values of parameters by name.",
        "properties": {name: _parameter(e) for name, e in ENTRIES.items()},
    }  # fmt: skip
    parts["Factors"] = {
        "type": "object", "propertyNames": {"enum": list(ENTRIES)},
        "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "description": "By what parameters are multiplied.",
    }  # fmt: skip
    text = {"type": "string", "pattern": QUANTITY}
    parts["Quantity"] = {"anyOf": [text, {
        "type": "object", "additionalProperties": False, "required": ["value"],
        "properties": {"value": {"anyOf": [{"type": "number"}, text]}, "unit": {"type": "string"}},
    }]}  # fmt: skip
    for properties in (schema["properties"], parts["Condition"]["properties"]):
        properties["parameters"] = {"$ref": "#/$defs/ParameterValues"}
    parts["Condition"]["properties"]["factors"] = {"$ref": "#/$defs/Factors"}
    kinds = [{"const": name, "description": f"{kind.meaning}; dose: {kind.dose_unit}, up to {kind.dose_max:g}"}
             for name, kind in KINDS.items()]  # fmt: skip
    parts["Change"]["properties"]["kind"] |= {"oneOf": kinds}
    axis = parts["Axis"]["properties"]
    axis["dose_of"] |= {"anyOf": [{"oneOf": kinds}, {"type": "null"}]}
    axis["parameter"] |= {"anyOf": [{"enum": list(ENTRIES)}, {"type": "null"}]}
    for option in schema["properties"]["outcomes"]["anyOf"]:
        if option["type"] == "array":
            option["items"] = {"enum": list(RECORDED)}
    schema["properties"][EXTENDS] = {
        "type": "string", "description": "A file in this folder whose keys hold where this one says nothing.",
    }  # fmt: skip
    schema["required"] = []  # a file that extends another may leave anything to it
    return {"$schema": DRAFT} | schema


def schema_text() -> str:
    """The schema as text."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _parameter(e: Entry) -> dict[str, Any]:
    number = {"type": "number", "minimum": e.low, "maximum": e.high}
    options = [number, {"$ref": "#/$defs/Quantity"}]
    return {"description": f"{e.meaning} ({e.unit})", "default": e.default, "anyOf": options}

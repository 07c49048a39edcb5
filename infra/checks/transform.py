"""Turns the template into what CloudFormation makes of it: the linters see almost nothing in the form that SAM reads.

Usage: transform.py TEMPLATE RESULT
"""

import json
import os
import sys
from pathlib import Path

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]

# The translator asks for a region and finds no account here; neither shows in what it makes.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")


def read(path: Path) -> dict:
    """The template, each function's code where an upload would have put it: a folder is refused."""
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = Path(resource["Properties"]["CodeUri"]).name
            resource["Properties"]["CodeUri"] = f"s3://code/{name}"
    return template


def transform(template: dict) -> dict:
    """What CloudFormation makes of it."""
    return Translator({}, Parser()).translate(template, parameter_values={})


if __name__ == "__main__":
    source, result = map(Path, sys.argv[1:])
    try:
        transformed = transform(read(source))
    except InvalidDocumentException as error:
        sys.exit("\n".join([error.message, *(cause.message for cause in error.causes)]))
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(transformed, indent=1))

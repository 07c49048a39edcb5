"""The template as ministack takes it: transformed, and adapted where ministack is not AWS."""

import functools
import json
import os
import pathlib
import re

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

FUNCTION = "AWS::Serverless::Function"


class _NoManagedPolicies:
    """The transform asks for the account's managed policies, by whose names ours are never called."""

    def load(self):
        return {}


def source(root: pathlib.Path) -> dict:
    return yaml_parse((root / "infra/template.yaml").read_text())


def operations(template: dict) -> dict[str, str]:
    """The functions: logical id to the name of the operation, which is that of the binary."""
    functions = {name: one for name, one in template["Resources"].items() if one["Type"] == FUNCTION}
    return {name: one["Metadata"]["BuildProperties"]["Binary"] for name, one in functions.items()}


def transformed(template: dict, bucket: str) -> dict:
    """What CloudFormation makes of it, with the code of each function in `<bucket>/<operation>.zip`."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    for name, operation in operations(template).items():
        template["Resources"][name]["Properties"]["CodeUri"] = f"s3://{bucket}/{operation}.zip"
    return transform(template, {}, _NoManagedPolicies())


def adapted(template: dict) -> dict:
    """The adaptations, each of which has its reason; nothing else differs from what AWS gets."""
    return functools.reduce(lambda changed, adaptation: adaptation(changed), ADAPTATIONS, template)


def _routes(template: dict) -> dict:
    """ministack ignores the `Body` of an HTTP API, so its routes are written as resources, which AWS makes of it."""
    resources = template["Resources"]
    apis = {name: one for name, one in resources.items() if one["Type"] == "AWS::ApiGatewayV2::Api"}
    for name, api in apis.items():
        body = api["Properties"].pop("Body")
        api["Properties"].update({"Name": name, "ProtocolType": "HTTP"})
        integrations = {}
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                uri = str(integration["uri"])
                target = integrations.setdefault(uri, f"{name}Integration{len(integrations)}")
                resources[target] = {
                    "Type": "AWS::ApiGatewayV2::Integration",
                    "Properties": {
                        "ApiId": {"Ref": name},
                        "IntegrationType": "AWS_PROXY",
                        "IntegrationUri": integration["uri"],
                        "IntegrationMethod": integration["httpMethod"],
                        "PayloadFormatVersion": integration["payloadFormatVersion"],
                    },
                }
                route = f"{name}Route{re.sub('[^A-Za-z0-9]', '', method.title() + path.title())}"
                resources[route] = {
                    "Type": "AWS::ApiGatewayV2::Route",
                    "Properties": {
                        "ApiId": {"Ref": name},
                        "RouteKey": f"{method.upper()} {path}",
                        "Target": {"Fn::Sub": f"integrations/${{{target}}}"},
                    },
                }
    return template


def _sender(template: dict) -> dict:
    """ministack asks whether `ses:SendEmail` is allowed on `*`, for no identity and from no address. AWS asks for the
    identity and the configuration set, so what the template names is widened here and proved by the template's checks."""
    for role in template["Resources"].values():
        for policy in role["Properties"].get("Policies", []) if role["Type"] == "AWS::IAM::Role" else []:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = statement["Action"]
                if any(one.startswith("ses:") for one in (actions if isinstance(actions, list) else [actions])):
                    statement["Resource"] = "*"
                    statement.pop("Condition", None)
    return template


def _numbers(template: dict) -> dict:
    """ministack takes a parameter that is a number as text, and stumbles over it; AWS reads it. Variables of functions are
    text on both."""
    parameters = template["Parameters"].items()
    numbers = {name: one["Default"] for name, one in parameters if one["Type"] == "Number" and "Default" in one}
    template = _replaced(template, lambda part: numbers.get(part.get("Ref")))
    for resource in template["Resources"].values():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        variables |= {name: str(value) for name, value in variables.items() if isinstance(value, int)}
    return template


def _secrets(template: dict) -> dict:
    """ministack answers a `Ref` of a secret with its name; AWS with its ARN, which is what policies name."""
    secrets = {name for name, one in template["Resources"].items() if one["Type"] == "AWS::SecretsManager::Secret"}

    def arn(part):
        return {"Fn::GetAtt": [part["Ref"], "Id"]} if part.get("Ref") in secrets else None

    return _replaced(template, arn)


def _replaced(part, replacement):
    """A part of a template in which what there is a replacement for is replaced."""
    if isinstance(part, list):
        return [_replaced(one, replacement) for one in part]
    if not isinstance(part, dict):
        return part
    replaced = replacement(part)
    return {name: _replaced(one, replacement) for name, one in part.items()} if replaced is None else replaced


def _plain(template: dict) -> dict:
    """ministack is reached without TLS, which the buckets' policies refuse, here as on AWS."""
    resources = template["Resources"]
    for name in [name for name, one in resources.items() if one["Type"] == "AWS::S3::BucketPolicy"]:
        document = resources[name]["Properties"]["PolicyDocument"]
        statements = document["Statement"]
        kept = [one for one in statements if "aws:SecureTransport" not in json.dumps(one.get("Condition"))]
        document["Statement"] = kept
        if not kept:
            del resources[name]
    return template


def _alarms(template: dict) -> dict:
    """ministack has no alarms over several metrics; nothing in the job waits for one."""
    alarms = {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
    kept = {
        name: one
        for name, one in template["Resources"].items()
        if one["Type"] not in alarms or "Metrics" not in one["Properties"]
    }
    return {**template, "Resources": kept}


def _outputs(template: dict) -> dict:
    """ministack lacks attributes that outputs tell of, such as what a domain proves itself with; the job reads none."""
    return {name: part for name, part in template.items() if name != "Outputs"}


ADAPTATIONS = [_routes, _sender, _numbers, _secrets, _plain, _alarms, _outputs]


def table(template: dict) -> dict:
    """The properties of the table."""
    return next(one for one in template["Resources"].values() if one["Type"] == "AWS::DynamoDB::Table")["Properties"]


def pipe_filters(template: dict) -> list[dict]:
    """What the pipe lets through: any of these patterns."""
    pipe = next(one for one in template["Resources"].values() if one["Type"] == "AWS::Pipes::Pipe")
    filters = pipe["Properties"]["SourceParameters"]["FilterCriteria"]["Filters"]
    return [json.loads(one["Pattern"]) for one in filters]


def routes(template: dict) -> set[str]:
    """The routes of a transformed template, as `POST /v1/users`."""
    apis = (one for one in template["Resources"].values() if one["Type"] == "AWS::ApiGatewayV2::Api")
    paths = [(path, methods) for api in apis for path, methods in api["Properties"]["Body"]["paths"].items()]
    return {f"{method.upper()} {path}" for path, methods in paths for method in methods}

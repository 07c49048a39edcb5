"""The template as CloudFormation has it, for the checks of it: what there is, and what refers to what."""

import json
import re
from collections.abc import Iterator

CHECKS = {}


def check(function):
    """A check, under its name."""
    CHECKS[function.__name__] = function
    return function


class Template:
    """A transformed template."""

    def __init__(self, document: dict):
        self.document = document
        self.resources = document["Resources"]

    def of(self, kind: str) -> dict[str, dict]:
        """The properties of all resources of a kind, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def one(self, kind: str) -> dict:
        """The properties of the only resource of a kind."""
        (properties,) = self.of(kind).values()
        return properties

    def is_a(self, name: str, kind: str) -> bool:
        """Whether a logical id is of a kind."""
        return self.resources.get(name, {}).get("Type") == kind

    def statements(self, role: str) -> Iterator[dict]:
        """What a role may, statement by statement."""
        for policy in self.resources[role]["Properties"].get("Policies", []):
            yield from listed(policy["PolicyDocument"]["Statement"])

    def role(self, function: dict) -> str:
        """The role of a function."""
        (role,) = named(function["Role"])
        return role

    def sources(self) -> dict[str, set[str]]:
        """The functions that work off queues, with their queues."""
        found: dict[str, set[str]] = {}
        for mapping in self.of("AWS::Lambda::EventSourceMapping").values():
            for function in named(mapping["FunctionName"]):
                found.setdefault(function, set()).update(named(mapping["EventSourceArn"]))
        return found

    def routes(self) -> dict[tuple[str, str], set[str]]:
        """The routes of the API, with the functions they lead to."""
        paths = self.one("AWS::ApiGatewayV2::Api")["Body"]["paths"]
        return {
            (method, path): named(operation["x-amazon-apigateway-integration"]["uri"])
            for path, methods in paths.items()
            for method, operation in methods.items()
        }

    def scheduled(self) -> set[str]:
        """The functions that a schedule starts."""
        targets = (schedule["Target"]["Arn"] for schedule in self.of("AWS::Scheduler::Schedule").values())
        return {name for target in targets for name in named(target)}


def listed(value) -> list:
    """A list, also where one thing stands for a list of it."""
    return value if isinstance(value, list) else [value]


def named(value) -> set[str]:
    """The logical ids that a value refers to, by Ref, GetAtt or Sub, however deep."""
    if isinstance(value, list):
        return set().union(*map(named, value))
    if not isinstance(value, dict):
        return set()
    if set(value) == {"Ref"}:
        return {value["Ref"]}
    if set(value) == {"Fn::GetAtt"}:
        target = value["Fn::GetAtt"]
        return {target[0] if isinstance(target, list) else target.split(".")[0]}
    if set(value) == {"Fn::Sub"}:
        text, given = value["Fn::Sub"], {}
        if isinstance(text, list):
            text, given = text
        names = {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)}
        return (names - set(given)) | named(list(given.values()))
    return named(list(value.values()))


def text(value) -> str:
    """The text of a value, references left as `${Name}`."""
    if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
        return value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
    return value if isinstance(value, str) else json.dumps(value)


def allows(statement: dict, action: str) -> bool:
    """Whether a statement allows an action."""
    return statement["Effect"] == "Allow" and action in listed(statement["Action"])


def watches(alarm: dict) -> Iterator[tuple[str, str, list]]:
    """The metrics of an alarm: namespace, name and dimensions."""
    if "MetricName" in alarm:
        yield alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", [])
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            yield metric["Namespace"], metric["MetricName"], metric.get("Dimensions", [])

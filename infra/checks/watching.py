"""What must hold of the template and neither cfn-lint nor checkov sees: alarms, dashboard and logs.

Each check yields a sentence for everything that is wrong. `test_template.py` proves that each of them finds its faults.
"""

import json
from collections.abc import Iterator

from model import Template, allows, check, named, text, watches
from transform import ROOT

# The metrics that there are, by namespace: a misspelt one is an alarm that never rings.
METRICS = {
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"},
    "AWS/DynamoDB": {
        "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents",
    },
    "AWS/EventBridge/Pipes": {
        "EventCount", "Invocations", "Duration", "ExecutionFailed", "ExecutionPartiallyFailed", "ExecutionThrottled",
        "ExecutionTimeout", "TargetStageFailed",
    },
    "AWS/Lambda": {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"},
    "AWS/SES": {"Send", "Delivery", "Bounce", "Complaint", "Reputation.BounceRate", "Reputation.ComplaintRate"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    # What the functions tell themselves.
    "Muster": {
        "ImportsBegun", "ImportsDone", "ImportsDoneWithErrors", "ImportsInvalid", "InvitationsAccepted", "InvitationsExpired",
        "InvitationsOffered", "MailAge", "MailsBounced", "MailsComplained", "MailsDelivered", "MailsFailed", "MailsSent",
        "RowsCreated", "RowsRefused", "RowsUnchanged", "RowsUpdated", "SeatsAssigned", "SeatsFreed", "SignInsDone",
        "SignInsRefused",
    },
}  # fmt: skip

# Which kind of resource a dimension names.
DIMENSIONS = {
    "ApiId": "AWS::ApiGatewayV2::Api",
    "FunctionName": "AWS::Lambda::Function",
    "PipeName": "AWS::Pipes::Pipe",
    "QueueName": "AWS::SQS::Queue",
    "TableName": "AWS::DynamoDB::Table",
}


def misspelt(template: Template, namespace: str, metric: str, dimensions: dict[str, set[str]]) -> Iterator[str]:
    """What is wrong with a metric; `dimensions` are the logical ids in each."""
    if metric not in METRICS.get(namespace, ()):
        yield f"there is no metric {namespace} {metric}"
    for dimension, names in dimensions.items():
        if dimension == "GlobalSecondaryIndexName" or (dimension, names) == ("Stack", {"AWS::StackName"}):
            continue
        kind = DIMENSIONS.get(dimension)
        if kind is None or not names or not all(template.is_a(name, kind) for name in names):
            yield f"{namespace} {metric} has no {dimension} {names}"


@check
def alarms_ring(template: Template):
    manual = (ROOT / "docs/operations.md").read_text()
    topics = template.of("AWS::SNS::TopicPolicy").values()
    rung = {
        name
        for policy in topics
        for statement in policy["PolicyDocument"]["Statement"]
        if allows(statement, "sns:Publish") and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        for name in named(statement["Resource"]) & named(policy["Topics"])
    }
    if rung != {"Alarms"}:
        yield "CloudWatch may not publish to the topic of alarms"
    for name, alarm in template.of("AWS::CloudWatch::Alarm").items():
        if alarm.get("AlarmActions") != [{"Ref": "Alarms"}]:
            yield f"{name} tells nobody"
        if alarm.get("TreatMissingData") not in ("ignore", "notBreaching", "breaching"):
            yield f"{name} does not say what missing data means"
        if len(alarm.get("AlarmDescription", "")) < 60:
            yield f"{name} does not say what to do"
        title = text(alarm["AlarmName"]).removeprefix("${AWS::StackName}-")
        if f"`{title}`" not in manual:
            yield f"docs/operations.md does not know {title}"
        queries = [query for query in alarm.get("Metrics", []) if "MetricStat" in query]
        if len(queries) > 10:
            yield f"{name} adds up more than the ten metrics that an alarm may"
        if any(f"{query['Id']}," not in alarm["Metrics"][0]["Expression"] for query in queries):
            yield f"{name} leaves a metric out of its sum"
        for namespace, metric, dimensions in watches(alarm):
            given = {dimension["Name"]: named(dimension["Value"]) for dimension in dimensions}
            for problem in misspelt(template, namespace, metric, given):
                yield f"{name}: {problem}"


@check
def everything_that_fails_has_an_alarm(template: Template):
    watched = [metric for alarm in template.of("AWS::CloudWatch::Alarm").values() for metric in watches(alarm)]
    names = {(namespace, metric) for namespace, metric, _ in watched}
    for wanted in (
        ("AWS/ApiGateway", "5xx"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/DynamoDB", "ReadThrottleEvents"),
        ("AWS/DynamoDB", "WriteThrottleEvents"),
        ("AWS/EventBridge/Pipes", "ExecutionFailed"),
        ("AWS/SES", "Reputation.BounceRate"),
        ("AWS/SES", "Reputation.ComplaintRate"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    ):
        if wanted not in names:
            yield f"there is no alarm for {' '.join(wanted)}"
    # The API counts the failures of those behind it, and who invokes a function sees it fail.
    errors = [named(dimensions) for namespace, metric, dimensions in watched if (namespace, metric) == ("AWS/Lambda", "Errors")]
    unseen = (set(template.sources()) | template.scheduled()) - set().union(*errors)
    if unseen:
        yield f"nobody hears when {unseen} fail"
    limits = {"Reputation.BounceRate": 0.05, "Reputation.ComplaintRate": 0.001}
    for alarm in template.of("AWS::CloudWatch::Alarm").values():
        if alarm.get("MetricName") in limits and alarm["Threshold"] >= limits[alarm["MetricName"]]:
            yield f"{alarm['MetricName']} rings when SES has the account under review already"


@check
def the_dashboard_shows_what_there_is(template: Template):
    for dashboard in template.of("AWS::CloudWatch::Dashboard").values():
        body = text(dashboard["DashboardBody"])
        known = {*template.resources, *template.document["Parameters"]}
        if unknown := {name for name in named({"Fn::Sub": body}) if not name.startswith("AWS::")} - known:
            yield f"the dashboard names {unknown}"
        try:
            widgets = json.loads(body)["widgets"]
        except ValueError as error:
            yield f"the dashboard is not JSON: {error}"
            return
        shown = set()
        for widget in widgets:
            if widget["x"] + widget["width"] > 24:
                yield f"{widget['properties']['title']} is wider than the dashboard"
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], dict):
                    # A search finds what there is; the codes of refusals are too many to name.
                    if not row[0]["expression"].startswith("SEARCH('{Muster,Code,Stack} MetricName=\"Refusals\""):
                        yield f"the dashboard computes {row[0]['expression']}"
                    continue
                row = [part for part in row if isinstance(part, str)]
                namespace, metric, *pairs = row
                given = {name: named({"Fn::Sub": value}) for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
                yield from misspelt(template, namespace, metric, given)
                shown |= named([{"Fn::Sub": part} for part in pairs])
            shown |= named([{"Fn::Sub": alarm} for alarm in widget["properties"].get("alarms", [])])
        for kind in ("AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::CloudWatch::Alarm"):
            if missing := set(template.of(kind)) - shown:
                yield f"the dashboard does not show {missing}"


@check
def logs_are_kept_and_not_for_ever(template: Template):
    groups = template.of("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if "RetentionInDays" not in group:
            yield f"{name} is kept for ever"
    for name, function in template.of("AWS::Lambda::Function").items():
        logging = function.get("LoggingConfig", {})
        if not named(logging.get("LogGroup")) <= set(groups) or "LogGroup" not in logging:
            yield f"{name} logs to a group of its own making"
        # Ours are JSON lines with a level; anything above would be left out before LogFilter has a say.
        if (logging.get("LogFormat"), logging.get("ApplicationLogLevel")) != ("JSON", "TRACE"):
            yield f"{name}'s lines are wrapped or filtered"
    requests = named(template.one("AWS::ApiGatewayV2::Stage").get("AccessLogSettings", {}).get("DestinationArn"))
    if not requests or not requests <= set(groups):
        yield "requests are logged to a group of nobody's making"

"""What must hold of the template and neither cfn-lint nor checkov sees: what is kept, what goes where, and who may do what.

Each check yields a sentence for everything that is wrong. `test_template.py` proves that each of them finds its faults.
"""

import json
import re

from model import Template, allows, check, listed, named, text, watches
from transform import ROOT

# Which function asks which index; everybody else asks the table alone.
INDEXES = {
    "ListUsers": {"by-name"},
    "Export": {"by-name"},
    "CountUsers": {"by-name"},
    "ExpireInvitations": {"by-expiry"},
    "EraseUsers": {"by-expiry"},
}

# Actions that AWS knows for no single resource.
ON_EVERYTHING = {"dynamodb:ListStreams"}

# What SAM gives a function that logs, and one that works off a queue.
MANAGED = ("service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaSQSQueueExecutionRole")

# What an access log may tell: nothing that names a person or stands in an address.
LOGGED = {
    "requestId", "extendedRequestId", "routeKey", "status", "protocol", "responseLength", "responseLatency",
    "integrationLatency", "integrationStatus", "integrationErrorMessage", "error.responseType", "requestTimeEpoch",
}  # fmt: skip


# ---- What is kept ----


@check
def the_table_is_protected(template: Template):
    table = template.one("AWS::DynamoDB::Table")
    wanted = {
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "DeletionProtectionEnabled": True,
        "BillingMode": "PAY_PER_REQUEST",
    }
    for name, value in wanted.items():
        if table.get(name) != value:
            yield f"the table's {name} is {table.get(name)}"
    indexes = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    if indexes != set().union(*INDEXES.values()):
        yield f"the table's indexes are {indexes}"


@check
def what_is_kept_outlives_the_stack(template: Template):
    for name in ("Table", "Bucket", "SigningSecret"):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if template.resources[name].get(policy) != "Retain":
                yield f"{name} has no {policy}: Retain"


@check
def buckets_are_closed(template: Template):
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    over_tls = set()
    for policy in template.of("AWS::S3::BucketPolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            insecure = {"Bool": {"aws:SecureTransport": "false"}}
            if statement["Effect"] == "Deny" and statement.get("Condition") == insecure and statement["Action"] == "s3:*":
                over_tls |= named(statement["Resource"])
    for name, bucket in template.of("AWS::S3::Bucket").items():
        if bucket.get("PublicAccessBlockConfiguration") != dict.fromkeys(closed, True):
            yield f"{name} may become public"
        if bucket.get("VersioningConfiguration") != {"Status": "Enabled"}:
            yield f"{name} is not versioned"
        if "BucketEncryption" not in bucket:
            yield f"{name} is not encrypted"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name} has access lists"
        if name not in over_tls:
            yield f"{name} may be read without TLS"


@check
def files_are_told_of_and_leave(template: Template):
    bucket = template.of("AWS::S3::Bucket")["Bucket"]
    told = bucket.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {})
    if told != {"EventBridgeEnabled": True}:
        yield "the event bus is not told of new objects"
    days = {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if rule["Status"] == "Enabled" and "Prefix" in rule
    }
    for prefix in ("exports/", "uploads/", "drop/", "plans/", "reports/"):
        if days.get(prefix, 1000) > 28:
            yield f"files under {prefix} outlive those that they are about"
    for prefix in ("uploads/", "drop/", "plans/", "reports/"):
        if days.get(prefix) != 28:
            yield f"files under {prefix} do not stay as long as their import (KEPT in shared/src/domain/import.rs)"
    for rule in bucket["CorsConfiguration"]["CorsRules"]:
        if rule["AllowedOrigins"] != [{"Ref": "BaseUrl"}]:
            yield "pages of others may use the bucket"


# ---- What goes where ----


@check
def events_of_mails_arrive(template: Template):
    destination = template.one("AWS::SES::ConfigurationSetEventDestination")["EventDestination"]
    if destination.get("Enabled") is not True:
        yield "the event destination is not enabled"
    sent = set(destination["MatchingEventTypes"])
    if wrong := sent - {"send", "reject", "bounce", "complaint", "delivery", "renderingFailure", "deliveryDelay"}:
        yield f"SES knows no events {wrong}"
    if missing := {"delivery", "bounce", "complaint", "reject"} - sent:
        yield f"nobody is told of {missing}"
    if "EventBridgeDestination" not in destination:
        yield "the events do not go to the event bus"
    patterns = [rule["EventPattern"] for rule in template.of("AWS::Events::Rule").values()]
    taken = {
        kind
        for pattern in patterns
        if pattern["source"] == ["aws.ses"]
        for kind in pattern["detail"]["eventType"]
    }
    if taken != {kind.capitalize() for kind in sent}:
        yield f"the rule waits for {taken}, SES sends {sent}"


@check
def queues_let_in_what_is_sent_to_them(template: Template):
    wanted = []
    for name, subscription in template.of("AWS::SNS::Subscription").items():
        if subscription["Protocol"] == "sqs":
            (topic,) = named(subscription["TopicArn"])
            wanted += [(name, queue, "sns.amazonaws.com", topic) for queue in named(subscription["Endpoint"])]
    for name, rule in template.of("AWS::Events::Rule").items():
        queues = named([target["Arn"] for target in rule["Targets"]])
        wanted += [(name, queue, "events.amazonaws.com", name) for queue in queues]
    statements = [
        (policy, statement)
        for policy in template.of("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    for name, queue, service, source in wanted:
        let_in = any(
            queue in named(policy["Queues"])
            and queue in named(statement["Resource"])
            and allows(statement, "sqs:SendMessage")
            and statement["Principal"] == {"Service": service}
            and source in named(statement.get("Condition", {}))
            for policy, statement in statements
        )
        if not let_in:
            yield f"{queue} does not let {service} in, for {name}"


@check
def the_outbox_pipe_may_read_and_publish(template: Template):
    pipe = template.one("AWS::Pipes::Pipe")
    (role,) = named(pipe["RoleArn"])
    rights = list(template.statements(role))
    wanted = [("sns:Publish", named(pipe["Target"]))]
    for action in ("GetRecords", "GetShardIterator", "DescribeStream"):
        wanted.append((f"dynamodb:{action}", named(pipe["Source"])))
    given_up = named(pipe["SourceParameters"]["DynamoDBStreamParameters"].get("DeadLetterConfig"))
    if given_up:
        wanted.append(("sqs:SendMessage", given_up))
    for action, target in wanted:
        if not any(allows(right, action) and target <= named(right["Resource"]) for right in rights):
            yield f"the pipe may not {action}"
    for filter_ in pipe["SourceParameters"]["FilterCriteria"]["Filters"]:
        try:
            json.loads(filter_["Pattern"])
        except ValueError:
            yield "the pipe's filter is not JSON"


@check
def queues_outwait_their_functions(template: Template):
    queues, functions = template.of("AWS::SQS::Queue"), template.of("AWS::Lambda::Function")
    for function, sources in template.sources().items():
        for queue in sources:
            if queues[queue].get("VisibilityTimeout", 30) < 6 * functions[function]["Timeout"]:
                yield f"{queue} hands a message out again while {function} works on it"


@check
def batches_report_their_failed_items(template: Template):
    for name, mapping in template.of("AWS::Lambda::EventSourceMapping").items():
        if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} repeats a whole batch for one message"
    for function in ("SendMail", "ImportChunk"):
        (mapping,) = (
            mapping
            for mapping in template.of("AWS::Lambda::EventSourceMapping").values()
            if function in named(mapping["FunctionName"])
        )
        if "Ref" not in mapping.get("ScalingConfig", {}).get("MaximumConcurrency", {}):
            yield f"how many {function} run at once is no parameter"


@check
def who_writes_large_files_has_room_for_them(template: Template):
    functions = template.of("AWS::Lambda::Function")
    for name in ("Import", "Export"):
        if functions[name].get("EphemeralStorage", {}).get("Size", 512) < 4096:
            yield f"{name} has no room for the files of a million users"


@check
def no_queue_takes_all_of_the_account(template: Template):
    for name, mapping in template.of("AWS::Lambda::EventSourceMapping").items():
        if "MaximumConcurrency" not in mapping.get("ScalingConfig", {}):
            yield f"{name} may use the whole concurrency of the account"


def longest_turn(document: dict) -> float:
    """How many seconds a mail may occupy its worker, by what the parameters may be."""
    rates, workers = document["Parameters"]["MailRate"], document["Parameters"]["MailConcurrency"]
    rule = document["Rules"]["FewWorkersShareALowRate"]
    low, few = ({int(value) for value in one["Fn::Contains"][0]} for one in (rule["RuleCondition"], rule["Assertions"][0]["Assert"]))
    free = min(rate for rate in range(rates["MinValue"], rates["MaxValue"] + 1) if rate not in low)
    return max(max(few) / min(low), workers["MaxValue"] / free)


@check
def mail_workers_share_the_rate_and_end_in_time(template: Template):
    worker = template.of("AWS::Lambda::Function")["SendMail"]
    (mapping,) = (
        mapping
        for mapping in template.of("AWS::Lambda::EventSourceMapping").values()
        if "SendMail" in named(mapping["FunctionName"])
    )
    shared = {"MAIL_RATE": {"Ref": "MailRate"}, "MAIL_CONCURRENCY": mapping.get("ScalingConfig", {}).get("MaximumConcurrency")}
    for name, value in shared.items():
        if worker["Environment"]["Variables"].get(name) != value:
            yield f"SendMail does not know its share: {name}"
    # The last mail of a batch begins with the last turn, and has that and these ten seconds.
    batch = mapping["BatchSize"] * longest_turn(template.document)
    if batch + 10 > worker["Timeout"]:
        yield f"a batch of mails may take {batch} s"
    defaults = [template.document["Parameters"][name]["Default"] for name in ("MailRate", "MailConcurrency")]
    if defaults[0] > 3 * defaults[1]:
        yield "more mails a second are asked of a worker than it has time for"


@check
def queues_have_dead_letters_and_these_an_alarm(template: Template):
    queues = template.of("AWS::SQS::Queue")
    sources = set().union(*template.sources().values())
    dead = set().union(*(named(queue["RedrivePolicy"]) for queue in queues.values() if "RedrivePolicy" in queue))
    for name in sources:
        if "RedrivePolicy" not in queues[name]:
            yield f"{name} has no dead letters"
    watched = set()
    for alarm in template.of("AWS::CloudWatch::Alarm").values():
        for namespace, metric, dimensions in watches(alarm):
            if (namespace, metric) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible"):
                watched |= named(dimensions)
    # Every queue that nobody works off is one of dead letters, whoever sends them there.
    for name in (set(queues) - sources) | dead:
        if name not in watched:
            yield f"nobody hears of dead letters in {name}"
        if queues[name].get("MessageRetentionPeriod") != 1209600:
            yield f"{name} keeps dead letters for less than 14 days"
    for name, queue in queues.items():
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield f"{name} is not encrypted"


@check
def schedules_are_valid_and_may_start_their_function(template: Template):
    rate = re.compile(r"rate\((1 (minute|hour|day)|(?!0|1 )\d+ (minutes|hours|days))\)|cron\((\S+ ){5}\S+\)")
    for name, schedule in template.of("AWS::Scheduler::Schedule").items():
        if not rate.fullmatch(schedule["ScheduleExpression"]):
            yield f"{name} is scheduled {schedule['ScheduleExpression']}"
        if "AWS::StackName" not in named(schedule["Name"]):
            yield f"{name} has a name that another stack may have"
        (role,) = named(schedule["Target"]["RoleArn"])
        if not any(
            allows(right, "lambda:InvokeFunction") and named(schedule["Target"]["Arn"]) <= named(right["Resource"])
            for right in template.statements(role)
        ):
            yield f"{name} may not start its function"


@check
def the_api_has_the_routes_of_its_description(template: Template):
    described = json.loads((ROOT / "openapi.json").read_text())["paths"]
    methods = {"get", "put", "post", "delete", "patch"}
    wanted = {(method, path) for path, item in described.items() for method in set(item) & methods}
    routes = template.routes()
    for method, path in wanted - set(routes):
        yield f"{method} {path} is described and leads nowhere"
    for method, path in set(routes) - wanted:
        yield f"{method} {path} is not described"
    invoked = {
        name
        for permission in template.of("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
        for name in named(permission["FunctionName"])
    }
    for route, functions in routes.items():
        if not functions & invoked:
            yield f"the API may not invoke what {route} leads to"


@check
def the_api_is_throttled_and_its_log_names_nobody(template: Template):
    stage = template.one("AWS::ApiGatewayV2::Stage")
    limits = stage.get("DefaultRouteSettings", {})
    for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        if limit not in limits:
            yield f"the API has no {limit}"
    log = stage.get("AccessLogSettings")
    if not log:
        yield "requests are not logged"
        return
    try:
        json.loads(log["Format"])
    except ValueError:
        yield "the request log is not JSON"
    if told := set(re.findall(r"\$context\.([\w.]+)", log["Format"])) - LOGGED:
        yield f"the request log tells {told}"


# ---- Who may do what ----


@check
def functions_may_query_the_indexes_they_use(template: Template):
    for name, function in template.of("AWS::Lambda::Function").items():
        permitted = set()
        for right in template.statements(template.role(function)):
            if allows(right, "dynamodb:Query"):
                permitted |= {match for arn in listed(right["Resource"]) for match in re.findall(r"/index/([\w*-]+)", text(arn))}
        if permitted != INDEXES.get(name, set()):
            yield f"{name} may query {permitted or 'no index'}, and uses {INDEXES.get(name, 'none')}"


@check
def rights_are_on_named_things(template: Template):
    for name, role in template.of("AWS::IAM::Role").items():
        for arn in role.get("ManagedPolicyArns", []):
            if not text(arn).endswith(MANAGED):
                yield f"{name} has the rights of {text(arn)}"
        for right in template.statements(name):
            if right["Effect"] != "Allow":
                continue
            actions = set(listed(right["Action"]))
            if wild := {action for action in actions if "*" in action}:
                yield f"{name} may {wild}"
            if "*" in listed(right["Resource"]) and not actions <= ON_EVERYTHING:
                yield f"{name} may {actions} on everything"


@check
def only_those_who_are_told_of_it_read_the_signing_secret(template: Template):
    for name, function in template.of("AWS::Lambda::Function").items():
        told = "SIGNING_SECRET_ARN" in function["Environment"]["Variables"]
        may = any(
            allows(right, "secretsmanager:GetSecretValue") and "SigningSecret" in named(right["Resource"])
            for right in template.statements(template.role(function))
        )
        if told != may:
            yield f"{name} {'may not' if told else 'may'} read the signing secret"


# ---- The way in ----


@check
def the_distribution_is_strict(template: Template):
    config = template.one("AWS::CloudFront::Distribution")["DistributionConfig"]
    behaviours = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]
    for behaviour in behaviours:
        if behaviour["ViewerProtocolPolicy"] not in ("https-only", "redirect-to-https"):
            yield "the distribution answers without TLS"
        if behaviour["TargetOriginId"] == "console" and "ResponseHeadersPolicyId" not in behaviour:
            yield "pages of the console have no headers"
    policies = template.of("AWS::CloudFront::ResponseHeadersPolicy")
    for name, policy in policies.items():
        age = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"].get("StrictTransportSecurity", {})
        if age.get("AccessControlMaxAgeSec", 0) < 31536000:
            yield f"{name} does not keep browsers to TLS"


@check
def parameters_explain_and_guard_themselves(template: Template):
    for name, parameter in template.document["Parameters"].items():
        if len(parameter.get("Description", "")) < 10:
            yield f"{name} does not say what it is"
        guards = {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
        if not guards and name != "LogFilter":
            yield f"{name} takes anything"
    required = {name for name, parameter in template.document["Parameters"].items() if "Default" not in parameter}
    if required != {"BaseUrl", "Sender"}:
        yield f"{required} must be given"

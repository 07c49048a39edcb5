"""The template holds what `wiring.py` and `watching.py` ask, and each of their checks finds the faults that it is there for."""

import copy
from pathlib import Path

import pytest
import watching  # noqa: F401 (puts its checks into CHECKS)
import wiring  # noqa: F401
from model import CHECKS, Template, listed
from transform import ROOT, read, transform


DOCUMENT = transform(read(ROOT / "infra/template.yaml"))


@pytest.mark.parametrize("name", CHECKS)
def test_the_template_passes(name):
    assert list(CHECKS[name](Template(DOCUMENT))) == []


FAULTS = []


def fault(check: str):
    """A change of the template that this check must find."""

    def note(change):
        FAULTS.append(pytest.param(check, change, id=change.__name__))
        return change

    return note


@pytest.mark.parametrize(("check", "change"), FAULTS)
def test_a_fault_is_found(check, change):
    faulty = copy.deepcopy(DOCUMENT)
    change(faulty["Resources"])
    assert list(CHECKS[check](Template(faulty)))


def test_every_check_has_a_fault_that_it_finds():
    proven = {param.values[0] for param in FAULTS}
    assert set(CHECKS) - proven == {"parameters_explain_and_guard_themselves"}


def test_a_parameter_without_a_guard_is_found():
    faulty = copy.deepcopy(DOCUMENT)
    faulty["Parameters"]["Memory"] = {"Type": "Number", "Default": 256}
    problems = list(CHECKS["parameters_explain_and_guard_themselves"](Template(faulty)))
    assert problems == ["Memory does not say what it is", "Memory takes anything"]


@pytest.mark.parametrize(
    ("parameter", "limits"),
    [
        ("MailConcurrency", {"MaxValue": 51}),
        ("MailRate", {"Default": 16}),
    ],
)
def test_mail_workers_who_are_too_many_or_too_few_are_found(parameter, limits):
    faulty = copy.deepcopy(DOCUMENT)
    faulty["Parameters"][parameter] |= limits
    assert list(CHECKS["mail_workers_share_the_rate_and_end_in_time"](Template(faulty)))


def test_a_rule_that_lets_many_workers_share_a_low_rate_is_found():
    faulty = copy.deepcopy(DOCUMENT)
    rule = faulty["Rules"]["FewWorkersShareALowRate"]
    rule["RuleCondition"]["Fn::Contains"][0].remove("9")
    assert list(CHECKS["mail_workers_share_the_rate_and_end_in_time"](Template(faulty)))


def properties(resources: dict, name: str) -> dict:
    return resources[name]["Properties"]


def rights(resources: dict, role: str) -> list[dict]:
    (policy,) = properties(resources, role)["Policies"]
    return policy["PolicyDocument"]["Statement"]


def statement(resources: dict, policy: str) -> dict:
    return properties(resources, policy)["PolicyDocument"]["Statement"][0]


def alarm(resources: dict, name: str) -> dict:
    return properties(resources, name)


def replace_in_dashboard(resources: dict, old: str, new: str):
    body = properties(resources, "Dashboard")["DashboardBody"]
    assert old in body["Fn::Sub"]
    body["Fn::Sub"] = body["Fn::Sub"].replace(old, new, 1)


@fault("the_table_is_protected")
def no_time_to_live(resources):
    del properties(resources, "Table")["TimeToLiveSpecification"]


@fault("the_table_is_protected")
def time_to_live_switched_off(resources):
    properties(resources, "Table")["TimeToLiveSpecification"]["Enabled"] = False


@fault("the_table_is_protected")
def no_recovery(resources):
    properties(resources, "Table")["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] = False


@fault("the_table_is_protected")
def no_deletion_protection(resources):
    del properties(resources, "Table")["DeletionProtectionEnabled"]


@fault("the_table_is_protected")
def a_stream_of_new_images_only(resources):
    properties(resources, "Table")["StreamSpecification"]["StreamViewType"] = "NEW_IMAGE"


@fault("what_is_kept_outlives_the_stack")
def the_secret_goes_with_the_stack(resources):
    del resources["SigningSecret"]["DeletionPolicy"]


@fault("buckets_are_closed")
def a_bucket_that_may_become_public(resources):
    properties(resources, "ConsoleBucket")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@fault("buckets_are_closed")
def a_bucket_without_tls(resources):
    statement(resources, "BucketPolicy")["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}


@fault("files_are_told_of_and_leave")
def the_event_bus_is_not_told_of_objects(resources):
    del properties(resources, "Bucket")["NotificationConfiguration"]


@fault("files_are_told_of_and_leave")
def exports_stay(resources):
    for rule in properties(resources, "Bucket")["LifecycleConfiguration"]["Rules"]:
        if rule["Id"] == "exports":
            rule["Status"] = "Disabled"


@fault("files_are_told_of_and_leave")
def plans_go_before_their_import(resources):
    for rule in properties(resources, "Bucket")["LifecycleConfiguration"]["Rules"]:
        if rule["Id"] == "plans":
            rule["ExpirationInDays"] = 27


@fault("files_are_told_of_and_leave")
def any_origin_may_upload(resources):
    properties(resources, "Bucket")["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] = ["*"]


@fault("events_of_mails_arrive")
def the_event_destination_is_off(resources):
    properties(resources, "MailEvents")["EventDestination"]["Enabled"] = False


@fault("events_of_mails_arrive")
def a_misspelt_event_of_ses(resources):
    properties(resources, "MailEvents")["EventDestination"]["MatchingEventTypes"][1] = "Bounced"


@fault("events_of_mails_arrive")
def a_rule_that_waits_for_another_spelling(resources):
    properties(resources, "DeliveryRule")["EventPattern"]["detail"]["eventType"][0] = "delivery"


@fault("queues_let_in_what_is_sent_to_them")
def no_policy_for_the_topic(resources):
    del resources["QueuesOfTopic"]


@fault("queues_let_in_what_is_sent_to_them")
def a_queue_left_out_of_the_policy_for_rules(resources):
    properties(resources, "QueuesOfRules")["Queues"].pop()


@fault("queues_let_in_what_is_sent_to_them")
def a_policy_for_another_topic(resources):
    statement(resources, "QueuesOfTopic")["Condition"]["ArnEquals"]["aws:SourceArn"] = {"Ref": "Alarms"}


@fault("the_outbox_pipe_may_read_and_publish")
def a_pipe_that_may_not_publish(resources):
    for right in rights(resources, "OutboxRole"):
        if right["Action"] == "sns:Publish":
            right["Resource"] = {"Ref": "Alarms"}


@fault("the_outbox_pipe_may_read_and_publish")
def a_pipe_that_may_not_write_its_dead_letters(resources):
    parameters = properties(resources, "Outbox")["SourceParameters"]["DynamoDBStreamParameters"]
    parameters["DeadLetterConfig"] = {"Arn": {"Fn::GetAtt": ["MailDeadLetters", "Arn"]}}


@fault("the_outbox_pipe_may_read_and_publish")
def a_pipe_whose_filter_is_not_json(resources):
    properties(resources, "Outbox")["SourceParameters"]["FilterCriteria"]["Filters"][0]["Pattern"] = "{outbox}"


@fault("queues_outwait_their_functions")
def a_function_slower_than_its_queue_waits(resources):
    properties(resources, "SendMail")["Timeout"] = 61


@fault("batches_report_their_failed_items")
def a_batch_that_fails_as_a_whole(resources):
    del properties(resources, "SendMailWork")["FunctionResponseTypes"]


@fault("batches_report_their_failed_items")
def as_many_mail_workers_as_there_are_mails(resources):
    del properties(resources, "SendMailWork")["ScalingConfig"]


@fault("who_writes_large_files_has_room_for_them")
def exports_in_the_space_that_lambda_gives_of_itself(resources):
    del properties(resources, "Export")["EphemeralStorage"]


@fault("no_queue_takes_all_of_the_account")
def as_many_exports_at_once_as_are_asked_for(resources):
    del properties(resources, "ExportWork")["ScalingConfig"]


@fault("mail_workers_share_the_rate_and_end_in_time")
def a_mail_worker_that_knows_no_rate(resources):
    del properties(resources, "SendMail")["Environment"]["Variables"]["MAIL_RATE"]


@fault("mail_workers_share_the_rate_and_end_in_time")
def more_mail_workers_than_they_know_of(resources):
    properties(resources, "SendMailWork")["ScalingConfig"]["MaximumConcurrency"] = {"Ref": "ImportConcurrency"}


@fault("mail_workers_share_the_rate_and_end_in_time")
def batches_of_mails_that_take_longer_than_the_function_may(resources):
    properties(resources, "SendMailWork")["BatchSize"] = 11


@fault("queues_have_dead_letters_and_these_an_alarm")
def a_queue_without_dead_letters(resources):
    del properties(resources, "MailQueue")["RedrivePolicy"]


@fault("queues_have_dead_letters_and_these_an_alarm")
def dead_letters_that_nobody_hears_of(resources):
    del resources["ExportDeadLettersAlarm"]


@fault("queues_have_dead_letters_and_these_an_alarm")
def dead_letters_kept_for_four_days(resources):
    del properties(resources, "MailDeadLetters")["MessageRetentionPeriod"]


@fault("schedules_are_valid_and_may_start_their_function")
def every_one_minutes(resources):
    properties(resources, "ExpireInvitationsCleanup")["ScheduleExpression"] = "rate(1 minutes)"


@fault("schedules_are_valid_and_may_start_their_function")
def a_schedule_whose_name_another_stack_has(resources):
    properties(resources, "SealAuditHourly")["Name"] = "SealAuditHourly"


@fault("schedules_are_valid_and_may_start_their_function")
def a_schedule_that_may_start_another_function_only(resources):
    rights(resources, "EraseUsersCleanupRole")[0]["Resource"] = {"Fn::GetAtt": ["SealAudit", "Arn"]}


@fault("the_api_has_the_routes_of_its_description")
def a_route_that_leads_nowhere(resources):
    del properties(resources, "Api")["Body"]["paths"]["/v1/me"]


@fault("the_api_has_the_routes_of_its_description")
def a_function_that_the_api_may_not_invoke(resources):
    for name in [name for name in resources if name.startswith("Invite") and name.endswith("Permission")]:
        del resources[name]


@fault("the_api_is_throttled_and_its_log_names_nobody")
def no_throttling(resources):
    del properties(resources, "ApiApiGatewayDefaultStage")["DefaultRouteSettings"]["ThrottlingRateLimit"]


@fault("the_api_is_throttled_and_its_log_names_nobody")
def a_log_of_addresses(resources):
    properties(resources, "ApiApiGatewayDefaultStage")["AccessLogSettings"]["Format"] = '{"ip":"$context.identity.sourceIp"}'


@fault("the_api_is_throttled_and_its_log_names_nobody")
def a_log_of_paths(resources):
    properties(resources, "ApiApiGatewayDefaultStage")["AccessLogSettings"]["Format"] = '{"path":"$context.path"}'


@fault("functions_may_query_the_indexes_they_use")
def no_right_to_an_index(resources):
    for right in rights(resources, "ListUsersRole"):
        right["Resource"] = [arn for arn in listed(right["Resource"]) if "index" not in str(arn)]


@fault("functions_may_query_the_indexes_they_use")
def a_right_to_an_index_that_is_not_used(resources):
    rights(resources, "InviteRole").append(
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": {"Fn::Sub": "${Table.Arn}/index/*"}}
    )


@fault("rights_are_on_named_things")
def any_action(resources):
    rights(resources, "InviteRole")[0]["Action"] = "dynamodb:*"


@fault("rights_are_on_named_things")
def any_resource(resources):
    rights(resources, "InviteRole")[0]["Resource"] = "*"


@fault("rights_are_on_named_things")
def all_of_the_rights_of_aws(resources):
    properties(resources, "InviteRole").setdefault("ManagedPolicyArns", []).append("arn:aws:iam::aws:policy/PowerUserAccess")


@fault("only_those_who_are_told_of_it_read_the_signing_secret")
def another_reader_of_the_signing_secret(resources):
    rights(resources, "InviteRole").append(
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "SigningSecret"}}
    )


@fault("alarms_ring")
def an_alarm_that_tells_nobody(resources):
    alarm(resources, "MailAgeAlarm")["AlarmActions"] = []


@fault("alarms_ring")
def a_topic_that_cloudwatch_may_not_publish_to(resources):
    del resources["AlarmsPolicy"]


@fault("alarms_ring")
def an_alarm_of_a_misspelt_metric(resources):
    alarm(resources, "ApiErrorsAlarm")["MetricName"] = "5XXError"


@fault("alarms_ring")
def an_alarm_of_a_queue_that_is_a_function(resources):
    alarm(resources, "MailAgeAlarm")["Dimensions"][0]["Value"] = {"Ref": "SendMail"}


@fault("alarms_ring")
def an_alarm_that_leaves_a_metric_out(resources):
    alarm(resources, "WorkerErrorsAlarm")["Metrics"][0]["Expression"] = "FILL(m0, 0)"


@fault("everything_that_fails_has_an_alarm")
def a_worker_whose_failures_nobody_hears_of(resources):
    metrics = alarm(resources, "WorkerErrorsAlarm")["Metrics"]
    metrics[:] = [metric for metric in metrics if "SealAudit" not in str(metric)]


@fault("everything_that_fails_has_an_alarm")
def bounces_that_ring_too_late(resources):
    alarm(resources, "BouncesAlarm")["Threshold"] = 0.05


@fault("everything_that_fails_has_an_alarm")
def no_alarm_for_throttles_of_the_table(resources):
    del resources["TableThrottlesAlarm"]


@fault("the_dashboard_shows_what_there_is")
def a_dashboard_that_is_not_json(resources):
    replace_in_dashboard(resources, '"widgets": [', '"widgets": [,')


@fault("the_dashboard_shows_what_there_is")
def a_dashboard_with_a_metric_that_there_is_not(resources):
    replace_in_dashboard(resources, '"5xx", "ApiId"', '"5XX", "ApiId"')


@fault("the_dashboard_shows_what_there_is")
def a_dashboard_that_names_nothing(resources):
    replace_in_dashboard(resources, "${MailQueue.QueueName}", "${PostQueue.QueueName}")


@fault("logs_are_kept_and_not_for_ever")
def logs_that_are_kept_for_ever(resources):
    del properties(resources, "FunctionLogs")["RetentionInDays"]


@fault("logs_are_kept_and_not_for_ever")
def a_function_with_a_log_group_of_its_own_making(resources):
    del properties(resources, "Support")["LoggingConfig"]


@fault("the_distribution_is_strict")
def a_distribution_without_tls(resources):
    config = properties(resources, "Distribution")["DistributionConfig"]
    config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] = "allow-all"


@fault("the_distribution_is_strict")
def headers_that_let_browsers_go_without_tls(resources):
    headers = properties(resources, "ConsoleHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    del headers["StrictTransportSecurity"]


def test_the_lock_pins_what_is_required():
    folder = Path(__file__).parent
    wanted = {line.split()[0] for line in (folder / "requirements.txt").read_text().splitlines() if line[0] != "#"}
    # Names of packages are the same with a dash as with an underscore, and pip writes either.
    pinned = {line.replace("_", "-") for line in (folder / "constraints.txt").read_text().splitlines()}
    assert wanted and wanted <= pinned

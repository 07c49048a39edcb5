"""ministack, with four things that it lacks.

Whether a policy that names `dynamodb:LeadingKeys` allows a request depends on the partition keys in it. ministack
evaluates conditions but does not say what these keys are, so it is told here, as AWS tells it: of each operation, and of
each item of a transaction.

A denial is written down, so that it is found even where a function makes nothing of it.

A function that is not traced is not told of a trace. AWS tells each invocation of one, whether it is kept or not.

A pipe's filter is ignored, so that its pattern is evaluated here, by ministack's own rules for events, which are the same
on AWS.
"""

import json
import logging
import os
import re
import sys

from ministack.core import iam_actions, iam_evaluator
from ministack.services import eventbridge, lambda_svc, pipes

# The partition key of an index is named here because no request says it.
DENIED = "DENIED"
PARTITION_KEYS = {"by-expiry": "expiry_shard"}
EQUALS = re.compile(r"([#\w]+)\s*=\s*(:\w+)")


class Arn(str):
    """The table that an item of a transaction is in, and the item's partition key."""

    leading: list[str]


def _text(value: dict) -> str:
    return next(iter(value.values()))


def _leading_keys(request: dict) -> list[str]:
    name = PARTITION_KEYS.get(request.get("IndexName"), "PK")
    if "RequestItems" in request:
        keys = [key for table in request["RequestItems"].values() for key in table["Keys"]]
        return [_text(key[name]) for key in keys]
    for part in ("Key", "Item"):
        if part in request:
            return [_text(request[part][name])]
    names = request.get("ExpressionAttributeNames", {})
    for left, right in EQUALS.findall(request.get("KeyConditionExpression", "")):
        if names.get(left, left) == name:
            return [_text(request["ExpressionAttributeValues"][right])]
    return []


def _request_context(original):
    def context(body):
        request = json.loads(body or b"{}")
        leading = _leading_keys(request)
        return {**original(body), **({"dynamodb:LeadingKeys": leading} if leading else {})}

    return context


def _item_checks(original):
    def checks(action, body, region, account):
        items = json.loads(body or b"{}").get("TransactItems", [])
        arns = []
        for (checked, arn), item in zip(original(action, body, region, account), items, strict=True):
            arns.append((checked, Arn(arn)))
            arns[-1][1].leading = _leading_keys(next(iter(item.values())))
        return arns

    def or_none(action, *rest):
        # It is asked about every request of DynamoDB, and answers nothing about most.
        return checks(action, *rest) if "Transact" in action else []

    return or_none


def _enforce(original):
    def enforce(*args, resource_arn="*", service_context=None, **rest):
        if isinstance(resource_arn, Arn):
            service_context = {**(service_context or {}), "dynamodb:LeadingKeys": resource_arn.leading}
        denied = original(*args, resource_arn=resource_arn, service_context=service_context, **rest)
        if denied is not None:
            leading = (service_context or {}).get("dynamodb:LeadingKeys", "")
            logging.getLogger("policies").warning("%s %s on %s %s: %s", DENIED, args[1], resource_arn, leading, denied)
        return denied

    return enforce


def _publish(original):
    patterns = json.loads(os.environ["PIPE_FILTERS"])

    def publish(topic, pipe, record):
        if any(eventbridge._matches_detail(record, pattern) for pattern in patterns):
            original(topic, pipe, record)

    return publish


def _trace(original):
    return lambda config, *rest: original({**config, "TracingConfig": {"Mode": "Active"}}, *rest)


iam_actions.dynamodb_service_context = _request_context(iam_actions.dynamodb_service_context)
iam_actions.dynamodb_transaction_checks = _item_checks(iam_actions.dynamodb_transaction_checks)
iam_evaluator.enforce = _enforce(iam_evaluator.enforce)
lambda_svc._xray_trace_id_for_invocation = _trace(lambda_svc._xray_trace_id_for_invocation)
pipes._publish_record_to_sns = _publish(pipes._publish_record_to_sns)

if __name__ == "__main__":
    from ministack.app import main

    sys.argv = ["ministack"]
    main()

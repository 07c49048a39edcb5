"""What the description promises beyond Schemathesis' own checks, requests that succeed, and a record of the answers."""

import json
import os
import pathlib

import schemathesis
from schemathesis.auths import AuthContext, set_on_case

WORK = pathlib.Path(os.environ["MUSTER_API_TEST"])
# Of HTTP itself, not of the API: OpenAPI ignores the first, and servers add the rest.
OF_HTTP = {"content-type", "content-length", "content-encoding", "vary", "date", "transfer-encoding", "connection"}


def is_documented_method(case):
    """Whether it is the operation's own method, and none that was tried out on its path."""
    return case.method.upper() == case.operation.method.upper()


@schemathesis.check
def headers_are_documented(ctx, response, case):
    """Every header of a documented answer is described with it."""
    documented = case.operation.responses.find_by_status_code(response.status_code)
    if documented is None or not is_documented_method(case):
        return
    names = {name.lower() for name, _ in documented.headers.items()}
    unknown = {name.lower() for name in response.headers} - names - OF_HTTP
    assert not unknown, f"{response.status_code} has undocumented headers: {', '.join(sorted(unknown))}"


@schemathesis.hook
def before_add_examples(context, examples):
    """Adds the request that succeeds, of the operations that have one."""
    operation = context.operation
    request = json.loads((WORK / "requests.json").read_text()).get(operation.label)
    if request:
        body = operation.definition.raw.get("requestBody", {"content": {None: None}})
        case = operation.Case(media_type=next(iter(body["content"])), **request)
        # As those that are made up are authorized.
        set_on_case(case, AuthContext(operation=operation, app=None), operation.schema.auth)
        examples.append(case)


@schemathesis.hook
def after_call(context, case, response):
    """Notes what an operation was answered with."""
    if is_documented_method(case):
        with open(WORK / "answers.tsv", "a", encoding="utf-8") as answers:
            answers.write(f"{case.operation.label}\t{response.status_code}\n")

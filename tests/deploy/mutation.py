"""Takes single permissions from single roles, and sees whether anybody notices.

What a policy permits is a list of statements, and each of them is lists of actions, of resources and of the values of
conditions. Each entry of each list is taken away by itself (with the statement, where it was the last), and the scenes of
the role's function are told again. A permission that can be taken away unnoticed is not needed, or not exercised.
"""

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scenes import SCENES
from world import Company, World


# What ministack cannot miss, and why it is needed all the same.
UNSEEN = {
    "s3:ListBucket": "without it AWS answers 403 for an object that is not there; ministack answers 404 either way"
}


@dataclass
class Mutant:
    """A policy without one permission."""

    operation: str
    role: str
    policy: str
    lost: str
    document: dict


def mutants(world: World, operation: str) -> Iterator[Mutant]:
    """All mutants of the role of a function."""
    iam = world.emulator.client("iam")
    configuration = world.emulator.client("lambda").get_function_configuration(
        FunctionName=world.deployment.function(operation)
    )
    role = configuration["Role"].split("/")[-1]
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for lost, mutated in _without_one(document):
            yield Mutant(operation, role, policy, lost, mutated)


def _without_one(document: dict) -> Iterator[tuple[str, dict]]:
    """What is lost, as `actions on resources where condition`, and the policy without it."""
    for place, statement in enumerate(document["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        actions, resources = _list(statement["Action"]), _list(statement["Resource"])
        conditions = [
            (operator, key, _list(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        ]
        what, where = ", ".join(actions), ", ".join(map(_short, resources))
        when = "".join(f" where {key} is {' or '.join(values)}" for _, key, values in conditions)
        for action in actions:
            rest = [one for one in actions if one != action]
            yield f"{action} on {where}{when}", _changed(document, place, "Action", rest)
        # Without its only resource, or only value, a statement permits nothing, as without its only action.
        for resource in resources if len(resources) > 1 else []:
            rest = [one for one in resources if one != resource]
            yield f"{what} on {_short(resource)}{when}", _changed(document, place, "Resource", rest)
        for operator, key, values in conditions:
            for value in values if len(values) > 1 else []:
                changed = copy.deepcopy(document)
                rest = [one for one in values if one != value]
                changed["Statement"][place]["Condition"][operator][key] = rest
                yield f"{what} on {where} where {key} is {value}", changed


def _changed(document: dict, place: int, part: str, rest: list[str]) -> dict:
    changed = copy.deepcopy(document)
    if rest:
        changed["Statement"][place][part] = rest
    else:
        del changed["Statement"][place]
        if not changed["Statement"]:
            # A policy needs a statement: this one permits nothing that anybody asks for.
            changed["Statement"] = [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}]
    return changed


def _list(value) -> list[str]:
    return value if isinstance(value, list) else [value]


def _short(resource: str) -> str:
    """A resource without what all of them have in common."""
    return resource.split(":", 5)[-1] if resource.startswith("arn:") else resource


@dataclass
class Verdict:
    """What came of a mutant."""

    mutant: Mutant
    noticed: str | None
    denied: bool
    seconds: float


class Laboratory:
    """Roles of the running stack, changed and changed back."""

    def __init__(self, world: World):
        self.world = world

    def judge(self, mutant: Mutant, company: Company) -> Verdict:
        """Tells the scenes of the function without a permission."""
        iam = self.world.emulator.client("iam")
        whole = iam.get_role_policy(RoleName=mutant.role, PolicyName=mutant.policy)["PolicyDocument"]
        self._set(mutant, mutant.document)
        self._cold(mutant.operation)
        since = time.time()
        self.world.watch(mutant.operation)
        try:
            noticed = tell(mutant.operation, company)
            denied = any("DENIED" in line for line in self.world.told())
        finally:
            self.world.watched = None
            self._set(mutant, whole)
            self._cold(mutant.operation)
            self._forget_messages(mutant.operation)
        return Verdict(mutant, noticed, denied, time.time() - since)

    def _set(self, mutant: Mutant, document: dict):
        self.world.emulator.client("iam").put_role_policy(
            RoleName=mutant.role, PolicyName=mutant.policy, PolicyDocument=json.dumps(document)
        )

    def _cold(self, operation: str):
        """Lets the function start anew, as with any other time-out: some things are read at the start only."""
        functions, name = self.world.emulator.client("lambda"), self.world.deployment.function(operation)
        timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)

    def _forget_messages(self, operation: str):
        """Empties the queue of a worker, which would see again what it could not do."""
        functions = self.world.emulator.client("lambda")
        mappings = functions.list_event_source_mappings(FunctionName=self.world.deployment.function(operation))
        for mapping in mappings["EventSourceMappings"]:
            queue = mapping["EventSourceArn"].split(":")[-1]
            sqs = self.world.emulator.client("sqs")
            sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"])


def tell(operation: str, company: Company) -> str | None:
    """Tells the scenes of a function; what went wrong, if something did."""
    for told in SCENES[operation]:
        try:
            told(company)
        except (AssertionError, LookupError, TypeError) as fault:
            return f"{told.__name__}: {fault}"
    return None


def unneeded(verdicts: list[Verdict]) -> list[Verdict]:
    """What nobody missed and ministack would have shown to be missed."""
    return [one for one in verdicts if not one.noticed and one.mutant.lost.split(" on ")[0] not in UNSEEN]


def report(verdicts: list[Verdict]) -> str:
    """The table of what survived, and how much did not."""
    survived = [one for one in verdicts if not one.noticed]
    undenied = [one for one in verdicts if one.noticed and not one.denied]
    lines = [f"{len(verdicts)} permissions taken away one by one, {len(survived)} of them unnoticed"]
    if survived:
        lines += ["", "| function | nobody missed | |", "| --- | --- | --- |"]
    for one in survived:
        how = "denied, and nothing came of it" if one.denied else "not asked for"
        how = UNSEEN.get(one.mutant.lost.split(" on ")[0], how)
        lines.append(f"| {one.mutant.operation} | {one.mutant.lost} | {how} |")
    if undenied:
        lines += ["", "Noticed, but no denial was seen, so something else may have gone wrong:", ""]
    lines += [f"- {one.mutant.operation} without {one.mutant.lost}: {one.noticed}" for one in undenied]
    return "\n".join(lines)

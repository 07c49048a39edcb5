"""Takes single permissions from single roles, and sees whether anybody notices.

A permission is one action on one resource under one value of each condition. Each that a policy of the template gives is
taken away by itself, and the scenes of the role's function are told again. A permission that can be taken away unnoticed is
not needed, or not exercised. The policies of AWS that SAM adds, for logs and queues, are not ours to take from.
"""

import copy
import fnmatch
import functools
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scenes import SCENES
from world import DENIED, Company, World

# What ministack does not enforce, by role and action, and why it is needed all the same.
UNENFORCED = [
    (
        "ImportRole",
        "s3:ListBucket",
        "without it AWS answers 403 for an object that is not there; ministack answers 404 either way",
    ),
    ("OutboxRole", "*", "a pipe of ministack asks no role; `make check-infra` compares the role with the pipe"),
    (
        "*Role",
        "lambda:InvokeFunction",
        "a schedule of ministack asks no role; the role is SAM's own for the schedule's target",
    ),
]


@dataclass
class Mutant:
    """A policy without one permission."""

    role: str
    operation: str | None
    policy: str
    action: str
    where: str
    document: dict

    @property
    def lost(self) -> str:
        """What the role may no longer do."""
        return f"{self.action} on {self.where}"

    @property
    def unenforced(self) -> str | None:
        """Why ministack lets the role do it all the same."""
        for role, action, reason in UNENFORCED:
            if fnmatch.fnmatchcase(self.role, role) and fnmatch.fnmatchcase(self.action, action):
                return reason
        return None


def mutants(world: World, role: str) -> Iterator[Mutant]:
    """All mutants of a role of the template."""
    iam, name = world.emulator.client("iam"), world.deployment.physical[role]
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for action, where, mutated in _without_one(document):
            yield Mutant(role, world.deployment.owner(role), policy, action, where, mutated)


def _without_one(document: dict) -> Iterator[tuple[str, str, dict]]:
    """The action that is lost, and where, and the policy without it."""
    for place, statement in enumerate(document["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        for lost in itertools.product(*map(_list, _parts(statement).values())):
            # A policy needs a statement: this one permits nothing that anybody asks for.
            rest = list(_rest(statement, lost)) or [NOTHING]
            changed = [*document["Statement"][:place], *rest, *document["Statement"][place + 1 :]]
            where = " ".join([_short(lost[1]), *(f"where the key is like {value}" for value in lost[2:])])
            yield lost[0], where, {**document, "Statement": changed}


NOTHING = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


def _parts(statement: dict) -> dict[tuple[str, ...], str | list[str]]:
    """What of a statement is a list, of which each entry permits something, by the way to it."""
    conditions = statement.get("Condition", {}).items()
    keys = {("Condition", operator, key): values for operator, keys in conditions for key, values in keys.items()}
    return {("Action",): statement["Action"], ("Resource",): statement["Resource"], **keys}


def _rest(statement: dict, lost: tuple[str, ...]) -> Iterator[dict]:
    """Statements that permit the same but for one entry of each list together: of the lists before one, that entry alone,
    and of that one, all but it."""
    parts = _parts(statement)
    for kept in range(len(parts)):
        rest = copy.deepcopy(statement)
        for place, ((*way, last), entries) in enumerate(parts.items()):
            if place <= kept:
                of = functools.reduce(dict.__getitem__, way, rest)
                of[last] = [one for one in _list(entries) if (one == lost[place]) == (place < kept)]
        if all(_parts(rest).values()):
            yield rest


def _list(value) -> list[str]:
    return value if isinstance(value, list) else [value]


def _short(resource: str) -> str:
    """A resource without what all of them have in common."""
    return resource.split(":", 5)[-1] if resource.startswith("arn:") else resource


@dataclass
class Verdict:
    """What came of a mutant."""

    mutant: Mutant
    noticed: str | None = None
    denied: bool = False
    seconds: float = 0

    @property
    def fault(self) -> str | None:
        """Why this is not as it should be."""
        if self.mutant.unenforced:
            return "noticed after all: no longer to be listed as not enforced" if self.noticed else None
        if not self.noticed:
            return "not asked for"
        return None if self.denied else f"something else went wrong: {self.noticed}"


class Laboratory:
    """Roles of the running stack, changed and changed back."""

    def __init__(self, world: World):
        self.world = world

    def judge(self, mutant: Mutant, company: Company | None) -> Verdict:
        """Tells the scenes of the role's function, if it is one's, without a permission."""
        if not mutant.operation or not company:
            return Verdict(mutant)
        name, iam = self.world.deployment.physical[mutant.role], self.world.emulator.client("iam")
        whole = iam.get_role_policy(RoleName=name, PolicyName=mutant.policy)["PolicyDocument"]
        self._set(mutant, mutant.document)
        self.world.restart(mutant.operation)
        since = time.time()
        self.world.watch(mutant.operation)
        try:
            noticed = tell(mutant.operation, company)
            denied = any(f"{DENIED} {mutant.action} " in line for line in self.world.denials())
        finally:
            self.world.watched = None
            self._set(mutant, whole)
            self.world.restart(mutant.operation)
            self._forget_messages(mutant.operation)
        return Verdict(mutant, noticed, denied, time.time() - since)

    def _set(self, mutant: Mutant, document: dict):
        self.world.emulator.client("iam").put_role_policy(
            RoleName=self.world.deployment.physical[mutant.role],
            PolicyName=mutant.policy,
            PolicyDocument=json.dumps(document),
        )

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
        except (AssertionError, LookupError, OSError, TypeError, ValueError) as fault:
            return f"{told.__name__}: {fault}"
    return next(iter(company.world.denials()), None)


def report(verdicts: list[Verdict]) -> str:
    """How much was missed, and the tables of what was not."""
    unenforced = [one for one in verdicts if one.mutant.unenforced]
    faults = [one for one in verdicts if one.fault]
    lines = [f"{len(verdicts)} permissions taken away one by one, {len(unenforced)} of them not enforced here"]
    lines += ["", *_table("why it is not missed here", [(one, one.mutant.unenforced) for one in unenforced])]
    if faults:
        lines += ["", *_table("what is wrong", [(one, one.fault) for one in faults])]
    return "\n".join(lines)


def _table(title: str, rows: list[tuple[Verdict, str]]) -> list[str]:
    head = [f"| role | permission | {title} |", "| --- | --- | --- |"]
    return head + [f"| {one.mutant.role} | {one.mutant.lost} | {why} |" for one, why in rows]

"""Everybody who uses the deployed Muster: plain HTTP, mails, files, and support."""

import itertools
import json
import re
import time
from dataclasses import dataclass, field

import requests

from deployment import Deployment
from emulator import ACCOUNT, within

PASSWORD = "correct horse battery staple"
PATIENCE = 30


class Refused(AssertionError):
    """Something did not come out as it should."""


class World:
    """The stack, and what there is to reach it by."""

    def __init__(self, deployment: Deployment):
        self.deployment = deployment
        self.emulator = deployment.emulator
        self.called: set[str] = set()
        self.http = requests.Session()
        self.numbers = itertools.count(1)
        # The function whose faults end all waiting, and since when they count.
        self.watched: tuple[str, float, int] | None = None
        # Everybody comes through the distribution, which says where from; each from a place of their own.
        secret = self.emulator.client("secretsmanager").get_secret_value(SecretId=deployment.physical["EdgeSecret"])
        self.edge = {"x-muster-edge": secret["SecretString"]}
        self.viewer = "192.0.2.1"
        self._patterns = [(one, re.compile(re.sub(r"{\w+}", "[^/]+", one))) for one in sorted(deployment.routes)]

    def unique(self, what: str) -> str:
        """A name that nobody else has, also in a later round."""
        return f"{what}-{next(self.numbers)}"

    def address(self, who: str) -> str:
        return f"{self.unique(who)}@people.example"

    # ---- HTTP ----

    def call(self, method: str, path: str, body=None, status: int = 200, token: str | None = None, **headers):
        """Calls the API; the answer's body, or that it was answered with another status."""
        answer = self.answer(method, path, body, token, **headers)
        if answer.status_code != status:
            raise Refused(f"{method} {path.split('?')[0]}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text

    def answer(self, method: str, path: str, body=None, token: str | None = None, **headers) -> requests.Response:
        """What the API answers."""
        route = f"{method} {path.split('?')[0]}"
        exact = [one for one, pattern in self._patterns if pattern.fullmatch(route)]
        self.called.update(sorted(exact, key=lambda one: one.count("{"))[:1])
        headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        headers |= {**self.edge, "x-muster-viewer": self.viewer}
        if token:
            headers["authorization"] = f"Bearer {token}"
        return self.http.request(method, self.deployment.url + path, json=body, headers=headers, timeout=60)

    def download(self, url: str) -> bytes:
        answer = requests.get(url, timeout=60)
        if not answer.ok:
            raise Refused(f"{url.split('?')[0]}: {answer.status_code} {answer.text[:300]}")
        return answer.content

    def upload(self, upload: dict, content: bytes):
        headers = {header["name"]: header["value"] for header in upload["headers"]}
        answer = requests.request(upload["method"], upload["url"], data=content, headers=headers, timeout=60)
        if not answer.ok:
            raise Refused(f"{upload['url'].split('?')[0]}: {answer.status_code} {answer.text[:300]}")

    # ---- What has no route ----

    def invoke(self, operation: str, event: dict, fails: bool = False):
        """Invokes a function by name, as support and the schedule do; `fails` if it is to say no."""
        functions = self.emulator.client("lambda")
        answer = functions.invoke(FunctionName=self.deployment.function(operation), Payload=json.dumps(event))
        came = json.load(answer["Payload"])
        failed = "FunctionError" in answer or (isinstance(came, dict) and "errors" in came)
        if failed != fails:
            raise Refused(f"{operation}: {json.dumps(came)[:300]}")
        return came

    def check(self) -> list[dict]:
        """Where the table does not keep the rules, as support asks when something seems odd."""
        found, order = [], {"seconds": 60}
        while order:
            answer = self.invoke("check", order)
            found += answer["violations"]
            order = {"next": answer["next"]} if answer["next"] else None
        return found

    def replace_signing_key(self):
        """Puts a new key before the others, as the manual says; functions that start from then on sign with it."""
        secrets, id = self.emulator.client("secretsmanager"), self.deployment.physical["SigningSecret"]
        present = secrets.get_secret_value(SecretId=id)["SecretString"]
        fresh = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True)["RandomPassword"]
        secrets.put_secret_value(SecretId=id, SecretString=f"{fresh}\n{present}")
        for operation in self.deployment.operations.values():
            self.restart(operation)

    def restart(self, operation: str):
        """Lets a function start anew, as with any other time-out: some things are read at the start only."""
        functions, name = self.emulator.client("lambda"), self.deployment.function(operation)
        timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)

    def drop(self, tenant: str, name: str, content: str):
        """Drops a file for a tenant, as its own job does."""
        bucket = self.deployment.physical["Bucket"]
        self.emulator.client("s3").put_object(Bucket=bucket, Key=f"drop/{tenant}/{name}", Body=content.encode())

    def age(self, pk: str, sk: str, **attributes):
        """Changes an item as time would; there is no clock to move."""
        table = self.emulator.client("dynamodb")
        table.update_item(
            TableName=self.deployment.physical["Table"],
            Key={"PK": {"S": pk}, "SK": {"S": sk}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    def items(self, pk: str) -> list[dict]:
        """A partition of the table."""
        found = self.emulator.client("dynamodb").query(
            TableName=self.deployment.physical["Table"],
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
        return found["Items"]

    def item(self, pk: str, sk: str) -> dict:
        """An item of the table."""
        return next(one for one in self.items(pk) if one["SK"]["S"] == sk)

    def keep(self, item: dict):
        """Puts an item."""
        self.emulator.client("dynamodb").put_item(TableName=self.deployment.physical["Table"], Item=item)

    def forget(self, pk: str, sk: str):
        """Takes an item away."""
        key = {"PK": {"S": pk}, "SK": {"S": sk}}
        self.emulator.client("dynamodb").delete_item(TableName=self.deployment.physical["Table"], Key=key)

    # ---- Waiting ----

    def wait(self, what: str, happened):
        """What comes of work in the background; not any longer once the watched function has failed."""

        def settled():
            return happened() or (self.faults() and "failed")

        come = within(PATIENCE, settled, 0.1)
        if not come or come == "failed":
            raise Refused(f"{what}: {'its function failed' if come else 'nothing came of it'}")
        return come

    def watch(self, operation: str):
        """From now on waiting ends when this function fails."""
        self.watched = (operation, time.time(), self.emulator.log_file.stat().st_size)

    def told(self) -> list[str]:
        """What the watched function wrote, and what was said of it when it did not even start."""
        if not self.watched:
            return []
        operation, since, offset = self.watched
        function = self.deployment.function(operation)
        with self.emulator.log_file.open(errors="replace") as log:
            log.seek(offset)
            started = [line.rstrip() for line in log if function in line]
        return started + [line for line in self.logged(since) if f'"function":"{operation}"' in line]

    def logged(self, since: float) -> list[str]:
        """What all functions wrote since then."""
        pages = self.emulator.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=self.deployment.physical["FunctionLogs"], startTime=int(since * 1000))
        return [event["message"] for page in found for event in page["events"]]

    def faults(self) -> list[str]:
        """What the watched function said when it failed."""
        return [line for line in self.told() if FAULT.search(line)]

    def denials(self) -> list[str]:
        """What the watched function asked for and may not, whatever came of that."""
        return [line for line in self.told() if DENIED in line]

    # ---- Mail ----

    def mails_to(self, address: str) -> list[dict]:
        answer = requests.get(f"{self.emulator.url}/_ministack/ses/messages", params={"account": ACCOUNT}, timeout=30)
        mails = answer.json()["messages"].get(ACCOUNT, [])
        return [mail for mail in mails if address in mail["To"]]

    def mail(self, address: str, page: str = "", after: int = 0) -> dict:
        """The newest mail to an address with a link to a page, of more than so many."""

        def newest():
            with_link = [mail for mail in self.mails_to(address) if f"/{page}#" in mail["BodyText"] or not page]
            return with_link[-1] if len(with_link) > after else None

        return self.wait(f"a mail to {address}", newest)

    def link(self, address: str, page: str, after: int = 0) -> str:
        """The token of the newest link to a page that an address got."""
        text = self.mail(address, page, after)["BodyText"]
        return re.findall(rf"/{page}#(\S+)", text)[-1]

    # ---- People ----

    def sign_in(self, login: str, tenant: str | None = None) -> "Person":
        body = {"login": login, "password": PASSWORD, **({"tenant": tenant} if tenant else {})}
        session = self.call("POST", "/v1/sessions", body)
        return Person(self, session["user"], login, session["access_token"], session)

    def activate(self, address: str) -> dict:
        """Follows the link in the mail to an address and chooses a password."""
        token = self.link(address, "activate")
        accept = {"token": token, "username": address.split("@")[0], "password": PASSWORD}
        return self.call("POST", "/v1/activations", accept)

    def company(self, name: str, **order) -> "Company":
        """A company whose owner is active and signed in."""
        name = self.unique(name)
        owner = f"owner@{name}.example"
        links = [{"label": "Google Play", "url": "https://play.example/app"}]
        products = [{"name": product, "seats": 1000, "links": links} for product in ("CoPilot Truck", "MileOn")]
        set_up = self.invoke(
            "provision",
            {
                "reference": name,
                "name": name,
                "owner": {"email": owner, "first_name": "Olivia"},
                "products": products,
                "invitations_per_day": 100_000,
                **order,
            },
        )
        token = self.link(owner, "activate")
        self.call("POST", "/v1/activations", {"token": token, "username": f"owner.{name}", "password": PASSWORD})
        ids = [product["id"] for product in set_up["products"]]
        return Company(self, set_up["tenant"], self.sign_in(owner), ids, set_up)


# How `server.py` begins to tell of a denial.
DENIED = "DENIED"
FAULT = re.compile('"level":"ERROR"| ERROR |exited during init')


@dataclass
class Person:
    """Somebody who is signed in."""

    world: World
    id: str
    email: str
    token: str
    session: dict

    def __getattr__(self, verb: str):
        if verb not in ("get", "post", "put", "patch", "delete"):
            raise AttributeError(verb)

        def call(path: str, body=None, status: int = 200, **headers):
            return self.world.call(verb.upper(), path, body, status, self.token, **headers)

        return call

    def mended(self, path: str, body: dict, status: int = 200, refused: int = 422, wrong: dict | None = None) -> dict:
        """Does something with a key for its retry, after it was refused, and then once more with that key."""
        key = {"Idempotency_Key": self.world.unique("key")}
        self.post(path, {"users": []} if wrong is None else wrong, refused, **key)
        done = self.post(path, body, status, **key)
        if self.post(path, body, status, **key) != done:
            raise Refused(f"{path}: another answer for a retry")
        return done

    def add(self, **form) -> dict:
        """Adds a user."""
        return self.post("/v1/users", form, 201, Idempotency_Key=self.world.unique("add"))

    def vehicle(self, **form) -> dict:
        return self.add(external_id=self.world.unique("TRUCK"), kind="vehicle", **form)

    def invited(self, **form) -> dict:
        """Adds a person who gets a mail."""
        return self.add(email=self.world.address("ada"), first_name="Ada", last_name="Lovelace", invite=True, **form)

    def colleague(self, **form) -> "Person":
        """Adds a person who activates and signs in."""
        user = self.invited(**form)
        self.world.activate(user["email"])
        return self.world.sign_in(user["email"])

    def role(self, *permissions: str) -> str:
        """Defines a role."""
        form = {"name": self.world.unique("Role"), "permissions": list(permissions or ["users.read"])}
        return self.post("/v1/roles", form, 201)["id"]

    def group(self, kind: str = "fleet") -> str:
        """Makes a group."""
        return self.post("/v1/groups", {"kind": kind, "name": self.world.unique("Group")}, 201)["id"]

    def account(self) -> str:
        """Makes an account of a client."""
        form = {"kind": "client", "name": self.world.unique("Customer"), "holder": {"kind": "consumer"}}
        return self.post("/v1/accounts", form, 201)["id"]

    def manager(self) -> "Person":
        """Adds a person who is no owner, and may manage users and the company by a role that it defined."""
        role = self.role("users.read", "users.write", "users.invite", "tenant.manage")
        return self.colleague(**{"class": "standard", "roles": [role]})

    def show(self, user: str) -> dict:
        return self.get(f"/v1/users/{user}")

    def bulk(self, path: str, *users: str, done: int | None = None, **form) -> dict:
        """Does something to users, each of whom it must succeed for."""
        outcomes = self.mended(path, {"users": list(users), **form}, wrong={"users": [], **form})
        if outcomes["done"] != (len(users) if done is None else done):
            raise Refused(f"{path}: {outcomes}")
        return outcomes


@dataclass
class Company:
    """A company and its owner."""

    world: World
    tenant: str
    owner: Person
    products: list[str]
    order: dict
    references: itertools.count = field(default_factory=lambda: itertools.count(1))

    def sign_in_again(self):
        """Gives the owner a new token: one is good for a quarter of an hour."""
        self.owner = self.world.sign_in(self.owner.email)

    def support(self, action: str, **what) -> dict:
        """Has support do something."""
        order = {"tenant": self.tenant, "reference": f"ticket {next(self.references)}", "action": action, **what}
        return self.world.invoke("support", order)

    def partition(self) -> str:
        """The partition of its users; it has one shard."""
        return f"T#{self.tenant}#0"


def today(days: float = 0) -> str:
    """A moment as the table writes it, so many days from now."""
    moment = time.time() + days * 86_400
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".000Z"

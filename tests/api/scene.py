"""A local stack of the test's own, and the company that its operations find: people, groups, roles, accounts, an import."""

import json
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

PASSWORD = "correct horse battery staple"
PATIENCE_S = 30


def until(what, look):
    """Asks until there is something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"waited in vain for {what}")


class Stack:
    """`muster-local` in memory, on a free port."""

    def __init__(self, binary):
        with tempfile.TemporaryDirectory() as folder:
            ready = pathlib.Path(folder, "ready.json")
            options = ["--memory", "--no-demo", "--listen", "127.0.0.1:0", "--ready-file", ready]
            self.process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
            self.url = json.loads(until("the stack", lambda: self._started(ready)))["url"]

    def _started(self, ready):
        if self.process.poll() is not None:
            raise RuntimeError(f"the stack does not start: {self.process.args}")
        return ready.exists() and ready.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None, token=None):
        """Asks for JSON; the answer, which must be a success."""
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read()}") from error

    def link(self, email, page):
        """The token of the newest link to one of the console's pages that an address got."""
        query = urllib.parse.urlencode({"to": email})
        start = f"{self.url}/{page}#"

        def newest():
            mails = self.call("GET", f"/local/inbox.json?{query}")
            links = [link for mail in reversed(mails) for link in mail["links"]]
            return next((link.removeprefix(start) for link in links if link.startswith(start)), None)

        return until(f"a link to {page} for {email}", newest)


class Company:
    """A company with everything that a path can name."""

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        email = self.email("owner")
        links = [{"label": "Google Play", "url": "https://play.example/app"}]
        order = {
            "operation": "provision",
            "reference": name,
            "name": name,
            "owner": {"email": email, "first_name": "Olga", "last_name": "Owner"},
            "products": [{"name": "CoPilot", "seats": 500, "links": links}, {"name": "MileOn", "seats": 1, "links": links}],
        }
        made = stack.call("POST", "/local/support", order)
        self.id = made["tenant"]
        self.products = [product["id"] for product in made["products"]]
        self.owner = self.activate("owner")["access_token"]

    def email(self, name):
        """Somebody's address."""
        return f"{name}@{self.name}.example"

    def link(self, name, page):
        """The token of the newest link to one of the console's pages that somebody got."""
        return self.stack.link(self.email(name), page)

    def activate(self, name):
        """Follows the newest activation link, and signs in; the session."""
        email, username = self.email(name), f"{name}.{self.name}"
        accepted = {"token": self.link(name, "activate"), "username": username, "password": PASSWORD}
        self.stack.call("POST", "/v1/activations", accepted)
        return self.stack.call("POST", "/v1/sessions", {"login": email, "password": PASSWORD})

    def get(self, path):
        """GETs as the owner."""
        return self.stack.call("GET", path, token=self.owner)

    def post(self, path, body):
        """POSTs as the owner."""
        return self.stack.call("POST", path, body, self.owner)

    def colleague(self, name, rights):
        """Adds, invites and activates somebody; the session."""
        self.post("/v1/users", {"email": self.email(name), "first_name": name, "invite": True, **rights})
        return self.activate(name)


BUSINESS = {
    "kind": "business",
    "company_name": "Fast Wheels GmbH",
    "registration_number": "HRB 12345",
    "vat_number": "DE123456789",
    "address": "Am Hafen 1, 20457 Hamburg, Germany",
}


def furnish(company):
    """Fills a company with what requests can name.

    Things by kind; an access token of each actor; and of each operation that takes more than its description says, a
    request that succeeds, once.
    """
    post = company.post
    things = {"products": company.products, "tenants": [company.id], "passwords": [PASSWORD]}
    users = [{"external_id": f"T-{n}", "kind": "vehicle", "products": [company.products[0]]} for n in range(8)]
    people = [{"email": company.email(f"person{n}"), "first_name": "Pia", "invite": n < 6} for n in range(8)]
    made = [post("/v1/users", form) for form in users + people]
    shown = [company.get(f"/v1/users/{user['id']}") for user in made]
    things["users"] = [user["id"] for user in made]
    things["codes"] = [licence["code"] for user in shown for licence in user["licences"]]
    things["logins"] = [form["email"] for form in people] + [form["external_id"] for form in users]
    kinds = ["fleet", "tag"] * 4
    things["groups"] = [post("/v1/groups", {"kind": kind, "name": f"Group {n}"})["id"] for n, kind in enumerate(kinds)]
    post(f"/v1/groups/{things['groups'][0]}/add", {"users": things["users"][:4]})
    things["roles"] = [post("/v1/roles", {"name": f"Role {n}", "permissions": ["users.read"]})["id"] for n in range(6)]
    client = post("/v1/accounts", {"kind": "client", "name": "Fast Wheels", "holder": BUSINESS})["id"]
    below = {"kind": "employee", "parent": client, "rate": {"per_kwh": "0.25"}}
    things["accounts"] = [post("/v1/accounts", {**below, "name": f"Account {n}"})["id"] for n in range(6)]
    things["imports"] = [planned_import(company, n) for n in range(6)]
    things["exports"] = [post("/v1/exports", {"format": kind})["id"] for kind in ("csv", "xlsx")]
    things["activations"] = [company.link(f"person{n}", "activate") for n in range(6)]

    auditor = {"class": "standard", "roles": ["auditor"]}
    patients = [company.colleague(f"patient{n}", auditor) for n in range(4)]
    for n in range(4):
        company.stack.call("POST", "/v1/password-resets", {"login": company.email(f"patient{n}")})
    things["resets"] = [company.link(f"patient{n}", "reset") for n in range(4)]
    things["refresh-tokens"] = [patient["refresh_token"] for patient in patients]
    for n in range(4):
        mover = company.colleague(f"mover{n}", auditor)["user"]
        post(f"/v1/users/{mover}/email", {"email": company.email(f"moved{n}")})
    things["changes"] = [company.link(f"moved{n}", "email") for n in range(3)]
    cancel = company.link("mover3", "email")

    manager = {"class": "standard", "roles": ["user_manager"]}
    viewer = {"class": "limited", "scope": {"groups": things["groups"][:1]}}
    actors = {
        "owner": company.owner,
        "user manager": company.colleague("manager", manager)["access_token"],
        "limited user": company.colleague("viewer", viewer)["access_token"],
        # A link is signed like an access token, and is none.
        "stranger": things["activations"][0],
    }

    def of(kind, body, version=None, place=-1):
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return {"path_parameters": {"id": things[kind][place]}, "headers": headers, "body": body}

    patient = patients[0]["user"]
    credentials = {"login": company.email("patient1"), "password": PASSWORD}
    requests = {
        "PATCH /v1/tenant": {"headers": {"If-Match": '"1"'}, "body": {"locale": "de"}},
        "PATCH /v1/users/{id}": of("users", {"locale": "de"}, company.get(f"/v1/users/{things['users'][0]}")["version"], 0),
        "PATCH /v1/accounts/{id}": of("accounts", {"name": "Slow Wheels"}, 1),
        "PUT /v1/groups/{id}": of("groups", {"name": "Renamed"}, 1),
        "PUT /v1/roles/{id}": of("roles", {"name": "Renamed", "permissions": ["users.read"]}, 1),
        "POST /v1/accounts": {"body": {**below, "name": "One more"}},
        "POST /v1/accounts/{id}/rates": of("accounts", {"per_kwh": "0.3", "from": "2040-01-01"}, place=-2),
        "POST /v1/activations": {"body": {"token": things["activations"][5], "username": f"pia.{company.name}", "password": PASSWORD}},
        "POST /v1/email-changes/cancel": {"body": {"token": cancel}},
        "POST /v1/email-changes/confirm": {"body": {"token": things["changes"][2]}},
        "POST /v1/imports/{id}/commit": {"path_parameters": {"id": things["imports"][0]}},
        "POST /v1/groups": {"body": {"kind": "tag", "name": "One more"}},
        "POST /v1/invitations": {"body": {"person": {"email": company.email("another"), "first_name": "Ann"}}},
        "POST /v1/licences/activate": {"body": {"code": things["codes"][-1], "device": "Cab 1"}},
        "POST /v1/password-resets/confirm": {"body": {"token": things["resets"][3], "password": f"{PASSWORD} again"}},
        "POST /v1/roles": {"body": {"name": "One more", "permissions": ["users.read"]}},
        "POST /v1/sessions": {"body": credentials},
        "POST /v1/sessions/refresh": {"body": {"refresh_token": things["refresh-tokens"][2]}},
        "POST /v1/users": {"body": {"external_id": "One more"}},
        "POST /v1/users/{id}/delete": of("users", {"confirm": company.email("person7")}),
        "POST /v1/users/{id}/email": {"path_parameters": {"id": patient}, "body": {"email": company.email("other")}},
    }
    return things, actors, requests


def planned_import(company, number):
    """An import whose plan is ready; its id."""
    begun = company.post("/v1/imports", {"file_name": "users.csv"})
    headers = {header["name"]: header["value"] for header in begun["upload"]["headers"]}
    file = f"External ID,Email\nI-{number},import{number}@{company.name}.example\n".encode()
    urllib.request.urlopen(urllib.request.Request(begun["upload"]["url"], file, headers, method="PUT")).close()
    path = f"/v1/imports/{begun['id']}"
    until("a plan", lambda: company.get(path)["state"] == "ready")
    return begun["id"]

"""The company itself: roles, groups, accounts, settings, the overview, the audit trail."""

import time
from dataclasses import replace

from scenes import expect, scene
from world import Company, today


@scene("roles")
def a_role_comes_and_goes(company: Company):
    world, owner = company.world, company.owner
    form = {"name": world.unique("Dispatcher"), "permissions": ["users.read"]}
    role = owner.mended("/v1/roles", form, 201, wrong={"name": "", "permissions": []})
    path = f"/v1/roles/{role['id']}"
    expect("the role", owner.get(path)["name"], form["name"])
    changed = {"name": world.unique("Planner"), "permissions": ["users.read", "users.write"]}
    role = owner.put(path, changed, If_Match=f'"{role["version"]}"')
    if role["id"] not in [one["id"] for one in owner.get("/v1/roles")["roles"]]:
        raise AssertionError("the role is not listed")
    owner.post("/v1/roles", {**changed, "name": changed["name"].upper()}, 409)
    owner.delete(path, status=204)


@scene("groups")
def a_group_comes_and_goes(company: Company):
    world, owner = company.world, company.owner
    trucks = [owner.vehicle()["id"] for _ in range(3)]
    form = {"kind": "fleet", "name": world.unique("North")}
    group = owner.mended("/v1/groups", form, 201, wrong={"kind": "fleet", "name": ""})
    path = f"/v1/groups/{group['id']}"
    owner.bulk(f"{path}/add", *trucks)
    owner.bulk(f"{path}/remove", *trucks[:1])
    group = owner.put(path, {"name": world.unique("South")}, If_Match=f'"{group["version"]}"')
    expect("the group", owner.get(path)["name"], group["name"])
    found = owner.get(f"/v1/groups?name={group['name']}")["groups"]
    expect("the list", [one["id"] for one in found], [group["id"]])
    owner.delete(path, status=204)


@scene("accounts")
def an_account_comes_and_goes(company: Company):
    world, owner = company.world, company.owner
    holder = {"kind": "consumer"}
    form = {"kind": "client", "name": world.unique("Wheels"), "holder": holder}
    client = owner.mended("/v1/accounts", form, 201, wrong={"kind": "client"})
    below = {"kind": "subsidiary", "parent": client["id"], "name": world.unique("Rims"), "holder": holder}
    sub = owner.post("/v1/accounts", below, 201)
    rate = {"per_kwh": "0.29", "from": today(30)[:10]}
    owner.mended(f"/v1/accounts/{sub['id']}/rates", rate, wrong={"per_kwh": "much"})
    path = f"/v1/accounts/{client['id']}"
    owner.patch(path, {"name": world.unique("Tyres")}, If_Match=f'"{client["version"]}"')
    expect("its sub-account", owner.get(f"/v1/accounts?parent={client['id']}")["accounts"][0]["id"], sub["id"])
    owner.get("/v1/accounts?name=t")
    owner.delete(path, status=409)
    truck = owner.vehicle(account=sub["id"])
    owner.delete(f"/v1/accounts/{sub['id']}", status=409)
    owner.post(f"/v1/users/{truck['id']}/delete", {"confirm": truck["external_id"]})
    owner.delete(f"/v1/accounts/{sub['id']}", status=204)
    owner.delete(path, status=204)
    owner.get(path, status=404)


@scene("tenant")
def settings_are_changed(company: Company):
    tenant = company.owner.get("/v1/tenant")
    form = {"name": company.world.unique("Acme"), "policy": {"invitation_ttl_hours": 48}}
    changed = company.owner.patch("/v1/tenant", form, If_Match=f'"{tenant["version"]}"')
    expect("its name", changed["name"], form["name"])
    form = {"policy": {"invitation_ttl_hours": None}}
    company.owner.manager().patch("/v1/tenant", form, If_Match=f'"{changed["version"]}"')


@scene("overview")
def users_are_counted(company: Company):
    owner = company.owner
    truck = owner.vehicle()
    # A count that is asked for already is not asked for again, so one that came to nothing would stand in the way.
    company.world.forget(f"T#{company.tenant}", "OVERVIEW")
    before = owner.get("/v1/overview")["counted_at"]
    owner.post("/v1/overview/count", status=202)

    def counted():
        overview = owner.get("/v1/overview")
        return overview if not overview["counting"] and overview["counted_at"] != before else None

    counts = company.world.wait("a count", counted)["counts"]
    expect("what others see", owner.manager().get("/v1/overview")["counts"], counts)
    expect("the vehicles", counts["kind"]["vehicle"] > 0, True)
    owner.post(f"/v1/users/{truck['id']}/delete", {"confirm": truck["external_id"]})


@scene("audit")
def the_trail_is_read_and_verified(company: Company):
    owner = company.owner
    owner.account()
    truck = owner.vehicle()
    entries = owner.get(f"/v1/audit?user={truck['id']}&operation=users.")["entries"]
    expect("who added the truck", entries[0]["actor"]["id"], owner.id)
    newest = owner.get("/v1/audit?limit=2")["entries"]
    expect("what was done", [one["operation"] for one in newest], ["users.add", "accounts.create"])
    seal_everything(company)
    expect("the seals", len(owner.get("/v1/audit/seals")["seals"]) > 0, True)
    # Seals are good by the key that they were made with.
    company.world.replace_signing_key()
    verified = owner.get("/v1/audit/verification")
    expect("the trail", (verified["intact"], verified["unsealed"] > 0), (True, True))


@scene("seal-audit")
def the_trail_is_sealed(company: Company):
    name = company.world.unique("Sealed")
    order = {"reference": name, "name": name, "owner": {"email": f"owner@{name}.example"}, "products": []}
    world, another = company.world, replace(company, tenant=company.world.invoke("provision", order)["tenant"])
    entry = world.items(f"T#{another.tenant}#A#{today()[:7]}")[0]
    moved = {"PK": {"S": f"T#{another.tenant}#A#{today(-2)[:7]}"}, "SK": {"S": f"{today(-2)}#{entry['id']['S']}"}}
    world.keep({**entry, **moved, "at": {"S": today(-2)}})
    expect("the seals", seal_everything(another)["seals"] >= 2, True)
    # Back to before the newest seal: first that one stands in the way, then there is one to go on from.
    newest = world.items(f"T#{another.tenant}#S")[-1]
    head = {"number": {"N": "1"}, "to": newest["from"], "hash": newest["previous"]}
    world.age(_registry(another), another.tenant, sealed={"M": head})
    began = time.time()
    world.invoke("seal-audit", {}, fails=True)
    expect("what the log tells", [line for line in world.logged(began) if "in the seal's place" in line] != [], True)
    world.forget(newest["PK"]["S"], newest["SK"]["S"])
    expect("the seals", seal_everything(another)["seals"] > 0, True)


def seal_everything(company: Company) -> dict:
    """Lets the company be three days old, by when a trail is sealed even without entries, and has it sealed."""
    world, registry = company.world, _registry(company)
    if "sealed" not in world.item(registry, company.tenant):
        world.age(registry, company.tenant, since={"S": today(-3)})
    return world.invoke("seal-audit", {})


def _registry(company: Company) -> str:
    """The part of the registry that a company stands in."""
    parts = (f"TENANTS#{part}" for part in range(8))
    return next(part for part in parts if company.tenant in [one["SK"]["S"] for one in company.world.items(part)])

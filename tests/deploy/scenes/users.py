"""The list of users, and what is in it."""

import json
import time

from scenes import expect, scene
from world import Company


@scene("add-user")
def users_are_added(company: Company):
    world, owner = company.world, company.owner
    form = {
        "external_id": world.unique("D"),
        "email": world.address("grace"),
        "first_name": "Grace",
        "class": "standard",
        "roles": [owner.role()],
        "groups": [owner.group()],
        "products": company.products,
        "invite": True,
    }
    taken = {"external_id": owner.vehicle()["external_id"]}
    added = owner.mended("/v1/users", form, 201, refused=409, wrong=taken)
    expect("her licences", len(added["licences"]), 2)
    owner.vehicle(account=owner.account())
    world.mail(form["email"], "activate")


@scene("list-users")
def users_are_listed(company: Company):
    owner = company.owner
    group, account, role = owner.group(), owner.account(), owner.role()
    ada = owner.invited(account=account, groups=[group])
    truck = owner.vehicle(products=company.products[:1], groups=[group])
    boss = owner.colleague(**{"class": "standard", "roles": [role]})
    expect("all", len(owner.get("/v1/users?limit=2")["users"]), 2)
    for query, user in [
        (f"email={ada['email'][:6]}", ada["id"]),
        (f"external_id={truck['external_id']}", truck["id"]),
        (f"product={company.products[0]}&group={group}", truck["id"]),
        (f"account={account}", ada["id"]),
        (f"role={role}", boss.id),
        ("status=activation_pending&name=ada", ada["id"]),
    ]:
        found = [one["id"] for one in owner.get(f"/v1/users?{query}")["users"]]
        if user not in found:
            raise AssertionError(f"{query}: {found}")
    expect("one", owner.show(truck["id"])["groups"], [group])
    owner.get(f"/v1/users/{boss.id}/preview")
    scope = {"all": False, "groups": [group], "users": [truck["id"]]}
    preview = owner.post("/v1/users/preview", {"class": "limited", "scope": scope})
    expect("what such a user sees", {one["id"] for one in preview["users"]}, {ada["id"], truck["id"]})
    expect("who asks", boss.get("/v1/me")["permissions"], ["users.read"])


@scene("list-users")
def a_long_answer_is_compressed(company: Company):
    world, owner = company.world, company.owner
    for _ in range(5):
        owner.vehicle()
    plain, packed = (
        world.answer("GET", "/v1/users?limit=5", token=owner.token, Accept_Encoding=how) for how in ("identity", "gzip")
    )
    expect("how it comes", [one.headers.get("content-encoding") for one in (plain, packed)], [None, "gzip"])
    expect("what it says", packed.json(), plain.json())


@scene("list-users")
def an_answer_is_found_in_the_logs(company: Company):
    world, began = company.world, time.time()
    answer = world.answer("GET", "/v1/users/usr_0000000000000000", token=company.owner.token)
    expect("the user", answer.status_code, 404)
    id = answer.headers["x-request-id"]
    (line,) = (json.loads(line) for line in world.logged(began) if id in line and '"answered"' in line)
    told = (line["span"]["function"], line["span"]["tenant"], line["status"])
    expect("what the log tells", told, ("list-users", company.tenant, 404))


@scene("edit-user")
def users_are_edited(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    world.link(ada["email"], "activate")
    ada = owner.show(ada["id"])

    def edit(user: dict, **form) -> dict:
        return owner.patch(f"/v1/users/{user['id']}", form, If_Match=f'"{user["version"]}"')

    ada = edit(ada, first_name="Augusta", groups=[owner.group()], roles=[owner.role()], **{"class": "standard"})
    ada = edit(ada, external_id=world.unique("D"))
    ada = edit(ada, account=owner.account(), roles=[], **{"class": "limited"})
    ada = edit(ada, account=None)
    ada = edit(ada, email=world.address("augusta"))
    expect("her invitation", ada["invitation"] is None, True)
    ada = edit(ada, external_id=None)
    owner.patch(f"/v1/users/{ada['id']}", {"first_name": "x"}, 412, If_Match='"1"')
    grace = owner.colleague(products=company.products)
    owner.bulk("/v1/users/suspend", grace.id)
    expect("her state", owner.show(grace.id)["status"], "suspended")
    owner.bulk("/v1/users/reactivate", grace.id)
    edit(owner.show(grace.id), username=world.unique("grace"))
    edit(owner.show(grace.id), **{"class": "owner"})
    company.support("set_class", user=grace.id, **{"class": "limited"})


@scene("delete-users")
def users_are_deleted_and_restored(company: Company):
    owner = company.owner
    ada = owner.colleague(products=company.products, external_id=company.world.unique("D"))
    grace = owner.invited(account=owner.account())
    trucks = [owner.vehicle(products=company.products)["id"] for _ in range(3)]
    confirm = {"confirm": ada.email.upper()}
    gone = owner.mended(f"/v1/users/{ada.id}/delete", confirm, wrong={"confirm": "somebody else"})
    expect("her state", gone["status"], "deleted")
    company.world.call("POST", "/v1/sessions", {"login": ada.email, "password": "correct horse battery staple"}, 401)
    owner.bulk("/v1/users/delete", grace["id"], *trucks, confirm=4)
    owner.bulk("/v1/users/restore", ada.id, grace["id"], *trucks)
    expect("her state", owner.show(ada.id)["status"], "not_invited")


@scene("assign")
def licences_are_assigned_and_taken_back(company: Company):
    owner = company.owner
    users = [owner.vehicle()["id"] for _ in range(3)]
    product = company.products[0]
    before = next(one for one in owner.get("/v1/products")["products"] if one["id"] == product)
    done = owner.bulk(f"/v1/products/{product}/assign", *users)
    expect("the seats", done["product"]["used"], before["used"] + 3)
    done = owner.bulk(f"/v1/products/{product}/unassign", *users[:2])
    expect("the seats", done["product"]["used"], before["used"] + 1)


@scene("activate-licence")
def an_app_redeems_its_code(company: Company):
    world, owner = company.world, company.owner
    truck = owner.vehicle(products=company.products[:1])
    code = owner.show(truck["id"])["licences"][0]["code"]
    world.call("POST", "/v1/licences/activate", {"code": "0000-0000-0000-0000", "device": "Cab tablet"}, 404)
    for _ in range(2):
        redeemed = world.call("POST", "/v1/licences/activate", {"code": code.lower(), "device": "Cab tablet"})
        expect("the product", redeemed["product"], company.products[0])
    expect("the truck", owner.show(truck["id"])["status"], "active")

"""Inviting, again, and taking it back."""

from scenes import expect, scene
from world import Company


@scene("invite")
def many_are_invited_at_once(company: Company):
    world, owner = company.world, company.owner
    people = [owner.add(email=world.address("driver")) for _ in range(3)]
    users = [one["id"] for one in people]
    owner.manager().bulk("/v1/invitations", *users)
    expect("again", owner.bulk("/v1/invitations", *users, done=0)["unchanged"], 3)
    for one in people:
        world.mail(one["email"], "activate")


@scene("invite")
def a_client_is_invited_into_a_new_account(company: Company):
    world, owner = company.world, company.owner
    client = {"email": world.address("client"), "groups": [owner.group("tag")], "products": company.products}
    account = {"kind": "client", "name": world.unique("Wheels"), "holder": {"kind": "consumer"}}
    invited = owner.mended("/v1/invitations", {"person": client, "account": account}, 201)
    employee = {"email": world.address("employee"), "external_id": world.unique("E")}
    below = {"kind": "employee", "parent": invited["account"], "name": world.unique("Dora")}
    owner.post("/v1/invitations", {"person": employee, "account": below}, 201)
    world.mail(employee["email"], "activate")


@scene("resend")
def an_invitation_is_sent_again(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    world.link(ada["email"], "activate")
    owner.manager().bulk("/v1/invitations/resend", ada["id"])
    world.link(ada["email"], "activate", after=1)


@scene("revoke")
def an_invitation_is_taken_back(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    token = world.link(ada["email"], "activate")
    owner.manager().bulk("/v1/invitations/revoke", ada["id"])
    expect("the link", world.call("POST", "/v1/activations/check", {"token": token})["state"], "revoked")

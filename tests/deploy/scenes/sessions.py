"""Signing in, and activation."""

from scenes import expect, scene
from world import PASSWORD, Company, today


@scene("sign-in")
def a_session_from_sign_in_to_sign_out(company: Company):
    world, owner = company.world, company.owner
    ada = owner.manager()
    wrong = {"login": ada.email, "password": "wrong horse battery staple"}
    world.call("POST", "/v1/sessions", wrong, 401)
    session = world.sign_in(ada.email.split("@")[0]).session
    expect("the user", session["user"], ada.id)
    expect("when she was there", owner.show(ada.id)["last_login_at"] >= today()[:10], True)
    refreshed = world.call("POST", "/v1/sessions/refresh", {"refresh_token": session["refresh_token"]})
    token = refreshed["access_token"]
    tenants = world.call("GET", "/v1/sessions/tenants", token=token)["tenants"]
    expect("her companies", [one["id"] for one in tenants], [company.tenant])
    switched = world.call("POST", "/v1/sessions/switch", {"tenant": company.tenant}, token=token)
    world.call("DELETE", "/v1/sessions/current", status=204, token=switched["access_token"])
    world.call("POST", "/v1/sessions/refresh", {"refresh_token": switched["refresh_token"]}, 401)


@scene("sign-in")
def a_signing_key_is_replaced(company: Company):
    world, owner = company.world, company.owner
    ada, grace = owner.colleague(), owner.invited()
    unopened = world.link(grace["email"], "activate")
    before = {key["kid"] for key in world.call("GET", "/v1/jwks.json")["keys"]}
    world.replace_signing_key()
    again = world.sign_in(ada.email)
    for token in (ada.token, again.token):
        expect("who she is", world.call("GET", "/v1/me", token=token)["id"], ada.id)
    keys = {key["kid"] for key in world.call("GET", "/v1/jwks.json")["keys"]}
    expect("the keys", (len(keys), keys > before), (len(before) + 1, True))
    expect("the link", world.call("POST", "/v1/activations/check", {"token": unopened})["state"], "valid")


@scene("activate")
def somebody_new_activates(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited(products=company.products[:1])
    first = world.link(ada["email"], "activate")
    expect("the link", world.call("POST", "/v1/activations/check", {"token": first})["state"], "valid")
    world.call("POST", "/v1/activations/renew", {"token": first}, 202, Idempotency_Key=world.unique("renew"))
    token = world.link(ada["email"], "activate", after=1)
    expect("the first link", world.call("POST", "/v1/activations/check", {"token": first})["state"], "replaced")
    accept = {"token": token, "username": world.unique("ada"), "password": PASSWORD}
    wrong = {"token": token, "username": accept["username"], "password": "short"}
    activated = owner.mended("/v1/activations", accept, wrong=wrong)
    expect("the apps", [len(app["code"]) for app in activated["apps"]], [19])
    expect("the user", owner.show(ada["id"])["status"], "active")


@scene("activate")
def somebody_with_a_password_joins(company: Company):
    world = company.world
    ada = company.owner.colleague()
    other = world.company("other")
    user = other.owner.add(email=ada.email, invite=True)
    token = world.link(ada.email, "activate", after=1)
    expect("her password", world.call("POST", "/v1/activations/check", {"token": token})["has_password"], True)
    wrong = {"token": token, "password": "wrong horse battery staple"}
    world.call("POST", "/v1/activations", wrong, 401)
    world.call("POST", "/v1/activations", {"token": token, "password": PASSWORD})
    expect("the user", other.owner.show(user["id"])["status"], "active")
    choices = world.call("POST", "/v1/sessions", {"login": ada.email, "password": PASSWORD})
    expect("her companies", {one["id"] for one in choices["tenants"]}, {company.tenant, other.tenant})

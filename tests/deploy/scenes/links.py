"""New passwords and new addresses."""

import re

from scenes import expect, scene
from world import Company

NEW_PASSWORD = "plum orchard tricycle moon"


@scene("reset-password")
def a_password_is_forgotten(company: Company):
    world, owner = company.world, company.owner
    ada = owner.colleague()
    ask = {"login": ada.email}
    world.call("POST", "/v1/password-resets", ask, 202, Idempotency_Key=world.unique("reset"))
    token = world.link(ada.email, "reset")
    expect("the link", world.call("POST", "/v1/password-resets/check", {"token": token})["state"], "valid")
    confirm = {"token": token, "password": NEW_PASSWORD}
    owner.mended("/v1/password-resets/confirm", confirm, wrong={"token": token, "password": "short"})
    world.call("POST", "/v1/sessions", {"login": ada.email, "password": NEW_PASSWORD})
    owner.post(f"/v1/users/{ada.id}/password-reset", {}, 202, Idempotency_Key=world.unique("send"))
    world.link(ada.email, "reset", after=1)


@scene("send-mail")
def somebody_asks_by_username_or_has_not_come(company: Company):
    world, owner = company.world, company.owner
    ada, grace = owner.colleague(), owner.invited()
    world.link(grace["email"], "activate")
    for login in (ada.email.split("@")[0], grace["email"]):
        world.call("POST", "/v1/password-resets", {"login": login}, 202)
    world.link(ada.email, "reset")
    world.link(grace["email"], "activate", after=1)


@scene("reset-password")
def whoever_has_not_activated_gets_the_invitation_again(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    world.link(ada["email"], "activate")
    sent = owner.manager().post(f"/v1/users/{ada['id']}/password-reset", {}, 202)
    expect("the mail", sent["mail"], "activation")
    world.link(ada["email"], "activate", after=1)


@scene("change-email")
def an_address_is_changed(company: Company):
    world, owner = company.world, company.owner
    ada = owner.colleague(**{"class": "standard", "roles": [owner.role()]})
    path = f"/v1/users/{ada.id}/email"

    def start(**headers) -> tuple[str, str]:
        email = world.address("lovelace")
        return email, owner.post(path, {"email": email}, 202, **headers)["change"]

    email, _ = start(Idempotency_Key=world.unique("start"))
    world.link(email, "email")
    world.link(ada.email, "email")
    start()
    old = world.link(ada.email, "email", after=1)
    expect("the link", world.call("POST", "/v1/email-changes/check", {"token": old})["action"], "cancel")
    world.call("POST", "/v1/email-changes/cancel", {"token": old}, Idempotency_Key=world.unique("cancel"))
    start()
    owner.delete(path, status=204)
    email, change = start()
    text = world.mail(email, "email")["BodyText"]
    code = next(line.replace(" ", "") for line in re.split("[:\n]", text) if re.fullmatch(r"\s*\d{3} ?\d{3}\s*", line))
    wrong = {"change": change, "code": "000000" if code.strip() != "000000" else "111111"}
    confirm = {"change": change, "code": code.strip()}
    owner.mended("/v1/email-changes/confirm", confirm, wrong=wrong)
    expect("the address", owner.show(ada.id)["email"], email)
    world.sign_in(email)


@scene("change-email")
def whoever_is_in_two_companies_parts(company: Company):
    world = company.world
    ada = company.owner.colleague()
    other = world.company("other")
    other.owner.add(email=ada.email, invite=True)
    token = world.link(ada.email, "activate", after=1)
    world.call("POST", "/v1/activations", {"token": token, "password": "correct horse battery staple"})
    email = world.address("lovelace")
    company.owner.post(f"/v1/users/{ada.id}/email", {"email": email}, 202)
    token = world.link(email, "email")
    checked = world.call("POST", "/v1/email-changes/check", {"token": token})
    expect("what it takes", checked["needed"], "new_credentials")
    parted = {"token": token, "username": world.unique("ada"), "password": NEW_PASSWORD}
    world.call("POST", "/v1/email-changes/confirm", parted)
    session = world.call("POST", "/v1/sessions", {"login": email, "password": NEW_PASSWORD})
    expect("the company", session["tenant"], company.tenant)


@scene("change-email")
def an_address_leads_to_somebody_who_is_there_already(company: Company):
    world = company.world
    ada, grace = company.owner.colleague(), world.company("other").owner.colleague()
    company.owner.post(f"/v1/users/{ada.id}/email", {"email": grace.email}, 202)
    token = world.link(grace.email, "email")
    checked = world.call("POST", "/v1/email-changes/check", {"token": token})
    expect("what it takes", checked["needed"], "existing_password")
    world.call("POST", "/v1/email-changes/confirm", {"token": token, "password": "correct horse battery staple"})

"""What has no route: support, the schedule, and the workers."""

import json
import time

from emulator import ACCOUNT, REGION
from scenes import expect, scene
from scenes.company import seal_everything, users_are_counted
from scenes.links import a_password_is_forgotten, an_address_is_changed
from world import Company, World, today

scene("count-users")(users_are_counted)
scene("send-mail")(a_password_is_forgotten)
scene("send-mail")(an_address_is_changed)


@scene("provision")
def a_company_is_set_up_once(company: Company):
    world = company.world
    name = world.unique("Order")
    order = {"reference": name, "name": name, "owner": {"email": f"owner@{name}.example"}, "products": []}
    expect("the tenant", world.invoke("provision", order), world.invoke("provision", order))
    world.link(f"owner@{name}.example", "activate")


@scene("support")
def support_does_what_owners_cannot(company: Company):
    world, owner = company.world, company.owner
    ada = owner.colleague(products=company.products)
    number = 30 + next(world.numbers) % 600
    for action, what in [
        ("set_class", {"user": ada.id, "class": "owner"}),
        ("set_class", {"user": ada.id, "class": "limited"}),
        ("suspend", {"user": ada.id}),
        ("reactivate", {"user": ada.id}),
        ("set_username", {"user": ada.id, "username": world.unique("countess")}),
        ("set_email", {"user": ada.id, "email": world.address("misspelt")}),
        ("set_email", {"user": ada.id, "email": world.address("countess")}),
        ("delete", {"user": ada.id}),
        ("restore", {"user": ada.id}),
        ("set_policy", {"policy": {"owner_demotion": "co_owner", "invitation_ttl_hours": number}}),
        ("set_seats", {"product": company.products[0], "seats": 1000 + number}),
        ("add_product", {"product": {"name": world.unique("App"), "seats": 5, "links": []}}),
        ("set_limits", {"invitations_per_day": 50_000 + number}),
    ]:
        expect(action, company.support(action, **what).get("operation") is not None, True)
    truck = owner.vehicle(account=owner.account())
    company.support("delete", user=truck["id"])
    company.support("restore", user=truck["id"])
    grace = owner.invited()
    world.link(grace["email"], "activate")
    company.support("invite_again", user=grace["id"])
    world.link(grace["email"], "activate", after=1)
    company.support("set_email", user=grace["id"], email=world.address("hopper"))


@scene("send-mail")
def an_invitation_is_sent(company: Company):
    ada = company.owner.invited(products=company.products)
    company.world.link(ada["email"], "activate")

    def sent():
        return company.owner.show(ada["id"])["invitation"]["mail"] == "sent"

    company.world.wait("the mail's state", sent)


@scene("send-mail")
def what_a_request_led_to_is_found_by_its_trace(company: Company):
    world, began = company.world, time.time()
    ada = company.owner.invited()
    world.link(ada["email"], "activate")

    def trace(function: str) -> set[str]:
        lines = [json.loads(line) for line in world.logged(began) if f'"function":"{function}"' in line]
        spans = [line.get("span", {}) for line in lines]
        return {span.get("trace") for span in spans if span.get("tenant") == company.tenant}

    (root,) = trace("add-user")
    expect("the request has a trace", root is not None, True)
    # Lines of mails of before may come in late.
    world.wait("the mail's line with the trace of the request", lambda: root in trace("send-mail"))


@scene("record-delivery")
def what_became_of_a_mail_is_noted(company: Company):
    world, owner = company.world, company.owner
    for kind, state, more in [
        ("Delivery", "delivered", {}),
        ("Bounce", "bounced", {"bounce": {"bounceType": "Permanent", "bounceSubType": "General"}}),
    ]:
        ada = owner.invited()
        world.link(ada["email"], "activate")
        item = world.item(company.partition(), f"USER#{ada['id']}")
        mail = item["invited"]["M"]["mail"]["S"]
        detail = {"eventType": kind, "mail": {"tags": {"mail": [mail]}}, **more}
        _ses_tells(world, f"Email {kind}", detail)

        def noted(user=ada["id"], state=state):
            return owner.show(user)["invitation"]["mail"] == state

        world.wait(kind, noted)


def _ses_tells(world: World, title: str, detail: dict):
    """ministack sends no events of a configuration set, and nobody else may send any that are said to be of SES: so the
    rule is asked whether it would match, and the event put where it would go."""
    events, sqs = world.emulator.client("events"), world.emulator.client("sqs")
    rule = world.deployment.physical["DeliveryRule"].split("/")[-1]
    event = json.dumps(
        {
            "version": "0",
            "id": "00000000-0000-0000-0000-000000000000",
            "detail-type": title,
            "source": "aws.ses",
            "account": ACCOUNT,
            "time": "2026-01-01T00:00:00Z",
            "region": REGION,
            "resources": [],
            "detail": detail,
        }
    )
    pattern = events.describe_rule(Name=rule)["EventPattern"]
    expect("the rule", events.test_event_pattern(EventPattern=pattern, Event=event)["Result"], True)
    for target in events.list_targets_by_rule(Rule=rule)["Targets"]:
        queue = sqs.get_queue_url(QueueName=target["Arn"].split(":")[-1])["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody=event)


@scene("expire-invitations")
def an_invitation_lapses(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    world.link(ada["email"], "activate")
    invitation = world.item(company.partition(), f"INVITE#{ada['id']}")
    ended = int(time.time()) - 60
    place = today(-1) + invitation["expiry_key"]["S"][len(today()) :]
    world.age(company.partition(), f"INVITE#{ada['id']}", ends={"N": str(ended)}, expiry_key={"S": place})
    invited = world.item(company.partition(), f"USER#{ada['id']}")["invited"]
    invited["M"]["expires_at"] = {"S": today(-1)}
    world.age(company.partition(), f"USER#{ada['id']}", invited=invited)
    expect("the invitations", world.invoke("expire-invitations", {})["expired"] > 0, True)


@scene("erase-users")
def a_deleted_user_is_erased(company: Company):
    ada = company.owner.colleague(external_id=company.world.unique("D"))
    company.owner.post(f"/v1/users/{ada.id}/delete", {"confirm": ada.email})
    _erased(company, ada.id)


@scene("erase-users")
def what_a_deletion_that_broke_off_left_is_erased(company: Company):
    world, owner = company.world, company.owner
    ada = owner.colleague()
    kept = [("P#" + ada.email, "PERSON"), ("N#" + ada.email.split("@")[0], "NAME")]
    left = [world.item(pk, sk) for pk, sk in kept]
    owner.post(f"/v1/users/{ada.id}/delete", {"confirm": ada.email})
    for item in left:
        world.keep(item)
    _erased(company, ada.id)
    expect("what is left of her", [one for pk, _ in kept for one in world.items(pk)], [])


def _erased(company: Company, user: str):
    """Lets the time be over in which a deleted user can be restored, and the schedule run."""
    world, key = company.world, f"USER#{user}"
    place = today(-1) + world.item(company.partition(), key)["expiry_key"]["S"][len(today()) :]
    world.age(company.partition(), key, deleted_at={"S": today(-31)}, expiry_key={"S": place})
    expect("the users", world.invoke("erase-users", {})["erased"] > 0, True)
    company.owner.get(f"/v1/users/{user}", status=404)


@scene("check")
def what_does_not_hold_is_found(company: Company):
    world, owner = company.world, company.owner
    ada = owner.invited()
    seal_everything(company)

    def found() -> list[tuple[str, str | None]]:
        ours = [one for one in world.check() if one["tenant"] == company.tenant]
        return [(one["rule"], one["item"]) for one in ours]

    expect("what does not hold", found(), [])
    expect("a part of it", world.invoke("check", {"seconds": 0})["next"] is not None, True)
    key = f"USER#{ada['id']}"
    changed = world.item(company.partition(), key)["updated_at"]
    world.age(company.partition(), key, updated_at={"S": today(-1)})
    expect("what does not hold", found(), [("change_unaudited", f"{company.partition()} {key}")])
    world.age(company.partition(), key, updated_at=changed)

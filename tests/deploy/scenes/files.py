"""Imports through both doors, and exports."""

import csv
import io
import json

from scenes import expect, scene
from world import Company


def _file(company: Company) -> tuple[str, list[str]]:
    world = company.world
    group = company.owner.post("/v1/groups", {"kind": "fleet", "name": world.unique("Fleet")}, 201)["name"]
    ids = [world.unique("D") for _ in range(3)]
    account = company.owner.account()
    rows = [f"{one},{one.lower()}@people.example,Ann,{group},{company.products[0]},{account}" for one in ids]
    return "External ID,Email,First Name,Groups,Products,Account\n" + "\n".join(rows) + "\n", ids


def begun(company: Company, content: str) -> dict:
    """Begins an import, uploads a file and waits for the plan."""
    key = {"Idempotency_Key": company.world.unique("import")}
    company.owner.post("/v1/imports", {"file_name": "x" * 300}, 422, **key)
    started = company.owner.post("/v1/imports", {"file_name": "users.csv"}, 201, **key)
    company.world.upload(started["upload"], content.encode())
    return settled(company, started["id"], "uploading", "checking")


def committed(company: Company, planned: dict) -> dict:
    """Has a plan carried out."""
    company.owner.post(
        f"/v1/imports/{planned['id']}/commit", status=202, Idempotency_Key=company.world.unique("commit")
    )
    return settled(company, planned["id"], "importing")


def settled(company: Company, id: str, *states: str) -> dict:
    """An import that is in none of these states any more."""

    def left():
        found = company.owner.get(f"/v1/imports/{id}")
        return None if found["state"] in states else found

    return company.world.wait("an import", left)


def outcomes(company: Company, url: str) -> list[str]:
    """What a plan or a report says of each row."""
    text = company.world.download(url).decode("utf-8-sig")
    return [row[1] for row in list(csv.reader(io.StringIO(text)))[1:]]


@scene("start-import")
@scene("import")
@scene("import-chunk")
def a_file_is_looked_at_and_imported(company: Company):
    owner = company.owner
    company.world.call("GET", "/v1/imports/sample", token=owner.token)
    content, ids = _file(company)
    planned = begun(company, content)
    expect("the plan", (planned["state"], planned["planned"]["created"]), ("ready", 3))
    expect("the plan", outcomes(company, planned["plan_url"]), ["created"] * 3)
    done = committed(company, planned)
    expect("the import", done["state"], "done")
    expect("the report", outcomes(company, done["report_url"]), ["created"] * 3)
    user = owner.get(f"/v1/users?external_id={ids[0]}")["users"][0]
    expect("the user", (user["first_name"], len(user["licences"])), ("Ann", 1))
    # Another name, another address, and one that is none.
    mended = content.replace("Ann", "Anne", 1).replace("@people", "@colleagues", 1)
    again = begun(company, mended + "D-no,no address,,,,\n")
    done = committed(company, again)
    expect("the import", done["state"], "done_with_errors")
    expect("the report", outcomes(company, done["report_url"]), ["updated", "unchanged", "unchanged", "refused"])
    cancelled = begun(company, content)
    owner.post(f"/v1/imports/{cancelled['id']}/cancel", {})
    expect("the newest", owner.get("/v1/imports")["imports"][0]["state"], "cancelled")


@scene("import")
def a_file_that_is_none_is_told_of(company: Company):
    invalid = begun(company, "")
    expect("the import", invalid["state"], "invalid")


@scene("import")
def a_file_that_is_gone_is_told_of(company: Company):
    started = company.owner.post("/v1/imports", {"file_name": "users.csv"}, 201)
    key = f"uploads/{company.tenant}/{started['id']}.csv"
    sqs = company.world.emulator.client("sqs")
    queue = company.world.deployment.physical["ImportQueue"]
    event = {"detail": {"object": {"key": key, "sequencer": "1"}}}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    expect("the import", settled(company, started["id"], "uploading", "checking")["state"], "invalid")


@scene("import")
@scene("import-chunk")
def a_dropped_file_is_imported_at_once(company: Company):
    world, owner = company.world, company.owner
    tenant = owner.get("/v1/tenant")
    if tenant["policy"]["import_mode"] != "direct":
        form = {"policy": {"import_mode": "direct", "invite_on_create": "automatic"}}
        owner.patch("/v1/tenant", form, If_Match=f'"{tenant["version"]}"')
    name, one = world.unique("night"), world.unique("N")
    world.drop(company.tenant, f"{name}.csv", f"External ID,Email\n{one},{one.lower()}@people.example\n")

    def listed():
        imports = owner.get("/v1/imports")["imports"]
        return next((found for found in imports if found["file_name"] == f"{name}.csv"), None)

    found = world.wait("the dropped file", listed)
    done = settled(company, found["id"], "uploading", "checking", "ready", "importing")
    expect("the import", done["state"], "done")
    world.mail(f"{one.lower()}@people.example", "activate")


@scene("start-export")
@scene("export")
def the_list_and_the_trail_are_exported(company: Company):
    world, owner = company.world, company.owner
    owner.vehicle(account=owner.account(), groups=[owner.group()], products=company.products)
    columns = ["external_id", "groups", "licences", "account", "roles"]
    for form in [{"format": "csv", "columns": columns}, {"format": "xlsx"}, {"format": "csv", "of": "audit"}]:
        started = owner.mended("/v1/exports", form, 202, wrong={"format": "pdf"})

        def ended(path=f"/v1/exports/{started['id']}"):
            export = owner.get(path)
            return export if export["state"] in ("done", "failed") else None

        export = world.wait("an export", ended)
        expect("the export", (export["state"], export["rows"] > 0), ("done", True))
        file = world.download(export["url"])
        expect("the file", file[:2] == b"PK", form["format"] == "xlsx")
    expect("the list", owner.get("/v1/exports")["exports"][0]["of"], "audit")

//! Nobody is flooded with invitations, and no company floods others.

use futures::future::join_all;
use muster_tests::world::{Actor, Company, World, text};
use serde_json::{Value, json};

const RESEND: &str = "/v1/invitations/resend";
const INVITE: &str = "/v1/invitations";
const REVOKE: &str = "/v1/invitations/revoke";

/// User by user what a bulk operation came to: `done`, `unchanged`, or the code of the refusal.
async fn outcomes(actor: &Actor<'_>, path: &str, users: &[String]) -> Vec<String> {
    let answer = actor
        .post(path, json!({ "users": users }))
        .await
        .expect(200);
    let outcome = |outcome: &Value| text(outcome.get("code").unwrap_or(&outcome["outcome"]));
    answer["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(outcome)
        .collect()
}

async fn company(world: &World, invitations_per_day: u32) -> Company<'_> {
    let changes = json!({ "invitations_per_day": invitations_per_day });
    world.company_with("Acme", changes).await
}

fn person(number: usize) -> Value {
    json!({ "email": format!("p{number}@drivers.example") })
}

async fn people(owner: &Actor<'_>, count: usize) -> Vec<String> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(owner.add(person(number)).await);
    }
    people
}

#[tokio::test]
async fn an_address_gets_five_invitations_a_day_and_the_next_day_more() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let mut owner = company.owner.clone();
    let two = people(&owner, 2).await;
    let ada = &two[..1];
    assert_eq!(outcomes(&owner, INVITE, ada).await, ["done"]);
    world.stack.settled().await;
    for _ in 0..4 {
        assert_eq!(outcomes(&owner, RESEND, ada).await, ["done"]);
        world.wait_hours(1).await;
        owner = world.sign_in(&company.owner_email).await;
    }
    assert_eq!(outcomes(&owner, INVITE, &two[1..]).await, ["done"]);
    assert_eq!(
        outcomes(&owner, RESEND, &two).await,
        ["too_many_invitations", "done"],
        "the other user is not held up"
    );
    assert_eq!(outcomes(&owner, INVITE, ada).await, ["unchanged"]);
    assert_eq!(world.mails_to("p0@drivers.example").await.len(), 5);
    world.wait_hours(11).await;
    owner = world.sign_in(&company.owner_email).await;
    assert_eq!(
        outcomes(&owner, RESEND, ada).await,
        ["too_many_invitations"]
    );
    world.wait_hours(1).await;
    owner = world.sign_in(&company.owner_email).await;
    assert_eq!(
        outcomes(&owner, INVITE, ada).await,
        ["unchanged"],
        "the last link still stands"
    );
    assert_eq!(outcomes(&owner, RESEND, ada).await, ["done"]);
    assert_eq!(world.mails_to("p0@drivers.example").await.len(), 6);
}

#[tokio::test]
async fn whatever_becomes_of_the_user_its_address_gets_no_more_than_five() {
    let world = World::start().await;
    let (company, other) = (world.company("Acme").await, world.company("Other").await);
    let owner = &company.owner;
    let address = "p0@drivers.example";
    let mails = async || world.mails_to(address).await.len();
    let ada = people(owner, 1).await;
    let path = format!("/v1/users/{}", ada[0]);

    // Withdrawn and invited again; sent to another address and back; deleted, and added anew.
    for _ in 0..2 {
        assert_eq!(outcomes(owner, INVITE, &ada).await, ["done"]);
        let _ = mails().await;
        assert_eq!(outcomes(owner, REVOKE, &ada).await, ["done"]);
    }
    for email in ["elsewhere@drivers.example", address] {
        let version = owner.show(&ada[0]).await["version"].as_u64().unwrap();
        let edited = owner.patch(&path, version, json!({ "email": email })).await;
        let _ = edited.expect(200);
        assert_eq!(outcomes(owner, INVITE, &ada).await, ["done"]);
    }
    assert_eq!(mails().await, 3);
    let typed = json!({ "confirm": address });
    let deleted = owner.post(&format!("{path}/delete"), typed).await;
    let _ = deleted.expect(200);
    let mut again = person(0);
    again["invite"] = json!(true);
    let ada = [owner.add(again.clone()).await];
    // Before it is replaced, or it would not be sent at all.
    assert_eq!(mails().await, 4);
    let path = format!("/v1/users/{}", ada[0]);
    let ask = async || {
        owner
            .post(&format!("{path}/password-reset"), json!({}))
            .await
    };
    assert_eq!(ask().await.expect(202)["mail"], "activation");
    assert_eq!(mails().await, 5);

    // Now it is enough by every door, and each says when to come again: the day ends at midnight UTC.
    let nobody = world.nobody();
    assert_eq!(
        outcomes(owner, RESEND, &ada).await,
        ["too_many_invitations"]
    );
    let sent = ask().await;
    assert_eq!(sent.headers["retry-after"], "57600");
    assert_eq!(sent.refused(429), "too_many_requests");
    let renew = json!({ "token": world.link_token(address).await });
    let renewed = nobody.post("/v1/activations/renew", renew).await;
    let _ = renewed.expect(202);
    let asked = json!({ "login": address });
    let asked = nobody.post("/v1/password-resets", asked).await;
    let _ = asked.expect(202);
    let order = json!({ "reference": "T-1", "tenant": company.tenant, "action": "invite_again", "user": ada[0] });
    let order = world.stack.invoke("support", order).await.unwrap();
    assert_eq!(order["errors"][0]["code"], "too_many_invitations");
    let typed = json!({ "confirm": address });
    let deleted = owner.post(&format!("{path}/delete"), typed).await;
    let _ = deleted.expect(200);
    let refused = owner.post("/v1/users", again).await;
    assert_eq!(refused.headers["retry-after"], "57600");
    assert_eq!(refused.refused(429), "too_many_requests");
    assert_eq!(mails().await, 5);

    // What one company sends says nothing about another's.
    let theirs = people(&other.owner, 1).await;
    assert_eq!(outcomes(&other.owner, INVITE, &theirs).await, ["done"]);
    assert_eq!(mails().await, 6);
}

#[tokio::test]
async fn of_many_resends_at_once_no_more_than_five_mails_come() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let one = people(&company.owner, 1).await;
    assert_eq!(outcomes(&company.owner, INVITE, &one).await, ["done"]);
    let _ = join_all((0..12).map(|_| outcomes(&company.owner, RESEND, &one))).await;
    assert_eq!(
        outcomes(&company.owner, RESEND, &one).await,
        ["too_many_invitations"]
    );
    let mails = world.mails_to("p0@drivers.example").await.len();
    assert!(mails <= 5, "{mails}");
}

#[tokio::test]
async fn a_company_sends_as_many_invitations_a_day_as_it_may() {
    let world = World::start().await;
    let company = company(&world, 40).await;
    let owner = &company.owner;
    let all = people(owner, 70).await;
    let mut told = outcomes(owner, INVITE, &all[..36]).await;
    told.extend(outcomes(owner, INVITE, &all).await.split_off(36));
    assert_eq!(told.iter().filter(|told| *told == "done").count(), 40);
    assert!(told[40..].iter().all(|told| told == "no_invitations_left"));
    assert_eq!(
        outcomes(owner, RESEND, &all[..1]).await,
        ["no_invitations_left"]
    );

    let new = json!({ "person": { "email": "new@drivers.example" } });
    let refused = owner.post(INVITE, new.clone()).await;
    // It is eight in the morning; the day ends at midnight UTC.
    assert_eq!(refused.headers["retry-after"], "57600");
    assert_eq!(refused.refused(429), "too_many_requests");
    let mut invited = person(900);
    invited["invite"] = json!(true);
    let refused = owner.post("/v1/users", invited.clone()).await;
    assert_eq!(refused.refused(429), "too_many_requests");
    let list = owner.get("/v1/users?email=p900").await.expect(200);
    assert_eq!(list["users"], json!([]), "nothing was done");
    let taken = json!({ "email": "p1@drivers.example", "invite": true });
    assert_eq!(
        owner.post("/v1/users", taken).await.refused(409),
        "email_taken"
    );
    let _ = owner.add(person(901)).await;

    world.wait_hours(16).await;
    let owner = &world.sign_in(&company.owner_email).await;
    let _ = owner.post(INVITE, new).await.expect(201);
    assert_eq!(outcomes(owner, INVITE, &all[60..61]).await, ["done"]);
}

#[tokio::test]
async fn of_many_bulk_invitations_at_once_no_more_go_out_than_the_company_may_send() {
    let world = World::start().await;
    let company = company(&world, 25).await;
    let owner = &company.owner;
    let all = people(owner, 60).await;
    let told = join_all(all.chunks(10).map(|part| outcomes(owner, INVITE, part))).await;
    let done = told.iter().flatten().filter(|told| *told == "done").count();
    assert!(done <= 25, "{done}");
    let again = outcomes(owner, INVITE, &all).await;
    let more = again.iter().filter(|told| *told == "done").count();
    assert_eq!(done + more, 25);
}

#[tokio::test]
async fn another_company_is_not_held_up() {
    let world = World::start().await;
    let full = company(&world, 1).await;
    let other = world.company("Other").await;
    let two = people(&full.owner, 2).await;
    assert_eq!(
        outcomes(&full.owner, INVITE, &two).await,
        ["done", "no_invitations_left"]
    );
    let theirs = people(&other.owner, 2).await;
    assert_eq!(
        outcomes(&other.owner, INVITE, &theirs).await,
        ["done", "done"]
    );
}

#[tokio::test]
async fn an_import_adds_everybody_and_says_who_was_not_invited() {
    let world = World::start().await;
    let changes =
        json!({ "invitations_per_day": 30, "policy": { "invite_on_create": "automatic" } });
    let company = world.company_with("Acme", changes).await;
    let owner = &company.owner;
    let rows = (0..50).map(|row| format!("N-{row},n{row}@new.example\n"));
    let file = format!("External ID,Email\n{}T-1,\n", rows.collect::<String>());
    let planned = owner.upload_import(file).await;
    let done = owner.commit_import(&planned).await;
    assert_eq!(
        (&done["state"], &done["done"]["created"]),
        (&json!("done"), &json!(51))
    );
    let report = String::from_utf8(world.download(&done["report_url"]).await).unwrap();
    assert_eq!(report.matches("created").count(), 51, "{report}");
    assert_eq!(
        report.matches("no_invitations_left").count(),
        20,
        "{report}"
    );
    let mails = world.stack.inbox().all();
    let invited = mails
        .iter()
        .filter(|mail| mail.to[0].ends_with("@new.example"));
    assert_eq!(invited.count(), 30);
    let one = vec![text(
        &owner.get("/v1/users?external_id=n-49").await.expect(200)["users"][0]["id"],
    )];
    assert_eq!(outcomes(owner, INVITE, &one).await, ["no_invitations_left"]);
    world.wait_hours(24).await;
    let owner = &world.sign_in(&company.owner_email).await;
    assert_eq!(outcomes(owner, INVITE, &one).await, ["done"]);
}

#[tokio::test]
async fn support_sets_how_many_invitations_a_company_may_send() {
    let world = World::start().await;
    for number in [0, 10_000_001] {
        let order = json!({
            "reference": "r", "name": "Acme", "owner": { "email": "owner@acme.example" }, "products": [],
            "invitations_per_day": number,
        });
        let answer = world.provision(order).await;
        assert_eq!(
            answer["errors"][0]["field"], "invitations_per_day",
            "{answer}"
        );
    }
}

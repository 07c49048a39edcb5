//! A change of an e-mail address that its owner never asked for, and one that she did.

use muster_tests::world::{Actor, PASSWORD, World, text};
use serde_json::{Value, json};

const OLD: &str = "ada@colleagues.example";
const THIEF: &str = "ada@elsewhere.example";
const NEW: &str = "ada@married.example";

pub async fn a_change_that_was_not_hers_is_cancelled_from_the_old_address(world: World) {
    let company = world.company("Northwind Haulage").await;
    let ada = company.owner.colleague("ada", "limited", &[]).await;

    // Somebody at Ada's unlocked desk asks for her address to be changed.
    let changed_to = async |email: &str| {
        let path = format!("/v1/users/{}/email", ada.user);
        let asked = ada.post(&path, json!({ "email": email })).await;
        text(&asked.expect(202)["change"])
    };
    let change = changed_to(THIEF).await;

    // Both addresses get a mail. Nothing has changed: the old one signs in, and the list shows what waits.
    let notice = world.mails_to(OLD).await.last().unwrap().text.clone();
    assert!(notice.contains(THIEF), "{notice}");
    assert!(notice.contains("Nothing has changed yet."), "{notice}");
    let shown = company.owner.show(&ada.user).await;
    assert_eq!(
        (&shown["email"], &shown["pending_email"]),
        (&json!(OLD), &json!(THIEF))
    );
    let _ = world.sign_in(OLD).await;

    // Ada opens the link in her mail, as often as she likes, reads what it is about, and cancels.
    let (hers, theirs) = (link(&world, OLD).await, link(&world, THIEF).await);
    let nobody = world.nobody();
    for _ in 0..2 {
        let page = email_change(&nobody, "check", json!({ "token": hers })).await;
        assert_eq!(
            (&page["action"], &page["state"]),
            (&json!("cancel"), &json!("valid"))
        );
    }
    let _ = email_change(&nobody, "cancel", json!({ "token": hers })).await;

    // Neither link nor code of the other mail is good for anything now.
    let code = code(&world, THIEF).await;
    for body in [
        json!({ "token": theirs }),
        json!({ "change": change, "code": code }),
    ] {
        let late = nobody.post("/v1/email-changes/confirm", body).await;
        assert_eq!(late.refused(410), "link_revoked");
    }
    let stranger = json!({ "login": THIEF, "password": PASSWORD });
    let stranger = nobody.post("/v1/sessions", stranger).await;
    assert_eq!(stranger.refused(401), "wrong_credentials");
    let shown = company.owner.show(&ada.user).await;
    assert_eq!(
        (&shown["email"], &shown["pending_email"]),
        (&json!(OLD), &Value::Null)
    );

    // Later she marries, and changes it herself: from then on the new address signs in, and the old one does not.
    let _ = changed_to(NEW).await;
    let confirm = json!({ "token": link(&world, NEW).await });
    let confirmed = email_change(&nobody, "confirm", confirm).await;
    assert_eq!(
        (&confirmed["email"], &confirmed["username"]),
        (&json!(NEW), &json!("ada.colleague"))
    );
    assert_eq!(world.sign_in(NEW).await.user, ada.user);
    let left = json!({ "login": OLD, "password": PASSWORD });
    let left = nobody.post("/v1/sessions", left).await;
    assert_eq!(left.refused(401), "wrong_credentials");

    // The company can read how it went.
    let owner = &company.owner;
    let trail = owner.get("/v1/audit?operation=users.email.").await;
    let trail = trail.expect(200);
    let entries = trail["entries"].as_array().unwrap().iter();
    let mut told: Vec<String> = entries.map(|entry| text(&entry["operation"])).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "users.email.cancel",
            "users.email.change",
            "users.email.start",
            "users.email.start"
        ]
    );
    world.keeps_every_rule().await;
}

/// What the page behind the link is answered.
async fn email_change(actor: &Actor<'_>, what: &str, body: Value) -> Value {
    let path = format!("/v1/email-changes/{what}");
    actor.post(&path, body).await.expect(200)
}

/// The token of the newest link about an address that an address got.
async fn link(world: &World, address: &str) -> String {
    let mails = world.mails_to(address).await;
    let links = mails.last().unwrap().links();
    let mut tokens = links.iter().filter_map(|link| link.split_once("/email#"));
    tokens.next().unwrap().1.to_owned()
}

/// The code in the newest mail to an address.
async fn code(world: &World, address: &str) -> String {
    let mails = world.mails_to(address).await;
    let text = mails.last().unwrap().text.clone();
    let lines = text.split([':', '\n']).map(|line| line.replace(' ', ""));
    let mut codes =
        lines.filter(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()));
    codes.next().unwrap_or_else(|| panic!("{text}"))
}

//! `resend`: only the newest link works.

use futures::future::join_all;
use jiff::SignedDuration;
use muster_tests::world::{Actor, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::{audit, crew, delete, is_replay, letter, outcomes, shown, stranger, suspend};

const PATH: &str = "/v1/invitations/resend";

async fn resend(actor: &Actor<'_>, users: &[String]) -> Value {
    actor
        .post(PATH, json!({ "users": users }))
        .await
        .expect(200)
}

/// What following a link would come to.
pub async fn link_state(world: &World, token: &str) -> String {
    let checked = world
        .nobody()
        .post("/v1/activations/check", json!({ "token": token }))
        .await
        .expect(200);
    text(&checked["state"])
}

#[tokio::test]
async fn after_a_resend_only_the_newest_link_works_and_the_old_one_says_so() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({ "email": "ada@drivers.example", "first_name": "Ada", "invite": true });
    let ada = company.owner.add(person).await;
    let old = world.link_token("ada@drivers.example").await;
    assert_eq!(link_state(&world, &old).await, "valid");
    world.wait(SignedDuration::from_mins(10)).await;
    let resent = resend(&company.owner, std::slice::from_ref(&ada)).await;
    insta::assert_snapshot!("resent", shown(&world, &resent));
    assert_eq!(
        link_state(&world, &old).await,
        "replaced",
        "even before the new mail is out"
    );
    let mails = world.mails_to("ada@drivers.example").await;
    assert_eq!(mails.len(), 2);
    insta::assert_snapshot!("mail_resent", letter(&world, &mails[1]));
    let accept = json!({ "token": old, "username": "ada", "password": PASSWORD });
    let nobody = world.nobody();
    assert_eq!(
        nobody.post("/v1/activations", accept).await.refused(410),
        "link_replaced"
    );
    let invitation = company.owner.show(&ada).await["invitation"].clone();
    insta::assert_snapshot!("invitation_resent", shown(&world, &invitation));
    assert_eq!(
        audit(&world, &company, "invitations.resend"),
        ["2026-03-02T08:10:00Z user invitations.resend 1"]
    );
    let _ = world.activate("ada@drivers.example", "ada").await;
}

#[tokio::test]
async fn each_user_whose_invitation_cannot_be_sent_again_is_told_why() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let owner = &company.owner;
    let manager = owner.colleague("uwe", "standard", &["user_manager"]).await;
    let mut users = Vec::new();
    for name in ["invited", "suspended", "deleted"] {
        let form = json!({ "email": format!("{name}@drivers.example"), "invite": true });
        users.push(owner.add(form).await);
    }
    let co_owner = json!({ "email": "olga@acme.example", "class": "owner", "invite": true });
    let theirs = json!({ "email": "theirs@drivers.example", "invite": true });
    users.extend([
        owner.add(json!({ "email": "never@drivers.example" })).await,
        owner.add(json!({ "external_id": "no address" })).await,
        manager.user.clone(),
        owner.add(co_owner).await,
        stranger(3),
        rival.owner.add(theirs).await,
        users[0].clone(),
    ]);
    suspend(&world, &company, &users[1]).await;
    delete(&world, &company, &users[2]).await;
    world.stack.settled().await;
    let mails = world.stack.inbox().all().len();
    let resent = resend(&manager, &users).await;
    insta::assert_snapshot!("resend_refusals", shown(&world, &resent));
    world.stack.settled().await;
    assert_eq!(
        world.stack.inbox().all().len(),
        mails + 1,
        "one more mail, to the one invited"
    );
}

#[tokio::test]
async fn a_whole_crew_gets_new_links() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 40).await;
    let invite = json!({ "users": users });
    let _ = company
        .owner
        .post("/v1/invitations", invite)
        .await
        .expect(200);
    world.stack.settled().await;
    let resent = resend(&company.owner, &users).await;
    assert_eq!(resent["done"], 40, "{resent}");
    for number in [1, 32, 33, 40] {
        let mails = world.mails_to(&format!("c{number}@crew.example")).await;
        assert_eq!(mails.len(), 2);
    }
    let _ = world.activate("c40@crew.example", "forty").await;
    assert_eq!(
        outcomes(&resend(&company.owner, &users[38..]).await),
        ["done", "already_active"]
    );
}

#[tokio::test]
async fn a_retry_with_the_same_key_sends_no_further_mail() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({ "email": "ada@drivers.example", "invite": true });
    let ada = company.owner.add(person).await;
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 1);
    let body = json!({ "users": [ada] });
    let first = company.owner.post_once(PATH, "key", body.clone()).await;
    let token = world.link_token("ada@drivers.example").await;
    is_replay(&first, &company.owner.post_once(PATH, "key", body).await);
    assert_eq!(world.mails_to("ada@drivers.example").await.len(), 2);
    assert_eq!(link_state(&world, &token).await, "valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_resend_at_once_exactly_one_link_works_in_the_end() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let person = json!({ "email": "ada@drivers.example", "invite": true });
    let users = [company.owner.add(person).await];
    // With the first one as many as a user gets in a day.
    let all = join_all((0..4).map(|_| resend(&company.owner, &users))).await;
    for answer in &all {
        assert_eq!(outcomes(answer), ["done"]);
    }
    let mut valid = 0;
    for mail in world.mails_to("ada@drivers.example").await {
        let link = mail.links().into_iter().find_map(|link| {
            link.split_once("/activate#")
                .map(|(_, token)| token.to_owned())
        });
        match link_state(&world, &link.unwrap()).await.as_str() {
            "valid" => valid += 1,
            state => assert_eq!(state, "replaced"),
        }
    }
    assert_eq!(valid, 1);
    assert_eq!(
        company.owner.show(&users[0]).await["invitation"]["mail"],
        "sent"
    );
}

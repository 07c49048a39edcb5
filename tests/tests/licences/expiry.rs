//! The life of an invitation, to the second, and `expire-invitations`, which clears up behind it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use muster_shared::domain::id::{TenantId, UserId};
use muster_shared::store::keys;
use muster_tests::world::{Company, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::resending::link_state;
use crate::{audit, crew, items, outcomes};

/// Invites Ada; her link's token.
async fn invite_ada(world: &World, company: &Company<'_>) -> String {
    let person = json!({ "email": "ada@drivers.example", "invite": true });
    let _ = company.owner.add(person).await;
    world.link_token("ada@drivers.example").await
}

/// What the owner reads of Ada's invitation.
async fn status(world: &World, company: &Company<'_>) -> String {
    let owner = world.sign_in(&company.owner_email).await;
    let listed = owner.get("/v1/users?email=ada@").await.expect(200);
    text(&listed["users"][0]["status"])
}

async fn lives_for_hours(hours: i64, policy: Value) {
    let world = World::start().await;
    let company = world
        .company_with("Acme", json!({ "policy": policy }))
        .await;
    let token = invite_ada(&world, &company).await;
    let life = SignedDuration::from_hours(hours);
    world.wait(life - SignedDuration::from_millis(1_000)).await;
    assert_eq!(link_state(&world, &token).await, "valid");
    assert_eq!(status(&world, &company).await, "activation_pending");
    world
        .stack
        .clock()
        .advance(SignedDuration::from_millis(999));
    assert_eq!(
        link_state(&world, &token).await,
        "valid",
        "a millisecond before"
    );
    world.stack.clock().advance(SignedDuration::from_millis(1));
    assert_eq!(
        link_state(&world, &token).await,
        "expired",
        "before any cleanup"
    );
    assert_eq!(status(&world, &company).await, "invitation_expired");
    let accept = json!({ "token": token, "username": "ada", "password": PASSWORD });
    let nobody = world.nobody();
    assert_eq!(
        nobody
            .post("/v1/activations", accept.clone())
            .await
            .refused(410),
        "link_expired"
    );
    world.wait(SignedDuration::from_mins(5)).await;
    assert_eq!(
        link_state(&world, &token).await,
        "expired",
        "and after the cleanup"
    );
    assert_eq!(
        nobody.post("/v1/activations", accept).await.refused(410),
        "link_expired"
    );
    assert_eq!(status(&world, &company).await, "invitation_expired");
}

#[tokio::test]
async fn a_link_lives_for_24_hours_to_the_second() {
    lives_for_hours(24, json!({})).await;
}

#[tokio::test]
async fn a_link_lives_for_an_hour_where_the_policy_says_so() {
    lives_for_hours(1, json!({ "invitation_ttl_hours": 1 })).await;
}

#[tokio::test]
async fn a_link_lives_for_30_days_where_the_policy_says_so() {
    lives_for_hours(720, json!({ "invitation_ttl_hours": 720 })).await;
}

#[tokio::test]
async fn in_its_last_second_a_link_is_still_accepted() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let _ = invite_ada(&world, &company).await;
    world.wait(SignedDuration::from_secs(24 * 3_600 - 1)).await;
    let ada = world.activate("ada@drivers.example", "ada").await;
    assert_eq!(ada.get("/v1/me").await.expect(200)["status"], "active");
}

#[tokio::test]
async fn an_expired_invitation_can_be_made_anew_by_inviting_or_resending() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 2).await;
    let both = json!({ "users": users });
    let invited = company.owner.post("/v1/invitations", both.clone()).await;
    assert_eq!(outcomes(&invited.expect(200)), ["done", "done"]);
    world.stack.settled().await;
    let again = company.owner.post("/v1/invitations", both.clone()).await;
    assert_eq!(outcomes(&again.expect(200)), ["unchanged", "unchanged"]);
    world.wait_hours(24).await;
    let owner = world.sign_in(&company.owner_email).await;
    for (path, user, address) in [
        ("/v1/invitations", &users[0], "c1@crew.example"),
        ("/v1/invitations/resend", &users[1], "c2@crew.example"),
    ] {
        let answer = owner.post(path, json!({ "users": [user] })).await;
        assert_eq!(outcomes(&answer.expect(200)), ["done"]);
        let token = world.link_token(address).await;
        assert_eq!(link_state(&world, &token).await, "valid");
        assert_eq!(owner.show(user).await["status"], "activation_pending");
    }
}

#[tokio::test]
async fn the_cleanup_ends_lapsed_invitations_once_and_leaves_the_others_alone() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let users = crew(&company.owner, 3).await;
    let invite = json!({ "users": users });
    let _ = company
        .owner
        .post("/v1/invitations", invite)
        .await
        .expect(200);
    let _ = world.activate("c1@crew.example", "accepted").await;
    world.wait_hours(23).await;
    let owner = world.sign_in(&company.owner_email).await;
    let resend = json!({ "users": [users[1]] });
    let _ = owner
        .post("/v1/invitations/resend", resend)
        .await
        .expect(200);
    let newer = world.link_token("c2@crew.example").await;
    let standing = || -> Vec<String> {
        let items = items(&world);
        let keys = items.keys().filter_map(|key| key.split_once(" INVITE#"));
        keys.map(|(_, user)| user.to_owned()).collect()
    };
    assert_eq!(standing().len(), 2, "the accepted one is gone already");

    // The schedule runs it.
    world.wait_hours(1).await;
    assert_eq!(standing(), [users[1].clone()]);
    let entries = audit(&world, &company, "invitations.expire");
    assert_eq!(
        entries,
        ["2026-03-03T08:00:00Z schedule invitations.expire 1"]
    );
    let owner = world.sign_in(&company.owner_email).await;
    let mut statuses = Vec::new();
    for user in &users {
        statuses.push(text(&owner.show(user).await["status"]));
    }
    assert_eq!(
        statuses,
        ["active", "activation_pending", "invitation_expired"]
    );
    assert_eq!(link_state(&world, &newer).await, "valid");

    let before = items(&world);
    for _ in 0..2 {
        let again = world.stack.invoke("expire-invitations", json!({})).await;
        assert_eq!(again.unwrap(), json!({ "expired": 0 }));
    }
    assert_eq!(items(&world), before, "running again changes nothing");
}

#[tokio::test]
async fn the_cleanup_goes_on_after_a_page_and_two_at_once_end_each_invitation_once() {
    let world = World::start().await;
    let company = world.company("Acme").await;
    let rival = world.company("Rival").await;
    let tenant = TenantId::parse(&company.tenant).unwrap();
    let mut shards: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in crew(&company.owner, 820).await {
        let id = UserId::parse(&user).unwrap();
        let [(_, shard), _] = keys::expiry(&tenant, &id, world.stack.clock().now());
        shards.entry(shard).or_default().push(user);
    }
    // More than the cleanup looks at in one go, because they are all in one part of its index.
    let users = shards.into_values().max_by_key(Vec::len).unwrap();
    assert!(users.len() > 100);
    let invite = json!({ "users": users });
    let _ = company
        .owner
        .post("/v1/invitations", invite)
        .await
        .expect(200);
    let _ = invite_ada(&world, &rival).await;
    world.stack.clock().advance(SignedDuration::from_hours(24));
    let both = futures::join!(
        world.stack.invoke("expire-invitations", json!({})),
        world.stack.invoke("expire-invitations", json!({})),
    );
    let expired = |answer: Value| usize::try_from(answer["expired"].as_u64().unwrap()).unwrap();
    assert_eq!(
        expired(both.0.unwrap()) + expired(both.1.unwrap()),
        users.len() + 1
    );
    assert!(!items(&world).keys().any(|key| key.contains(" INVITE#")));
    let entries = audit(&world, &company, "invitations.expire");
    assert_eq!(entries.len(), users.len());
    assert_eq!(audit(&world, &rival, "invitations.expire").len(), 1);
}

//! One person in two companies: one password, one choice at sign-in, and a door between the two.

use muster_tests::world::{Actor, PASSWORD, World, text};
use serde_json::{Value, json};

use crate::names;

const ADA: &str = "ada@drivers.example";
const OTHER_PASSWORD: &str = "plum orchard tricycle moon";

pub async fn a_person_works_for_two_companies_with_one_password(world: World) {
    let north = world.company("Northwind Haulage").await;
    let south = world.company("Southwind Lines").await;
    let nobody = world.nobody();

    // Northwind invites Ada as a driver; she chooses username and password.
    let person = |class: &str, roles: Value| json!({ "person": { "email": ADA, "first_name": "Ada", "class": class, "roles": roles } });
    let driver = person("limited", json!([]));
    let invited = north.owner.post("/v1/invitations", driver).await;
    let in_north = text(&invited.expect(201)["id"]);
    let ada = world.activate(ADA, "ada").await;
    assert_eq!(ada.user, in_north);

    // Southwind invites her to manage its users. The page that the link leads to asks for the password she has.
    let _ = south.owner.add(json!({ "external_id": "S-1" })).await;
    let manager = person("standard", json!(["user_manager"]));
    let invited = south.owner.post("/v1/invitations", manager).await;
    let in_south = text(&invited.expect(201)["id"]);
    let link = world.link_token(ADA).await;
    let page = nobody.post("/v1/activations/check", json!({ "token": link }));
    let page = page.await.expect(200);
    assert_eq!(
        (&page["tenant_name"], &page["has_password"]),
        (&json!("Southwind Lines"), &json!(true))
    );

    // A new password is none: whoever has nothing but the mail does not get in, and does not change hers.
    let accept = async |password: &str| {
        let form = json!({ "token": link, "username": "ada.south", "password": password });
        nobody.post("/v1/activations", form).await
    };
    let refused = accept(OTHER_PASSWORD).await;
    assert_eq!(refused.refused(401), "wrong_credentials");
    let joined = accept(PASSWORD).await.expect(200);
    assert_eq!(
        (&joined["user"], &joined["username"]),
        (&json!(in_south), &json!("ada")),
        "she keeps her name"
    );

    // From now on she is asked where to go.
    let sign_in = async |password: &str, tenant: Option<&str>| {
        let form = json!({ "login": "ada", "password": password, "tenant": tenant });
        nobody.post("/v1/sessions", form).await
    };
    let choice = sign_in(PASSWORD, None).await.expect(200);
    assert_eq!(companies(&choice), ["Northwind Haulage", "Southwind Lines"]);
    assert_eq!(
        choice.get("access_token"),
        None,
        "she is nowhere until she chooses"
    );
    let session = sign_in(PASSWORD, Some(&north.tenant)).await.expect(200);
    let ada = holder(&world, &session);
    let seen = ada.get("/v1/users").await.expect(200);
    assert_eq!(names(&seen), ["Ada"], "a driver sees herself");
    let add = json!({ "external_id": "N-1" });
    assert_eq!(ada.post("/v1/users", add).await.refused(403), "forbidden");

    // Later she switches, without the password, and is somebody else there.
    let open_to_her = ada.get("/v1/sessions/tenants").await.expect(200);
    assert_eq!(companies(&open_to_her), companies(&choice));
    let switch = json!({ "tenant": south.tenant });
    let switched = ada.post("/v1/sessions/switch", switch).await.expect(200);
    let there = holder(&world, &switched);
    let me = there.get("/v1/me").await.expect(200);
    assert_eq!(
        (&me["id"], &me["roles"]),
        (&json!(in_south), &json!(["user_manager"]))
    );
    let seen = there.get("/v1/users").await.expect(200);
    assert_eq!(seen["users"].as_array().unwrap().len(), 3, "{seen}");
    let _ = there.add(json!({ "external_id": "S-2" })).await;
    let northern = there.get(&format!("/v1/users/{in_north}")).await;
    assert_eq!(northern.refused(404), "not_found", "nothing leads back");

    // A new password is one for both, and ends her sessions in both.
    let ask = json!({ "login": ADA });
    let _ = nobody.post("/v1/password-resets", ask).await.expect(202);
    let mails = world.mails_to(ADA).await;
    let links = mails.last().unwrap().links();
    let mut tokens = links.iter().filter_map(|link| link.split_once("/reset#"));
    let (_, token) = tokens.next().unwrap();
    let choose = json!({ "token": token, "password": OTHER_PASSWORD });
    let chosen = nobody.post("/v1/password-resets/confirm", choose).await;
    let _ = chosen.expect(200);
    for session in [&ada, &there] {
        let me = session.get("/v1/me").await;
        assert_eq!(me.refused(401), "unauthenticated");
    }
    let old = sign_in(PASSWORD, None).await;
    assert_eq!(old.refused(401), "wrong_credentials");
    let choice = sign_in(OTHER_PASSWORD, None).await.expect(200);
    assert_eq!(companies(&choice).len(), 2);

    // Northwind lets her go. Southwind does not notice, and there is nothing to choose any more.
    let typed = json!({ "confirm": ADA });
    let path = format!("/v1/users/{in_north}/delete");
    let _ = north.owner.post(&path, typed).await.expect(200);
    let session = sign_in(OTHER_PASSWORD, None).await.expect(200);
    assert_eq!(
        (&session["tenant"], &session["user"]),
        (&json!(south.tenant), &json!(in_south))
    );
    let gone = sign_in(OTHER_PASSWORD, Some(&north.tenant)).await;
    assert!(gone.status >= 400, "{}", gone.text);
    let back = json!({ "tenant": north.tenant });
    let ada = holder(&world, &session);
    let back = ada.post("/v1/sessions/switch", back).await;
    assert_eq!(back.refused(404), "not_found");
    world.keeps_every_rule().await;
}

/// Whoever got this session.
fn holder<'w>(world: &'w World, session: &Value) -> Actor<'w> {
    world.bearer(text(&session["access_token"]))
}

/// The names of the companies to choose from.
fn companies(choice: &Value) -> Vec<String> {
    let tenants = choice["tenants"].as_array();
    let tenants = tenants.unwrap_or_else(|| panic!("{choice} leaves no choice"));
    let mut names: Vec<String> = tenants.iter().map(|one| text(&one["name"])).collect();
    names.sort();
    names
}

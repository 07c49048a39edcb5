//! The main job: from support's order to the exported list.

use muster_tests::output::Output;
use muster_tests::world::{PASSWORD, World, text};
use serde_json::{Value, json};

use crate::names;

const USERS: &str = "External ID;Email;First Name;Last Name;Phone Number\n\
    D-1;ada@drivers.example;Ada;Lovelace;+4915112345678\n\
    D-2;grace@drivers.example;Grace;Hopper;\n\
    D-3;linus@drivers.example;Linus;Late;\n\
    TRUCK-17;;;;\n";

pub async fn a_company_goes_from_its_order_to_the_exported_list(world: World) {
    let output = Output::captured("info,muster_shared=trace");

    // Support provisions; the owner gets a mail, opens the link, sets username and password, signs in.
    let company = world.company("Northwind Haulage").await;
    let owner = &company.owner;
    assert_eq!(owner.get("/v1/me").await.expect(200)["class"], "owner");

    // The owner drops a CSV, looks at the plan, commits.
    let import = owner.upload_import(USERS).await;
    assert_eq!(import["state"], "ready", "{import}");
    assert_eq!(import["delimiter"], "semicolon");
    assert_eq!(
        import["planned"],
        json!({ "created": 4, "updated": 0, "unchanged": 0, "refused": 0 })
    );
    assert_eq!(
        owner.get("/v1/users?external_id=D-").await.expect(200)["users"],
        json!([]),
        "nothing is written before the commit"
    );
    let import = owner.commit_import(&import).await;
    assert_eq!(import["state"], "done", "{import}");
    let report = String::from_utf8(world.download(&import["report_url"]).await).unwrap();
    assert_eq!(report.lines().count(), 5);
    assert!(
        report
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("2,created,,,D-1,ada@drivers.example,Ada,Lovelace"),
        "{report}"
    );

    // Assigns licences in bulk, sees the remaining seats.
    let listed = owner.get("/v1/users?external_id=").await.expect(200);
    let id = |external_id: &str| {
        let users = listed["users"].as_array().unwrap();
        text(
            &users
                .iter()
                .find(|user| user["external_id"] == external_id)
                .unwrap_or_else(|| panic!("{external_id} in {listed}"))["id"],
        )
    };
    let users = [id("D-1"), id("D-2"), id("D-3"), id("TRUCK-17")];
    let assigned = owner
        .post(
            &format!("/v1/products/{}/assign", company.products[0]),
            json!({ "users": users }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&assigned["done"], &assigned["product"]["remaining"]),
        (&json!(4), &json!(46)),
        "{assigned}"
    );

    // Invites in bulk; the truck has no address.
    let invited = owner
        .post("/v1/invitations", json!({ "users": users }))
        .await
        .expect(200);
    assert_eq!(
        (&invited["done"], &invited["refused"]),
        (&json!(3), &json!(1)),
        "{invited}"
    );
    assert_eq!(invited["outcomes"][3]["code"], "no_email");
    let mails = world.mails_to("ada@drivers.example").await;
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].text.contains("CoPilot Truck with ActiveTraffic")
            && mails[0].text.contains("https://play.example/app"),
        "{}",
        mails[0].text
    );

    // Each user gets a mail with the two steps; one activates.
    let ada = world.activate("ada@drivers.example", "ada").await;
    assert_eq!(ada.get("/v1/me").await.expect(200)["status"], "active");

    // Another's link expires, is resent, and works.
    let old = world.link_token("grace@drivers.example").await;
    world.wait_hours(24).await;
    let nobody = world.nobody();
    assert_eq!(
        nobody
            .post("/v1/activations/check", json!({ "token": old }))
            .await
            .expect(200)["state"],
        "expired"
    );
    let owner = &world.sign_in(&company.owner_email).await;
    assert_eq!(owner.show(&id("D-2")).await["status"], "invitation_expired");
    let resent = owner
        .post("/v1/invitations/resend", json!({ "users": [id("D-2")] }))
        .await
        .expect(200);
    assert_eq!(resent["done"], 1, "{resent}");
    let grace = world.activate("grace@drivers.example", "grace").await;
    assert_eq!(grace.get("/v1/me").await.expect(200)["status"], "active");
    assert_eq!(
        nobody
            .post(
                "/v1/activations",
                json!({ "token": old, "username": "other", "password": "another long passphrase" })
            )
            .await
            .refused(410),
        "link_used"
    );

    // A third let it lapse, and the scheduled cleanup shows it as expired.
    let expired = owner
        .get("/v1/users?status=invitation_expired")
        .await
        .expect(200);
    assert_eq!(names(&expired), ["Linus Late"]);

    // The app redeems a licence code and the licence shows Activated.
    let code = text(&owner.show(&id("TRUCK-17")).await["licences"][0]["code"]);
    let redeemed = nobody
        .post(
            "/v1/licences/activate",
            json!({ "code": code.to_lowercase(), "device": "Cab tablet 17" }),
        )
        .await
        .expect(200);
    assert_eq!(redeemed["product_name"], "CoPilot Truck with ActiveTraffic");
    let truck = owner.show(&id("TRUCK-17")).await;
    assert_eq!(
        (&truck["licence_state"], &truck["status"]),
        (&json!("activated"), &json!("active"))
    );

    // The owner exports the list as XLSX and CSV.
    for format in ["xlsx", "csv"] {
        let export = owner
            .post(
                "/v1/exports",
                json!({ "format": format, "columns": ["external_id", "licences"] }),
            )
            .await
            .expect(202);
        world.stack.settled().await;
        let export = owner
            .get(&format!("/v1/exports/{}", text(&export["id"])))
            .await
            .expect(200);
        assert_eq!(
            (&export["state"], &export["rows"]),
            (&json!("done"), &json!(5)),
            "{export}"
        );
        let file = world.download(&export["url"]).await;
        match format {
            "csv" => insta::assert_snapshot!(
                "exported_list",
                without_ids(&String::from_utf8(file).unwrap())
            ),
            _ => assert!(file.starts_with(b"PK\x03\x04"), "a workbook is a zip file"),
        }
    }
    world.keeps_every_rule().await;

    // The operators were told what happened, and of nobody who it was. Binaries write to their own output, by the same code.
    if world.stack.context("provision").is_none() {
        return;
    }
    let (told, logs) = (output.text(), output.logs());
    for function in [
        "provision",
        "activate",
        "import",
        "import-chunk",
        "send-mail",
        "export",
    ] {
        let of = |line: &&Value| line["span"]["function"] == function;
        assert!(logs.iter().any(|line| of(&line)), "{function} in {told}");
    }
    assert!(told.contains(&company.tenant) && told.contains(&owner.user));
    let mut secrets = vec![PASSWORD.to_owned(), company.owner_email, code, old];
    secrets.extend([&ada, &grace, owner].map(|actor| actor.token.clone().unwrap()));
    for mail in ["ada", "grace", "linus"].map(|name| format!("{name}@drivers.example")) {
        let mails = world.mails_to(&mail).await;
        let links = mails.iter().flat_map(|mail| mail.links());
        secrets.extend(links.filter_map(|link| Some(link.split_once('#')?.1.to_owned())));
        secrets.push(mail);
    }
    let words = [
        "Ada",
        "Lovelace",
        "Grace",
        "Hopper",
        "Linus",
        "Late",
        "Olivia",
        "15112345678",
    ];
    secrets.extend(words.map(str::to_owned));
    secrets.extend(["owner.northwind", "D-1", "TRUCK-17", "Cab tablet"].map(str::to_owned));
    assert!(secrets.len() > 20);
    for secret in secrets {
        let line = told.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}

/// Ids are new in each run.
fn without_ids(csv: &str) -> String {
    let lines = csv
        .trim_start_matches('\u{feff}')
        .lines()
        .map(|line| match line.split_once(',') {
            Some((id, rest)) if id.starts_with("usr_") => format!("usr_…,{rest}"),
            _ => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

//! What Muster is for, told as stories of people: each twice, with the functions in the stack's own process, and as the
//! binaries that are deployed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a story is told in one go"
)]

mod client;
mod new_address;
mod order;
mod two_companies;

use muster_tests::world::{World, text};
use serde_json::Value;

macro_rules! stories {
    ($($teller:ident::$story:ident,)*) => {
        mod in_process {
            use super::*;
            $(#[tokio::test] async fn $story() { $teller::$story(World::start().await).await })*
        }
        mod as_deployed {
            use super::*;
            $(#[tokio::test] async fn $story() { $teller::$story(World::spawned().await).await })*
        }
    };
}

stories! {
    client::a_client_brings_in_an_employee_and_agrees_on_what_is_paid_back,
    new_address::a_change_that_was_not_hers_is_cancelled_from_the_old_address,
    order::a_company_goes_from_its_order_to_the_exported_list,
    two_companies::a_person_works_for_two_companies_with_one_password,
}

/// The names on a page of users.
fn names(page: &Value) -> Vec<String> {
    let users = page["users"].as_array().unwrap();
    users.iter().map(|user| text(&user["name"])).collect()
}

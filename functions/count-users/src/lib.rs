//! Counts a company's users for the overview.

use muster_shared::context::Context;
use muster_shared::domain::overview::Counts;
use muster_shared::error::Internal;
use muster_shared::lambda::{self, Function, outbox_keys};
use muster_shared::store::keys;
use muster_shared::store::users::Search;

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::queue("count-users", |ctx, message| Box::pin(handle(ctx, message)));

/// How many users are read at a time.
const PAGE: usize = 1_000;

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let (pk, sk) = outbox_keys(&message)?;
    let tenant =
        keys::read_overview(&pk, &sk).ok_or(Internal::Broken("the message names no overview"))?;
    lambda::concerns(&tenant, None);
    let asked = ctx.store.overview(&tenant).await?.asked_at;
    if asked.is_none() {
        return Ok(());
    }
    let (began, everybody) = (ctx.clock.now(), Search::Name(String::new()));
    let (mut counts, mut after) = (Counts::default(), None::<String>);
    loop {
        let page = ctx
            .store
            .list_users(&tenant, &everybody, after.as_deref(), PAGE, |_| true)
            .await?;
        for user in &page.users {
            counts.add(user, began);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(ctx.store.counted(&tenant, &counts, began).await?)
}

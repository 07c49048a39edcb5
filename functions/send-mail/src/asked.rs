//! A request for a new password, answered: who it is about is looked up here, where nobody waits for it (rule 9).

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::id::{MailId, Seed, TenantId};
use muster_shared::domain::invitation::renewable;
use muster_shared::domain::letter::{Mail, MailKind, ResetAsked};
use muster_shared::domain::link::{Link, Purpose};
use muster_shared::domain::person::Person;
use muster_shared::domain::user::{Status, User};
use muster_shared::error::Internal;
use muster_shared::store::transaction::Transaction;

/// Sends whoever is meant a link to a new password; somebody who was invited and has not come, the invitation again; and
/// nobody nothing.
pub async fn answer(ctx: &Context, id: &MailId) -> Result<(), Internal> {
    let Some(asked) = ctx.store.reset_asked(id).await? else {
        return Ok(());
    };
    if let Some(email) = ctx.store.address_of_login(&asked.login).await? {
        let person = ctx.store.person(&email).await?;
        let users = ctx.store.users_behind(&email).await?;
        let now = ctx.clock.now();
        let open = |user: &User| user.activated_at.is_some() && user.status(now) == Status::Active;
        let joined = users.iter().find(|(_, user)| open(user));
        let pending = users.iter().filter(|(_, user)| renewable(user));
        // Somebody who is invited by one company and has left another joins with the old password: that can be forgotten.
        let addressee = joined.or_else(|| pending.clone().next());
        if let (Some(person), Some(addressee)) = (person, addressee) {
            send_link(ctx, &asked, &person, addressee, now).await?;
        }
        if joined.is_none() {
            for (tenant, user) in pending {
                let seed = Seed::of(&["password-reset", asked.id.as_str()]);
                ctx.store
                    .renew_invitation(tenant, &user.id, &seed, now)
                    .await?;
            }
        }
    }
    Ok(ctx.store.forget_reset_asked(id).await?)
}

async fn send_link(
    ctx: &Context,
    asked: &ResetAsked,
    person: &Person,
    (tenant, user): &(TenantId, User),
    now: Timestamp,
) -> Result<(), Internal> {
    let seed = Seed::of(&["password-reset", asked.id.as_str(), "link"]);
    let kind = MailKind::PasswordReset;
    let mut mail = Mail::new(kind, tenant, &user.id, &person.email, &seed, now);
    let folded = person.email.folded();
    let id = Link::reset_of(&folded);
    let purpose = Purpose::Reset { person: folded };
    mail.link = Some(id.clone());
    let link = Link::new(id, purpose, &mail);
    let mut transaction = Transaction::new(&ctx.store);
    transaction.make_link(&link)?;
    transaction.queue_mail(&mail, ())?;
    // What stands in the way is the very same, queued by an earlier delivery of the message.
    let _repeated = transaction.commit().await?;
    Ok(())
}

//! What a person signs in with, where the company's own people cannot change it.

use jiff::Timestamp;
use muster_shared::context::Context;
use muster_shared::domain::audit::{Entry, Target};
use muster_shared::domain::edit::{Edit, Said};
use muster_shared::domain::email::Email;
use muster_shared::domain::email_change::{Started, changeable_by_support};
use muster_shared::domain::field::Fault;
use muster_shared::domain::id::{AuditId, TenantId};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::Tenant;
use muster_shared::domain::text::Username;
use muster_shared::domain::user::User;
use muster_shared::store::transaction::Transaction;
use muster_shared::store::users::Unique;

use crate::order::Order;
use crate::{Change, Part, Stop, edit, fault, refused};

/// In how many companies a username changes at once: each takes two of a transaction's 100 parts.
const MOST_COMPANIES: usize = 45;

/// Who is active confirms the address like everybody else, and the old one is told and can cancel; an address that nobody
/// has confirmed yet is set at once, and the invitation that went to another one is withdrawn.
pub async fn set_email(
    ctx: &Context,
    transaction: &mut Transaction<'_, Part>,
    order: &Order,
    tenant: &Tenant,
    user: &User,
    email: &Email,
    now: Timestamp,
) -> Result<Change, Stop> {
    let folded = email.folded();
    if user.email.as_ref().map(Email::folded).as_ref() == Some(&folded) {
        return Err(Stop::Unchanged(user.id.to_string()));
    }
    let guard = [Unique::Email(folded)];
    let holders = ctx.store.holders(&tenant.id, &guard).await?;
    if holders.iter().any(Option::is_some) {
        return Err(refused("email", &Refusal::EmailTaken));
    }
    match changeable_by_support(user) {
        Ok(_) => {
            let started = Started::new(&tenant.id, user, email, &order.seed(), now);
            let started = started.ok_or_else(|| refused("user", &Refusal::NoEmail))?;
            let replaced = ctx.store.replaced_link(user).await?;
            let replaced = replaced.as_ref();
            transaction.start_email_change(&tenant.id, user, &started, replaced, Part::Moved)?;
            Ok(Change {
                operation: "users.email.start",
                target: Target::changed(user, &started.applied(user)),
            })
        }
        Err(Refusal::NotActive) => {
            let wanted = Edit {
                email: Said::Set(email.clone()),
                ..Edit::default()
            };
            let after = wanted.applied(user, now);
            edit(transaction, tenant, user, &after)?;
            transaction.leave_address(&tenant.id, user, &after);
            Ok(Change {
                operation: "users.edit",
                target: Target::changed(user, &after),
            })
        }
        Err(refusal) => Err(refused("user", &refusal)),
    }
}

/// The person has one username for all companies, so it changes in all of them, and each is told in its own trail.
pub async fn set_username(
    ctx: &Context,
    transaction: &mut Transaction<'_, Part>,
    order: &Order,
    tenant: &Tenant,
    user: &User,
    username: &Username,
    now: Timestamp,
) -> Result<Change, Stop> {
    let email = changeable_by_support(user).map_err(|refusal| refused("user", &refusal))?;
    let person = ctx.store.person(&email.folded()).await?;
    let person = person.ok_or_else(|| refused("user", &Refusal::NotActive))?;
    if person.username == *username {
        return Err(Stop::Unchanged(user.id.to_string()));
    }
    let taken = Part::Refused("username", Refusal::UsernameTaken);
    transaction.rename_person(&person, username, Part::Moved, taken)?;
    let mut users = ctx.store.users_behind(&email.folded()).await?;
    users.retain(|(_, user)| user.activated_at.is_some());
    if users.len() > MOST_COMPANIES {
        let message = format!("signs in to more than {MOST_COMPANIES} companies");
        return Err(Stop::Refused(fault(
            "user",
            &Fault::new("too_many", message),
        )));
    }
    for (company, before) in &users {
        let after = renamed(before, username, now);
        transaction.edit_user(company, before, &after, |_| Part::Moved)?;
        if *company != tenant.id {
            let entry = told_elsewhere(order, company, Target::changed(before, &after), now);
            transaction.audit(company, &entry)?;
        }
    }
    Ok(Change {
        operation: RENAME,
        target: Target::changed(user, &renamed(user, username, now)),
    })
}

/// What the audit trail calls it.
const RENAME: &str = "users.set_username";

fn renamed(user: &User, username: &Username, now: Timestamp) -> User {
    User {
        username: Some(username.clone()),
        updated_at: now,
        ..user.clone()
    }
}

fn told_elsewhere(order: &Order, company: &TenantId, target: Target, at: Timestamp) -> Entry {
    Entry {
        id: AuditId::derive(&order.seed().child(company.as_str())),
        at,
        actor: order.actor(),
        operation: RENAME.to_owned(),
        targets: vec![target],
    }
}

//! Choosing a new password by the mailed link: it works once, and ends all sessions.

use jiff::Timestamp;
use muster_shared::auth::token::{self, Audience, Linked, Verified};
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{AuditId, Seed, TenantId};
use muster_shared::domain::invitation::{LinkFacts, LinkState};
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::{Link, Purpose, judge};
use muster_shared::domain::password::{Password, PasswordHash};
use muster_shared::domain::person::Person;
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::guessing::learn_place;
use muster_shared::http::{self, Once, Request, Response};
use muster_shared::lambda::off_thread;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Of how many tenants the sessions end in the same transaction that sets the password: each takes two of its 100 parts.
/// Those of a person in more tenants than that end right after.
const AT_ONCE: usize = 40;

/// How often it is tried anew because a user was changed meanwhile.
const TRIES: u32 = 8;

/// A link to look at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReset {
    /// The token behind the `#` of the link.
    token: String,
}

/// What a link is good for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetChecked {
    /// Whether it can be used, and if not, why.
    state: LinkState,
    /// Whose password it is; only while the link can be used.
    email: Option<String>,
    /// What the person signs in with; only while the link can be used.
    username: Option<String>,
    /// When the link ends, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A new password.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmReset {
    /// The token behind the `#` of the link.
    token: String,
    /// The new password.
    #[schema(example = "correct horse battery staple")]
    password: String,
}

/// The password is set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetConfirmed {
    /// What the person signs in with.
    username: String,
    /// Or this.
    email: String,
}

/// A link with all that it points to, as things stand.
struct Followed {
    expires_at: Timestamp,
    state: LinkState,
    link: Option<Link>,
    person: Option<Person>,
}

async fn follow(ctx: &Context, token: &str) -> Result<Followed, ApiError> {
    let verified = token::verify::<Linked>(ctx, Audience::Reset, token).await?;
    let Verified {
        content: Linked { lnk, nonce },
        expires_at,
    } = verified.ok_or_else(|| {
        let fault = Fault::new("invalid_token", "is not that of a link to a new password");
        ApiError::field("token", &fault)
    })?;
    let link = ctx.store.link(&lnk).await?;
    let person = match link.as_ref().map(|link| &link.purpose) {
        Some(Purpose::Reset { person }) => ctx.store.person(person).await?,
        _ => None,
    };
    let facts = LinkFacts {
        nonce: &nonce,
        expires_at,
    };
    let state = judge(facts, link.as_ref(), ctx.clock.now());
    let state = match state {
        // The address is somebody else's by now, or nobody's.
        LinkState::Valid if person.is_none() => LinkState::Revoked,
        state => state,
    };
    Ok(Followed {
        expires_at,
        state,
        link,
        person,
    })
}

/// Look at a link to a new password
///
/// Changes nothing, however often it is asked: mail scanners open links.
#[utoipa::path(post, path = "/v1/password-resets/check", operation_id = "checkPasswordReset", tag = "Passwords", request_body = CheckReset, security(()),
    responses((status = 200, description = "What the link is good for", body = ResetChecked), (status = "4XX", description = "`invalid_fields`, `malformed_request`", body = Problem, content_type = "application/problem+json")))]
pub async fn check(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let CheckReset { token } = http::parse_json(request)?;
    let followed = follow(ctx, &token).await?;
    let person = followed
        .person
        .filter(|_| followed.state == LinkState::Valid);
    http::ok(&ResetChecked {
        state: followed.state,
        email: person.as_ref().map(|person| person.email.to_string()),
        username: person.as_ref().map(|person| person.username.to_string()),
        expires_at: http::time(followed.expires_at),
    })
}

/// Choose a new password
///
/// Sets the password, once, and ends all sessions of the person, in every company.
#[utoipa::path(post, path = "/v1/password-resets/confirm", operation_id = "confirmPasswordReset", tag = "Passwords", request_body = ConfirmReset, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The person can sign in with the new password", body = ResetConfirmed), (status = "4XX", description = "`link_expired`, `link_used`, `link_replaced`, `link_revoked`, `invalid_fields`, `malformed_request`, `busy`", body = Problem, content_type = "application/problem+json")))]
pub async fn confirm(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let ConfirmReset { token, password } = http::parse_json(request)?;
    let followed = follow(ctx, &token).await?;
    // Without the password: what is kept must not help to guess it.
    let fingerprint = http::digest(&[token.as_bytes()]);
    let scope = format!("reset#{fingerprint}");
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        let (_, person) = valid(followed)?;
        let hash = hashed(password, &person).await?;
        let (person, answer) = set(ctx, &token, &hash, &once).await?;
        learn_place(ctx, &person, &http::source(ctx, request)).await;
        Ok(answer)
    })
    .await
}

fn valid(followed: Followed) -> Result<(Link, Person), ApiError> {
    match followed {
        Followed {
            state: LinkState::Valid,
            link: Some(link),
            person: Some(person),
            ..
        } => Ok((link, person)),
        Followed { state, .. } => Err(ApiError::Link(state)),
    }
}

async fn hashed(password: String, person: &Person) -> Result<PasswordHash, ApiError> {
    let mut fields = Fields::new();
    let known = [person.email.as_str(), person.username.as_str()];
    let password = fields.take("password", Password::chosen(password, &known));
    let password = fields.finish(password).map_err(ApiError::Invalid)?;
    Ok(off_thread(move || password.hash())
        .await?
        .map_err(Internal::from)?)
}

/// Uses the link up, sets the password and ends the sessions; of two that try, one wins.
async fn set(
    ctx: &Context,
    token: &str,
    hash: &PasswordHash,
    once: &Once<'_>,
) -> Result<(Person, Response), ApiError> {
    let seed = &once.seed;
    for _ in 0..TRIES {
        let (link, person) = valid(follow(ctx, token).await?)?;
        let now = ctx.clock.now();
        let folded = person.email.folded();
        let mut users = ctx.store.users_behind(&folded).await?;
        users.retain(|(_, user)| user.activated_at.is_some());
        let (first, rest) = users.split_at(users.len().min(AT_ONCE));
        let mut transaction = Transaction::new(&ctx.store);
        transaction.use_link(&link, now, ())?;
        transaction.set_password(&folded, &person.password, hash, ())?;
        end_sessions(&mut transaction, first, seed, now)?;
        if let Some((tenant, user)) = users.first() {
            let kind = MailKind::PasswordChanged;
            let mail = Mail::new(kind, tenant, &user.id, &person.email, seed, now);
            transaction.queue_mail(&mail, ())?;
        }
        let answer = http::ok(&ResetConfirmed {
            username: person.username.to_string(),
            email: person.email.to_string(),
        })?;
        if rest.is_empty() {
            once.keep(&mut transaction, &answer, ());
        }
        if transaction.commit().await?.is_ok() {
            end_rest(ctx, rest, seed).await?;
            return Ok((person, answer));
        }
    }
    Err(Refusal::Busy.into())
}

/// Ends all sessions of these users, with an audit entry in each tenant; and changes of their addresses that wait: whoever
/// had the old password may have asked for them.
fn end_sessions(
    transaction: &mut Transaction<'_, ()>,
    users: &[(TenantId, User)],
    seed: &Seed,
    now: Timestamp,
) -> Result<(), ApiError> {
    for (tenant, user) in users {
        let after = User {
            sessions: user.sessions.saturating_add(1),
            ..user.without_email_change(now)
        };
        transaction.edit_user(tenant, user, &after, |_| ())?;
        let entry = Entry {
            id: AuditId::derive(&seed.child(user.id.as_str())),
            at: now,
            actor: Actor::Recipient {
                id: user.id.clone(),
            },
            operation: "users.reset_password".to_owned(),
            targets: vec![Target::changed(user, &after)],
        };
        transaction.audit(tenant, &entry)?;
    }
    Ok(())
}

/// Ends the sessions in the tenants that had no room in the first transaction, one by one.
async fn end_rest(ctx: &Context, rest: &[(TenantId, User)], seed: &Seed) -> Result<(), ApiError> {
    for (tenant, user) in rest {
        for _ in 0..TRIES {
            let Some(user) = ctx.store.user(tenant, &user.id).await? else {
                break;
            };
            let mut transaction = Transaction::new(&ctx.store);
            let now = ctx.clock.now();
            end_sessions(&mut transaction, &[(tenant.clone(), user)], seed, now)?;
            if transaction.commit().await?.is_ok() {
                break;
            }
        }
    }
    Ok(())
}

//! Confirming a change from the new address, by link or by code: the person moves, or parts from who stays behind.

use jiff::Timestamp;
use muster_shared::auth::token::Verified;
use muster_shared::context::Context;
use muster_shared::domain::audit::Target;
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::LinkId;
use muster_shared::domain::id::Seed;
use muster_shared::domain::letter::{Mail, MailKind};
use muster_shared::domain::link::Link;
use muster_shared::domain::password::Password;
use muster_shared::domain::person::{Membership, Person};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::text::Username;
use muster_shared::domain::throttle::Source;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::guessing::Guess;
use muster_shared::http::{self, Once, Request, Response};
use muster_shared::lambda::off_thread;
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::link::{self, ChangeAction, Waiting};

/// How often it is tried anew because the user was changed meanwhile.
const TRIES: u32 = 5;

/// A confirmation: by the token of the link, or by the change's id and the code; where both are given, both must be right.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmailChange {
    /// The token behind the `#` of the link.
    token: Option<String>,
    /// The id of the change.
    #[schema(example = "lnk_4zk0m7v2q8x1c9dj")]
    change: Option<String>,
    /// The code from the mail.
    #[schema(example = "493 027")]
    code: Option<String>,
    /// A username, where a new person is needed.
    #[schema(example = "ada.lovelace")]
    username: Option<String>,
    /// A new password for a new person, or the existing one of the person at the new address.
    #[schema(example = "correct horse battery staple")]
    password: Option<String>,
}

impl ConfirmEmailChange {
    /// None at all is no guess.
    fn given_password(&self) -> Result<String, Fault> {
        let given = self.password.clone().filter(|given| !given.is_empty());
        given.ok_or_else(|| Fault::new("required", "is required"))
    }
}

/// What confirming needs beside link and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// Nothing: username and password stay.
    Nothing,
    /// Username and password for a new person: the old address stays in use with other companies.
    NewCredentials,
    /// The password of the person who signs in with the new address already.
    ExistingPassword,
}

/// The address was changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EmailChangeConfirmed {
    /// What the person signs in with.
    username: String,
    /// Or this: the new address.
    email: String,
}

/// Who the user will be.
pub enum Plan {
    /// The same person, at the new address.
    Move(Person),
    /// A new person; the one at the old address goes on with other companies.
    Part,
    /// The person who is at the new address already; the one at the old address is needed by nobody else, if any.
    Join(Person, Option<Person>),
}

impl Plan {
    /// Works it out as things stand.
    pub async fn of(ctx: &Context, waiting: &Waiting) -> Result<Self, ApiError> {
        let old = waiting.user.email.as_ref().map(Email::folded);
        let old = old.ok_or(Refusal::NoEmail)?;
        // The person first: whoever joins another company after that is no longer the person as read.
        let person = ctx.store.person(&old).await?;
        let others = ctx.store.users_behind(&old).await?;
        let others = others
            .iter()
            .any(|(tenant, user)| user.activated_at.is_some() && *tenant != waiting.tenant.id);
        let person = person.filter(|_| !others);
        Ok(
            match (ctx.store.person(&waiting.change.to.folded()).await?, person) {
                (Some(there), left) => Self::Join(there, left),
                (None, Some(person)) => Self::Move(person),
                (None, None) => Self::Part,
            },
        )
    }

    pub fn needed(&self) -> Needed {
        match self {
            Self::Move(_) => Needed::Nothing,
            Self::Part => Needed::NewCredentials,
            Self::Join(..) => Needed::ExistingPassword,
        }
    }
}

/// Confirm a change of an e-mail address
///
/// By the link that the new address got, or the change's id and the code; five wrong codes end the change. From then on the
/// new address signs in. All sessions of the user end.
#[utoipa::path(post, path = "/v1/email-changes/confirm", operation_id = "confirmEmailChange", tag = "E-mail changes", request_body = ConfirmEmailChange, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The new address signs in", body = EmailChangeConfirmed), (status = "4XX", description = "`link_expired`, `link_used`, `link_replaced`, `link_revoked`, `email_taken`, `username_taken`, `wrong_credentials`, `too_many_requests`, `invalid_fields`, `malformed_request`, `busy`", body = Problem, content_type = "application/problem+json")))]
pub async fn confirm(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let form: ConfirmEmailChange = http::parse_json(request)?;
    let named = Named::read(ctx, &form).await?;
    let scope = format!("email-confirm#{}", named.id);
    // Without the password: what is kept must not help to guess it.
    let parts = [&form.token, &form.code, &form.username].map(|part| part.as_deref().unwrap_or(""));
    let fingerprint = http::digest(&parts.map(str::as_bytes));
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        let waiting = named.follow(ctx).await?;
        if let Some(code) = &form.code {
            check_code(ctx, &waiting, code).await?;
        }
        let plan = Plan::of(ctx, &waiting).await?;
        let person = person(ctx, &form, &waiting, &plan, &http::source(ctx, request)).await?;
        carry_out(ctx, &named, (person, plan.needed()), &once).await
    })
    .await
}

/// Which change is meant, and by what.
struct Named {
    id: LinkId,
    link: Option<Verified<muster_shared::auth::token::ChangeLink>>,
}

impl Named {
    async fn read(ctx: &Context, form: &ConfirmEmailChange) -> Result<Self, ApiError> {
        let required =
            |field, text: &'static str| Err(ApiError::field(field, &Fault::new("required", text)));
        match (&form.token, &form.change, &form.code) {
            (Some(token), None, _) => {
                let link = link::verified(ctx, token).await?;
                if link.content.cancel {
                    let fault = Fault::new("invalid_token", "is not that of a link to confirm by");
                    return Err(ApiError::field("token", &fault));
                }
                Ok(Self {
                    id: link.content.lnk.clone(),
                    link: Some(link),
                })
            }
            (None, Some(change), Some(_)) => {
                let id =
                    LinkId::parse(change).map_err(|fault| ApiError::field("change", &fault))?;
                Ok(Self { id, link: None })
            }
            (None, Some(_), None) => required("code", "is required"),
            _ => required("token", "or change and code is required, and not both"),
        }
    }

    async fn follow(&self, ctx: &Context) -> Result<Waiting, ApiError> {
        let link = self.link.as_ref();
        let link = link.map(|link| (&link.content.nonce, link.expires_at));
        let followed = link::follow(ctx, &self.id, link, ChangeAction::Confirm).await?;
        followed.waiting()
    }
}

/// Counts the try before it is looked at, so that of many at once no more than five are.
async fn check_code(ctx: &Context, waiting: &Waiting, code: &str) -> Result<(), ApiError> {
    let given: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let left = ctx.store.count_wrong_code(&waiting.link).await?;
    let left = left.ok_or(ApiError::Link(
        muster_shared::domain::invitation::LinkState::Revoked,
    ))?;
    // The mail may be older than the present secret.
    let trusted = ctx.trusted().await?;
    let trusted = trusted.ok_or(Internal::Broken("this function has no signing key"))?;
    if trusted.gives(waiting.link.nonce.as_str(), &given) {
        return Ok(ctx.store.forgive_code(&waiting.link).await?);
    }
    if left == 0 {
        void(ctx, waiting).await?;
    }
    let fault = Fault::new("wrong_code", "is not the one in the newest mail");
    Err(ApiError::field("code", &fault))
}

/// Ends a change whose code was guessed at too often.
async fn void(ctx: &Context, waiting: &Waiting) -> Result<(), ApiError> {
    let mut user = Some(waiting.user.clone());
    for _ in 0..TRIES {
        let change = |user: &User| user.email_change.as_ref() == Some(&waiting.change);
        let Some(present) = user.filter(change) else {
            return Ok(());
        };
        let now = ctx.clock.now();
        let entry = link::entry("users.email.void", waiting, now);
        if link::end(ctx, &waiting.tenant.id, &present, &entry, now, |_| ()).await? {
            return Ok(());
        }
        user = ctx.store.user(&waiting.tenant.id, &present.id).await?;
    }
    Err(Refusal::Busy.into())
}

/// Who the user will be, with credentials where they are needed.
async fn person(
    ctx: &Context,
    form: &ConfirmEmailChange,
    waiting: &Waiting,
    plan: &Plan,
    source: &Source,
) -> Result<Person, ApiError> {
    let new = &waiting.change.to;
    match plan {
        Plan::Move(person) => Ok(Person {
            email: new.clone(),
            ..person.clone()
        }),
        Plan::Join(person, _) => {
            let mut fields = Fields::new();
            let password = form.given_password().and_then(Password::presented);
            let password = fields.take("password", password);
            let password = fields.finish(password).map_err(ApiError::Invalid)?;
            let guess = Guess::begin(ctx, person.email.as_str(), source).await?;
            let hash = person.password.clone();
            if !off_thread(move || password.matches(Some(&hash))).await? {
                return Err(ApiError::WrongCredentials);
            }
            guess.right(ctx, person).await;
            Ok(person.clone())
        }
        Plan::Part => {
            let mut fields = Fields::new();
            let username = form.username.as_deref();
            let username = fields.required("username", username, Username::parse);
            let known = [new.as_str(), form.username.as_deref().unwrap_or_default()];
            let password = form.given_password();
            let password = password.and_then(|given| Password::chosen(given, &known));
            let password = fields.take("password", password);
            let chosen = fields.finish(username.zip(password));
            let (username, password) = chosen.map_err(ApiError::Invalid)?;
            let hash = off_thread(move || password.hash()).await?;
            Ok(Person {
                email: new.clone(),
                username,
                password: hash.map_err(Internal::from)?,
                created_at: ctx.clock.now(),
                joined_at: None,
            })
        }
    }
}

/// What stands in the way.
#[derive(Clone, PartialEq)]
enum Hindrance {
    Refused(Refusal),
    Moved,
}

/// Uses the change up and makes the user that person, who gave what is needed; of two that try, one wins.
async fn carry_out(
    ctx: &Context,
    named: &Named,
    (person, given): (Person, Needed),
    once: &Once<'_>,
) -> Result<Response, ApiError> {
    let answer = http::ok(&EmailChangeConfirmed {
        username: person.username.to_string(),
        email: person.email.to_string(),
    })?;
    for _ in 0..TRIES {
        let waiting = named.follow(ctx).await?;
        let plan = Plan::of(ctx, &waiting).await?;
        if plan.needed() != given {
            return Err(Refusal::Busy.into());
        }
        let keep = |transaction: &mut Transaction<'_, _>| {
            once.keep(transaction, &answer, Hindrance::Moved);
        };
        let Some(failed) = commit(ctx, &waiting, &plan, &person, keep).await? else {
            return Ok(answer);
        };
        for hindrance in failed {
            if let Hindrance::Refused(refusal) = hindrance
                && refusal != Refusal::Busy
            {
                return Err(refusal.into());
            }
        }
    }
    Err(Refusal::Busy.into())
}

async fn commit(
    ctx: &Context,
    waiting: &Waiting,
    plan: &Plan,
    person: &Person,
    keep: impl FnOnce(&mut Transaction<'_, Hindrance>),
) -> Result<Option<Vec<Hindrance>>, ApiError> {
    let Waiting {
        link,
        tenant,
        user,
        change,
    } = waiting;
    let (now, id) = (ctx.clock.now(), &tenant.id);
    let old = user.email.clone().ok_or(Refusal::NoEmail)?;
    let after = User {
        email: Some(change.to.clone()),
        username: Some(person.username.clone()),
        sessions: user.sessions.saturating_add(1),
        ..user.without_email_change(now)
    };
    let mut transaction = Transaction::new(&ctx.store);
    transaction.use_link(link, now, Hindrance::Moved)?;
    transaction.edit_user(id, user, &after, Hindrance::Refused)?;
    transaction.remove_membership(&old.folded(), id);
    let membership = Membership {
        tenant: id.clone(),
        user: user.id.clone(),
    };
    transaction.add_membership(&change.to.folded(), &membership)?;
    match plan {
        Plan::Move(before) => {
            // As the person stands now: the password may have been changed since it was first read.
            let moved = Person {
                email: change.to.clone(),
                ..before.clone()
            };
            transaction.move_person(before, &moved, Hindrance::Moved)?;
            transaction.forget_link(&Link::reset_of(&old.folded()));
        }
        Plan::Part => {
            let taken = Hindrance::Refused(Refusal::UsernameTaken);
            transaction.add_person(person, Hindrance::Moved, taken)?;
        }
        Plan::Join(_, left) => {
            transaction.join_person(person, now, Hindrance::Moved);
            if let Some(left) = left {
                transaction.remove_person(left, Hindrance::Moved)?;
                transaction.forget_link(&Link::reset_of(&old.folded()));
            }
        }
    }
    transaction.queue_mail(&told(waiting, &old, now), Hindrance::Moved)?;
    let mut entry = link::entry("users.email.change", waiting, now);
    entry.targets = vec![Target::changed(user, &after)];
    transaction.audit(id, &entry)?;
    keep(&mut transaction);
    let done = transaction.commit().await?;
    Ok(done
        .err()
        .map(|failed| failed.into_iter().map(|failed| failed.tag).collect()))
}

/// The mail that tells the old address.
fn told(waiting: &Waiting, old: &Email, now: Timestamp) -> Mail {
    let seed = Seed::of(&["email-changed", waiting.link.id.as_str()]);
    let (tenant, user) = (&waiting.tenant.id, &waiting.user.id);
    Mail {
        about: Some(waiting.change.to.clone()),
        ..Mail::new(MailKind::EmailChanged, tenant, user, old, &seed, now)
    }
}

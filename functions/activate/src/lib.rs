//! Activation: what a link is good for, and accepting an invitation.

mod renew;

use jiff::Timestamp;
use muster_shared::auth::token::{self, Activation, Audience, Verified};
use muster_shared::context::Context;
use muster_shared::domain::audit::{Actor, Entry, Target};
use muster_shared::domain::email::Email;
use muster_shared::domain::field::{Fault, Fields};
use muster_shared::domain::id::{AuditId, Seed};
use muster_shared::domain::invitation::{Invitation, LinkFacts, LinkState, judge};
use muster_shared::domain::password::Password;
use muster_shared::domain::person::{Membership, Person};
use muster_shared::domain::refusal::Refusal;
use muster_shared::domain::tenant::{Product, Tenant};
use muster_shared::domain::text::Username;
use muster_shared::domain::throttle::Source;
use muster_shared::domain::user::User;
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::guessing::{self, Guess};
use muster_shared::http::views::AppLinkView;
use muster_shared::http::{self, Once, Request, Response};
use muster_shared::lambda::{self, Function, off_thread};
use muster_shared::store::transaction::Transaction;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("activate", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(check, accept, renew::renew))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// A link to look at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckLink {
    /// The token behind the `#` of the link.
    token: String,
}

/// What a link is good for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LinkChecked {
    /// Whether it can be used, and if not, why.
    state: LinkState,
    /// The company that invites.
    #[schema(example = "Northwind Haulage")]
    tenant_name: String,
    /// The address that was invited; only while the link can be used.
    email: Option<String>,
    /// When the link ends, RFC 3339.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether the person has a password already, from another company, and joins with that one.
    has_password: bool,
}

/// An invitation accepted.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcceptInvitation {
    /// The token behind the `#` of the link.
    token: String,
    /// The name to sign in with; left out by a person who has one already.
    #[schema(example = "ada.lovelace")]
    username: Option<String>,
    /// The new password, or the existing one of a person who has one already.
    #[schema(example = "correct horse battery staple")]
    password: String,
}

/// The user is active.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct InvitationAccepted {
    /// The company.
    tenant: String,
    /// Its name.
    tenant_name: String,
    /// The user.
    user: String,
    /// What the person signs in with.
    username: String,
    /// Or this.
    email: String,
    /// The apps that wait for the person, by name: each is fetched and given its code.
    apps: Vec<AppView>,
}

/// An app that the person has a licence of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = WaitingApp)]
struct AppView {
    /// Its name.
    #[schema(example = "MileOn")]
    name: String,
    /// Where it is to be had.
    links: Vec<AppLinkView>,
    /// The code that it asks for, as in the mail.
    #[schema(example = "7K3Q-9ZAB-0C1D-2E3F")]
    code: String,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/activations/check" => check(ctx, &request).await,
        "POST /v1/activations/renew" => renew::renew(ctx, &request).await,
        "POST /v1/activations" => accept(ctx, &request).await,
        _ => Err(ApiError::NotFound),
    }
}

/// A link with all that it points to, as things stand.
struct Followed {
    link: Activation,
    expires_at: Timestamp,
    tenant: Tenant,
    user: Option<User>,
    invitation: Option<Invitation>,
    state: LinkState,
}

fn not_ours() -> ApiError {
    ApiError::field(
        "token",
        &Fault::new("invalid_token", "is not that of an activation link"),
    )
}

/// What an activation link of ours says, whatever has become of it.
async fn verified(ctx: &Context, token: &str) -> Result<Verified<Activation>, ApiError> {
    let verified = token::verify(ctx, Audience::Activate, token).await?;
    verified.ok_or_else(not_ours)
}

async fn follow(ctx: &Context, token: &str) -> Result<Followed, ApiError> {
    let Verified {
        content: link,
        expires_at,
    } = verified(ctx, token).await?;
    lambda::concerns(&link.tid, Some(&link.sub));
    let tenant = ctx.store.tenant(&link.tid).await?.ok_or_else(not_ours)?;
    let user = ctx.store.user(&link.tid, &link.sub).await?;
    let invitation = ctx.store.invitation(&link.tid, &link.sub).await?;
    let facts = LinkFacts {
        nonce: &link.nonce,
        expires_at,
    };
    let state = judge(facts, user.as_ref(), invitation.as_ref(), ctx.clock.now());
    Ok(Followed {
        link,
        expires_at,
        tenant,
        user,
        invitation,
        state,
    })
}

/// Look at an activation link
///
/// Changes nothing, however often it is asked: mail scanners open links.
#[utoipa::path(post, path = "/v1/activations/check", operation_id = "checkActivation", tag = "Activation", request_body = CheckLink, security(()),
    responses((status = 200, description = "What the link is good for", body = LinkChecked), (status = "4XX", description = "`invalid_fields`, `malformed_request`", body = Problem, content_type = "application/problem+json")))]
async fn check(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let CheckLink { token } = http::parse_json(request)?;
    let Followed {
        expires_at,
        tenant,
        user,
        state,
        ..
    } = follow(ctx, &token).await?;
    let email = user
        .and_then(|user| user.email)
        .filter(|_| state == LinkState::Valid);
    let has_password = match &email {
        Some(email) => ctx.store.person(&email.folded()).await?.is_some(),
        None => false,
    };
    http::ok(&LinkChecked {
        state,
        tenant_name: tenant.name.to_string(),
        email: email.map(String::from),
        expires_at: http::time(expires_at),
        has_password,
    })
}

/// Accept an invitation
///
/// Sets username and password, once. A person who has a password already, from another company, joins with that one.
#[utoipa::path(post, path = "/v1/activations", operation_id = "acceptInvitation", tag = "Activation", request_body = AcceptInvitation, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, description = "The user is active and can sign in", body = InvitationAccepted), (status = "4XX", description = "`link_expired`, `link_used`, `link_replaced`, `link_revoked`, `username_taken`, `wrong_credentials`, `too_many_requests`, `invalid_fields`, `malformed_request`, `busy`", body = Problem, content_type = "application/problem+json")))]
async fn accept(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let form: AcceptInvitation = http::parse_json(request)?;
    let followed = follow(ctx, &form.token).await?;
    let scope = format!("activation#{}#{}", followed.link.tid, followed.link.sub);
    // Without the password: what is kept must not help to guess it.
    let username = form.username.clone().unwrap_or_default();
    let fingerprint = http::digest(&[form.token.as_bytes(), username.as_bytes()]);
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        activate(ctx, form, followed, &http::source(ctx, request), &once).await
    })
    .await
}

/// How often an acceptance is tried anew because the user was changed meanwhile.
const TRIES: u32 = 5;

async fn activate(
    ctx: &Context,
    form: AcceptInvitation,
    followed: Followed,
    source: &Source,
    once: &Once<'_>,
) -> Result<Response, ApiError> {
    let token = form.token.clone();
    let (tenant, mut valid) = valid(followed)?;
    let credentials = match Credentials::of(ctx, form, &valid, &tenant, source).await {
        Ok(credentials) => credentials,
        Err(refusal) => {
            // Whoever lost against another use of the link is told so, not what the winner took.
            self::valid(follow(ctx, &token).await?)?;
            return Err(refusal);
        }
    };
    for _ in 0..TRIES {
        let apps = apps(ctx, &tenant, &valid.user).await?;
        let answer = http::ok(&accepted(&tenant, &valid, &credentials, apps))?;
        let keep = |transaction: &mut Transaction<'_, _>| {
            once.keep(transaction, &answer, Hindrance::Moved);
        };
        match commit(ctx, &tenant, &valid, &credentials, keep).await? {
            None => {
                if credentials.new {
                    guessing::learn_place(ctx, &credentials.person, source).await;
                }
                return Ok(answer);
            }
            Some(Hindrance::UsernameTaken) => return Err(Refusal::UsernameTaken.into()),
            Some(Hindrance::Moved) => (_, valid) = self::valid(follow(ctx, &token).await?)?,
        }
    }
    Err(Refusal::Busy.into())
}

/// A user with a standing invitation.
struct Valid {
    user: User,
    email: Email,
    invitation: Invitation,
}

fn valid(followed: Followed) -> Result<(Tenant, Valid), ApiError> {
    match followed {
        Followed {
            state: LinkState::Valid,
            user: Some(user),
            invitation: Some(invitation),
            tenant,
            ..
        } => {
            let email = user
                .email
                .clone()
                .ok_or(ApiError::Link(LinkState::Revoked))?;
            Ok((
                tenant,
                Valid {
                    user,
                    email,
                    invitation,
                },
            ))
        }
        Followed { state, .. } => Err(ApiError::Link(state)),
    }
}

/// What the person will sign in with.
struct Credentials {
    person: Person,
    new: bool,
}

impl Credentials {
    async fn of(
        ctx: &Context,
        form: AcceptInvitation,
        valid: &Valid,
        tenant: &Tenant,
        source: &Source,
    ) -> Result<Self, ApiError> {
        match ctx.store.person(&valid.email.folded()).await? {
            Some(person) => Self::existing(ctx, person, form, source).await,
            None => Self::chosen(form, valid, tenant, ctx).await,
        }
    }

    /// The person has a password: it must be given, and nothing is set anew. A wrong one is a guess as at sign-in.
    async fn existing(
        ctx: &Context,
        person: Person,
        form: AcceptInvitation,
        source: &Source,
    ) -> Result<Self, ApiError> {
        let password = Password::presented(form.password)
            .map_err(|fault| ApiError::field("password", &fault))?;
        let guess = Guess::begin(ctx, person.email.as_str(), source).await?;
        let hash = person.password.clone();
        if off_thread(move || password.matches(Some(&hash))).await? {
            guess.right(ctx, &person).await;
            Ok(Self { person, new: false })
        } else {
            Err(ApiError::WrongCredentials)
        }
    }

    async fn chosen(
        form: AcceptInvitation,
        valid: &Valid,
        tenant: &Tenant,
        ctx: &Context,
    ) -> Result<Self, ApiError> {
        let mut fields = Fields::new();
        let username = fields.required("username", form.username.as_deref(), Username::parse);
        let name = valid.user.display_name();
        let known = [
            valid.email.as_str(),
            &name,
            tenant.name.as_str(),
            form.username.as_deref().unwrap_or_default(),
        ];
        let password = fields.take("password", Password::chosen(form.password, &known));
        let (username, password) = fields
            .finish(username.zip(password))
            .map_err(ApiError::Invalid)?;
        if !ctx.store.username_free(&username).await? {
            return Err(Refusal::UsernameTaken.into());
        }
        let hash = off_thread(move || password.hash())
            .await?
            .map_err(Internal::from)?;
        Ok(Self {
            person: Person {
                email: valid.email.clone(),
                username,
                password: hash,
                created_at: ctx.clock.now(),
                joined_at: None,
            },
            new: true,
        })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Hindrance {
    UsernameTaken,
    Moved,
}

/// Uses the invitation up and makes the user active, in one transaction: of two that try, one wins.
async fn commit(
    ctx: &Context,
    tenant: &Tenant,
    valid: &Valid,
    credentials: &Credentials,
    keep: impl FnOnce(&mut Transaction<'_, Hindrance>),
) -> Result<Option<Hindrance>, ApiError> {
    let now = ctx.clock.now();
    let id = &tenant.id;
    let Valid {
        user,
        email,
        invitation,
    } = valid;
    let active = User {
        activated_at: Some(now),
        updated_at: now,
        username: Some(credentials.person.username.clone()),
        ..user.clone()
    };
    let membership = Membership {
        tenant: id.clone(),
        user: user.id.clone(),
    };
    let mut transaction = Transaction::new(&ctx.store);
    transaction.consume_invitation(id, invitation, now, Hindrance::Moved);
    transaction.edit_user(id, user, &active, |_| Hindrance::Moved)?;
    if credentials.new {
        transaction.add_person(
            &credentials.person,
            Hindrance::Moved,
            Hindrance::UsernameTaken,
        )?;
    } else {
        transaction.join_person(&credentials.person, now, Hindrance::Moved);
    }
    transaction.add_membership(&email.folded(), &membership)?;
    let entry = Entry {
        id: AuditId::derive(&Seed::of(&[
            "activate",
            user.id.as_str(),
            invitation.mail.as_str(),
        ])),
        at: now,
        actor: Actor::Invitee {
            id: user.id.clone(),
        },
        operation: "invitations.accept".to_owned(),
        targets: vec![Target::changed(user, &active)],
    };
    transaction.audit(id, &entry)?;
    keep(&mut transaction);
    let Err(failed) = transaction.commit().await? else {
        return Ok(None);
    };
    let moved = failed.iter().any(|failed| failed.tag == Hindrance::Moved);
    Ok(Some(if moved {
        Hindrance::Moved
    } else {
        Hindrance::UsernameTaken
    }))
}

/// The apps that the user has a licence of.
async fn apps(ctx: &Context, tenant: &Tenant, user: &User) -> Result<Vec<AppView>, ApiError> {
    if user.licences.is_empty() {
        return Ok(Vec::new());
    }
    let products = ctx.store.products(&tenant.id).await?.into_iter();
    let app = |product: Product| {
        let licence = user.licences.get(&product.id)?;
        Some(AppView {
            name: product.name.to_string(),
            links: product.links.iter().map(AppLinkView::from).collect(),
            code: licence.code.shown(),
        })
    };
    Ok(products.filter_map(app).collect())
}

fn accepted(
    tenant: &Tenant,
    valid: &Valid,
    credentials: &Credentials,
    apps: Vec<AppView>,
) -> InvitationAccepted {
    InvitationAccepted {
        tenant: tenant.id.to_string(),
        tenant_name: tenant.name.to_string(),
        user: valid.user.id.to_string(),
        username: credentials.person.username.to_string(),
        email: valid.email.to_string(),
        apps,
    }
}

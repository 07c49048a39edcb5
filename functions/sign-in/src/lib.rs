//! Sessions: sign-in, refresh, sign-out, and the published keys.

use futures::{join, try_join};
use jiff::Timestamp;
use muster_shared::auth::Caller;
use muster_shared::auth::token::{self, ACCESS, Access, Audience};
use muster_shared::context::Context;
use muster_shared::domain::field::Fields;
use muster_shared::domain::id::{Seed, TenantId, UserId};
use muster_shared::domain::invitation::expired;
use muster_shared::domain::password::Password;
use muster_shared::domain::person::{Membership, Person};
use muster_shared::domain::session::{IDLE, RefreshToken, Replaced, Session, Standing};
use muster_shared::domain::user::{Status, User};
use muster_shared::error::{ApiError, Internal, Problem};
use muster_shared::http::guessing::Guess;
use muster_shared::http::{self, Request, Response, session_cookie};
use muster_shared::lambda::{self, Function, off_thread};
use muster_shared::metrics;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

/// What runs, and how it is triggered.
pub const FUNCTION: Function =
    Function::http("sign-in", |ctx, request| Box::pin(handle(ctx, request)));

#[derive(OpenApi)]
#[openapi(paths(sign_in, refresh, sign_out, tenants, switch, jwks))]
struct Api;

/// The OpenAPI description of its routes.
#[must_use]
pub fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Where the refresh token goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefreshIn {
    /// Into the answer's body.
    #[default]
    Body,
    /// Into a cookie that only the browser sees, for pages.
    Cookie,
}

/// Who signs in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// E-mail address or username.
    #[schema(example = "ada@example.com")]
    login: String,
    /// The password.
    #[schema(example = "correct horse battery staple")]
    password: String,
    /// Which company, for a person who is a member of several.
    #[schema(example = "tnt_0zk0m7v2q8x1c9dj")]
    tenant: Option<String>,
    /// Where the refresh token goes.
    #[serde(default)]
    refresh: RefreshIn,
}

/// Who goes on.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// The refresh token of the last answer; good for one use. Left out by a page: the browser sends its cookie.
    refresh_token: Option<String>,
}

/// A session, or the companies to choose from.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
enum SignedIn {
    /// The person is signed in.
    Session(SessionView),
    /// The person is a member of several companies: sign in again, naming one.
    Choose(Tenants),
}

/// A session.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    /// To be sent as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: String,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    expires_in: i64,
    /// Buys the next access token, once; left out where it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The company signed in to.
    #[schema(value_type = TenantId)]
    tenant: String,
    /// The user signed in.
    #[schema(value_type = UserId)]
    user: String,
}

/// Companies to choose from.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TenantChoices)]
struct Tenants {
    /// The companies.
    tenants: Vec<TenantView>,
}

/// Another company to go on in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Switch {
    /// Which company.
    #[schema(value_type = TenantId)]
    tenant: String,
    /// Where the refresh token goes.
    #[serde(default)]
    refresh: RefreshIn,
}

/// A company to choose.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = TenantChoice)]
struct TenantView {
    /// Its id.
    #[schema(value_type = TenantId)]
    id: String,
    /// Its name.
    #[schema(example = "Northwind Haulage")]
    name: String,
}

/// The published keys (RFC 7517).
#[derive(Serialize, Deserialize, ToSchema)]
struct Jwks {
    /// The keys.
    keys: Vec<Jwk>,
}

/// An Ed25519 key (RFC 8037).
#[derive(Serialize, Deserialize, ToSchema)]
struct Jwk {
    /// Always `OKP`.
    kty: String,
    /// Always `Ed25519`.
    crv: String,
    /// The key's id.
    kid: String,
    /// The public key, base64url.
    x: String,
    /// Always `EdDSA`.
    alg: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: String,
}

async fn handle(ctx: &Context, request: Request) -> Result<Response, ApiError> {
    match http::route(&request).as_str() {
        "POST /v1/sessions" => {
            let answer = sign_in(ctx, &request).await;
            answer.inspect_err(|error| {
                if matches!(error, ApiError::WrongCredentials | ApiError::TooMany { .. }) {
                    metrics::sign_in_refused();
                }
            })
        }
        "POST /v1/sessions/refresh" => refresh(ctx, &request).await,
        "GET /v1/sessions/tenants" => tenants(ctx, &request).await,
        "POST /v1/sessions/switch" => switch(ctx, &request).await,
        "DELETE /v1/sessions/current" => sign_out(ctx, &request).await,
        "GET /v1/jwks.json" => jwks(ctx).await,
        _ => Err(ApiError::NotFound),
    }
}

/// Sign in
///
/// By e-mail address or username. The answer is the same, in the same time, for a wrong password and for somebody unknown.
/// After some wrong passwords each further attempt has to wait longer, up to a quarter of an hour; a success forgives them.
#[utoipa::path(post, path = "/v1/sessions", operation_id = "signIn", tag = "Sessions", request_body = SignIn, security(()),
    responses((status = 200, description = "Signed in, or the companies to choose from", body = SignedIn, headers(("Set-Cookie" = Option<String>, description = "The refresh token, for a page that wants it in a cookie"))), (status = "4XX", description = "`wrong_credentials`, `too_many_requests`, `invalid_fields`, `malformed_request`", body = Problem, content_type = "application/problem+json")))]
async fn sign_in(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let SignIn {
        login,
        password,
        tenant,
        refresh,
    } = http::parse_json(request)?;
    let mut fields = Fields::new();
    let password = fields.take("password", Password::presented(password));
    let tenant = fields.optional("tenant", tenant.as_deref(), TenantId::parse);
    let password = fields.finish(password).map_err(ApiError::Invalid)?;
    let source = http::source(ctx, request);
    let guess = Box::pin(Guess::begin(ctx, &login, &source));
    let (guess, person) = try_join!(guess, find_person(ctx, &login))?;
    let hash = person.as_ref().map(|person| person.password.clone());
    let right = off_thread(move || password.matches(hash.as_ref())).await?;
    let person = person.filter(|_| right).ok_or(ApiError::WrongCredentials)?;
    let mut open = open_memberships(ctx, &person, tenant.as_ref()).await?;
    if open.is_empty() || !has_still(ctx, &person).await? {
        return Err(ApiError::WrongCredentials);
    }
    if open.len() == 1 {
        let (membership, user) = open.remove(0);
        let begun = begin(ctx, &membership.tenant, &user, None);
        let ((), begun) = join!(guess.right(ctx, &person), begun);
        let begun = begun?;
        metrics::signed_in();
        return begun.answer(refresh);
    }
    guess.right(ctx, &person).await;
    http::ok(&SignedIn::Choose(choices(ctx, open).await?))
}

/// The companies of these memberships, by their present names.
async fn choices(ctx: &Context, open: Vec<(Membership, User)>) -> Result<Tenants, ApiError> {
    let mut tenants = Vec::with_capacity(open.len());
    for (membership, _) in open {
        let tenant = ctx.store.tenant(&membership.tenant).await?;
        tenants.extend(tenant.map(|tenant| TenantView {
            id: tenant.id.to_string(),
            name: tenant.name.to_string(),
        }));
    }
    Ok(Tenants { tenants })
}

/// Looks a person up with as many reads whether or not there is one.
async fn find_person(ctx: &Context, login: &str) -> Result<Option<Person>, ApiError> {
    let address = ctx.store.address_of_login(login).await?;
    let address = address.unwrap_or_else(|| "nobody".to_owned());
    Ok(ctx.store.person(&address).await?)
}

/// Whether the person still has the password that was given. Asked once the users were read: a new password ends their sessions
/// in its own transaction, and so one that is begun for a user read before.
async fn has_still(ctx: &Context, person: &Person) -> Result<bool, ApiError> {
    let present = ctx.store.person(&person.email.folded()).await?;
    Ok(present.is_some_and(|present| present.password == person.password))
}

/// The memberships in which the person may act now: of users who have joined, and still have the person's address.
async fn open_memberships(
    ctx: &Context,
    person: &Person,
    only: Option<&TenantId>,
) -> Result<Vec<(Membership, User)>, ApiError> {
    let (email, now) = (person.email.folded(), ctx.clock.now());
    let joined = |user: &User| {
        // A vehicle can be active by its licence alone.
        user.activated_at.is_some()
            && user.status(now) == Status::Active
            && Membership::leads_to(user, &email)
    };
    let mut open = Vec::new();
    for membership in ctx.store.memberships(&email).await? {
        if only.is_some_and(|only| *only != membership.tenant) {
            continue;
        }
        let user = ctx.store.user(&membership.tenant, &membership.user).await?;
        if let Some(user) = user.filter(joined) {
            open.push((membership, user));
        }
    }
    Ok(open)
}

/// A session with the token by which it goes on.
struct Begun {
    view: SessionView,
    token: RefreshToken,
}

impl Begun {
    fn answer(self, refresh: RefreshIn) -> Result<Response, ApiError> {
        let Self { mut view, token } = self;
        match refresh {
            RefreshIn::Body => {
                view.refresh_token = Some(token.reveal());
                http::ok(&view)
            }
            RefreshIn::Cookie => Ok(session_cookie::with_token(http::ok(&view)?, &token)),
        }
    }
}

/// Begins a session, in place of another if one is given.
async fn begin(
    ctx: &Context,
    tenant: &TenantId,
    user: &User,
    instead_of: Option<&str>,
) -> Result<Begun, ApiError> {
    lambda::concerns(tenant, Some(&user.id));
    let now = ctx.clock.now();
    let token = RefreshToken::first(&Seed::random()?);
    let session = Session {
        token: token.token_hash(),
        replaced: None,
        tenant: tenant.clone(),
        user: user.id.clone(),
        begun_under: user.sessions,
        created_at: now,
        expires_at: idle_end(now),
    };
    let stored = async {
        let begun = ctx
            .store
            .begin_session(&token, &session, instead_of)
            .await?;
        begun.then_some(()).ok_or(OVER)
    };
    let noted = async {
        if let Err(fault) = ctx.store.note_login(tenant, &user.id, now).await {
            // The session stands; only the list shows an older time.
            tracing::warn!(%fault, "the sign-in could not be noted");
        }
        Ok(())
    };
    let view = view(ctx, tenant, user, &token);
    let ((), (), view) = try_join!(Box::pin(stored), Box::pin(noted), Box::pin(view))?;
    Ok(Begun { view, token })
}

fn idle_end(now: Timestamp) -> Timestamp {
    now.saturating_add(IDLE).unwrap_or(Timestamp::MAX)
}

/// The session as its client gets it: with a new access token, and without the one by which it goes on.
async fn view(
    ctx: &Context,
    tenant: &TenantId,
    user: &User,
    token: &RefreshToken,
) -> Result<SessionView, ApiError> {
    let access = Access {
        sub: user.id.clone(),
        tid: tenant.clone(),
        class: user.rights.class,
        roles: user.rights.roles.clone(),
        modules: user.rights.modules.clone(),
        account: user.rights.account().cloned(),
        scope: ctx.store.sight(tenant, &user.rights).await?,
        sessions: user.sessions,
        sid: token.family_hash().as_str().to_owned(),
    };
    let expires_at = ctx
        .clock
        .now()
        .saturating_add(ACCESS)
        .unwrap_or(Timestamp::MAX);
    Ok(SessionView {
        access_token: token::sign(ctx, Audience::Api, &access, expires_at)?,
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS.as_secs(),
        refresh_token: None,
        tenant: tenant.to_string(),
        user: user.id.to_string(),
    })
}

/// Refresh
///
/// Buys the next access token. Each refresh token is good for one use; using one twice ends the session. A browser may
/// present the token of its cookie again within 10 seconds, because it cannot tell whether an answer was lost; it gets the
/// same next one.
#[utoipa::path(post, path = "/v1/sessions/refresh", operation_id = "refreshSession", tag = "Sessions", request_body = Refresh, security(()),
    responses((status = 200, description = "The session goes on", body = SessionView, headers(("Set-Cookie" = Option<String>, description = "The refresh token, for a page that wants it in a cookie"))), (status = "4XX", description = "`unauthenticated`, `malformed_request`", body = Problem, content_type = "application/problem+json")))]
async fn refresh(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let Refresh { refresh_token } = http::parse_json(request)?;
    let (text, refresh) = match &refresh_token {
        Some(text) => (Some(text.as_str()), RefreshIn::Body),
        None => (session_cookie::presented(request), RefreshIn::Cookie),
    };
    let token = text.and_then(RefreshToken::parse).ok_or(OVER)?;
    let now = ctx.clock.now();
    let (session, user) = standing_session(ctx, &token, now).await?;
    let next = match session.standing(&token, now) {
        Standing::Current => rotated(ctx, &token, refresh, now).await?,
        Standing::JustReplaced(replaced) if refresh == RefreshIn::Cookie => {
            token.successor(replaced)
        }
        Standing::JustReplaced(_) | Standing::Spent => {
            ctx.store.end_session(token.family_hash().as_str()).await?;
            return Err(OVER);
        }
    };
    let view = view(ctx, &session.tenant, &user, &next).await?;
    Begun { view, token: next }.answer(refresh)
}

const OVER: ApiError = ApiError::Unauthenticated("The session is over; sign in again.");

/// The session that a token belongs to, and its user, as long as they may go on.
async fn standing_session(
    ctx: &Context,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<(Session, User), ApiError> {
    let session = ctx.store.session(token).await?;
    let session = session
        .filter(|session| !expired(session.expires_at, now))
        .ok_or(OVER)?;
    lambda::concerns(&session.tenant, Some(&session.user));
    let user = ctx.store.user(&session.tenant, &session.user).await?;
    let acts =
        |user: &User| user.status(now) == Status::Active && user.sessions == session.begun_under;
    let Some(user) = user.filter(acts) else {
        ctx.store.end_session(token.family_hash().as_str()).await?;
        return Err(OVER);
    };
    Ok((session, user))
}

/// Replaces a token by its successor. Where a browser has done so twice at once, both get the same one.
async fn rotated(
    ctx: &Context,
    token: &RefreshToken,
    refresh: RefreshIn,
    now: Timestamp,
) -> Result<RefreshToken, ApiError> {
    let replaced = Replaced::new(token, &Seed::random()?, now);
    if ctx
        .store
        .rotate_session(token, &replaced, idle_end(now))
        .await?
    {
        return Ok(token.successor(&replaced));
    }
    let session = ctx.store.session(token).await?.ok_or(OVER)?;
    match session.standing(token, now) {
        // Ours, where the client tried again because it heard nothing of its first attempt.
        Standing::JustReplaced(found) if refresh == RefreshIn::Cookie || *found == replaced => {
            Ok(token.successor(found))
        }
        // Somebody else presented it at the same moment.
        _ => {
            ctx.store.end_session(token.family_hash().as_str()).await?;
            Err(OVER)
        }
    }
}

/// List the companies
///
/// Those that the person who is signed in can act in, the present one among them.
#[utoipa::path(get, path = "/v1/sessions/tenants", operation_id = "listTenants", tag = "Sessions",
    responses((status = 200, description = "The companies", body = Tenants), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn tenants(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let person = person_of(ctx, &caller).await?;
    let open = open_memberships(ctx, &person, None).await?;
    http::ok(&choices(ctx, open).await?)
}

/// Go on in another company
///
/// Without the password: the person is signed in. The session in the present company ends, and one that has ended cannot be
/// gone on with.
#[utoipa::path(post, path = "/v1/sessions/switch", operation_id = "switchTenant", tag = "Sessions", request_body = Switch,
    responses((status = 200, description = "The session in the other company", body = SessionView, headers(("Set-Cookie" = Option<String>, description = "The refresh token, for a page that wants it in a cookie"))), (status = "4XX", description = "`not_found`, `invalid_fields`, `malformed_request`, `unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn switch(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    let Switch { tenant, refresh } = http::parse_json(request)?;
    let tenant = TenantId::parse(&tenant).map_err(|fault| ApiError::field("tenant", &fault))?;
    let person = person_of(ctx, &caller).await?;
    let open = open_memberships(ctx, &person, Some(&tenant)).await?;
    let (_, user) = open.first().ok_or(ApiError::NotFound)?;
    // Once more, now that the user was read: a new password meanwhile ends what was begun before it.
    let caller = Caller::from_request(ctx, request).await?;
    let begun = begin(ctx, &tenant, user, Some(&caller.session)).await?;
    begun.answer(refresh)
}

/// The person behind the caller.
async fn person_of(ctx: &Context, caller: &Caller) -> Result<Person, ApiError> {
    const GONE: ApiError = ApiError::Unauthenticated("The user may not act any more.");
    let user = ctx.store.user(&caller.tenant, &caller.user).await?;
    let email = user.and_then(|user| user.email).ok_or(GONE)?;
    ctx.store.person(&email.folded()).await?.ok_or(GONE)
}

/// Sign out
///
/// Ends the session of the access token: its refresh token works no more.
#[utoipa::path(delete, path = "/v1/sessions/current", operation_id = "signOut", tag = "Sessions",
    responses((status = 204, description = "Signed out", headers(("Set-Cookie" = Option<String>, description = "Ends the cookie"))), (status = "4XX", description = "`unauthenticated`", body = Problem, content_type = "application/problem+json")))]
async fn sign_out(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let caller = Caller::from_request(ctx, request).await?;
    ctx.store.end_session(&caller.session).await?;
    Ok(match session_cookie::presented(request) {
        Some(_) => session_cookie::without_token(http::no_content()),
        None => http::no_content(),
    })
}

/// Published keys
///
/// The keys that access tokens are verified with.
#[utoipa::path(get, path = "/v1/jwks.json", operation_id = "listKeys", tag = "Sessions", security(()),
    responses((status = 200, description = "The keys", body = Jwks)))]
async fn jwks(ctx: &Context) -> Result<Response, ApiError> {
    let published = ctx.store.signing_keys().await.map_err(Internal::from)?;
    let keys = published.into_iter().map(|key| Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: key.kid,
        x: key.x,
        alg: "EdDSA".to_owned(),
        usage: "sig".to_owned(),
    });
    http::cached(
        &Jwks {
            keys: keys.collect(),
        },
        300,
    )
}

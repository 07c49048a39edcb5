//! A new password asked for by whoever has forgotten theirs. Who that is, and whether there is such a person, is looked
//! up by the worker: here the same is read and written for everybody (rule 9).

use jiff::SignedDuration;
use muster_shared::context::Context;
use muster_shared::domain::field::Fault;
use muster_shared::domain::id::MailId;
use muster_shared::domain::letter::ResetAsked;
use muster_shared::domain::throttle::{Allowance, Login, Subject};
use muster_shared::error::{ApiError, Problem};
use muster_shared::http::{self, Request, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How often a new password can be asked for by one login.
const BY_A_LOGIN: Allowance = Allowance {
    most: 5,
    window: SignedDuration::from_hours(1),
};

/// How often new passwords can be asked for from one address: an office, or a mobile network, has one.
const FROM_A_SOURCE: Allowance = Allowance {
    most: 30,
    window: SignedDuration::from_hours(1),
};

/// The longest text that can be somebody's login, in bytes.
const LONGEST: usize = 300;

/// Who has forgotten the password.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskForReset {
    /// E-mail address or username.
    #[schema(example = "ada@example.com")]
    login: String,
}

/// What is answered whoever asks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetAskedFor {
    /// In words.
    #[schema(example = "If somebody signs in by this name, a mail is on its way.")]
    message: String,
}

/// Ask for a new password
///
/// By e-mail address or username. A person gets a mail with a link to choose a new password, good for an hour and one
/// use; somebody who was invited and has not come gets the activation mail again instead. The answer is the same, in the
/// same time, whether or not there is anybody.
#[utoipa::path(post, path = "/v1/password-resets", operation_id = "askForPasswordReset", tag = "Passwords", request_body = AskForReset, security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 202, description = "If there is such a person, a mail is on its way", body = ResetAskedFor), (status = "4XX", description = "`invalid_fields`, `malformed_request`, `too_many_requests`", body = Problem, content_type = "application/problem+json")))]
pub async fn ask(ctx: &Context, request: &Request) -> Result<Response, ApiError> {
    let AskForReset { login } = http::parse_json(request)?;
    let login = login.trim().to_owned();
    if login.is_empty() || login.len() > LONGEST {
        let fault = Fault::new("out_of_range", format!("must have 1 to {LONGEST} bytes"));
        return Err(ApiError::field("login", &fault));
    }
    let scope = format!("password-reset#{}", Login::typed(&login).subject().as_str());
    let fingerprint = http::fingerprint(request);
    http::once(ctx, &scope, request, &fingerprint, async |once| {
        let now = ctx.clock.now();
        let source = http::source(ctx, request).subject("password-reset");
        ctx.store.take(&source, FROM_A_SOURCE, now).await??;
        let subject = Subject::of("password-reset", &[Login::typed(&login).subject().as_str()]);
        ctx.store.take(&subject, BY_A_LOGIN, now).await??;
        let asked = ResetAsked {
            id: MailId::derive(&once.seed),
            login,
            at: now,
        };
        ctx.store.ask_for_reset(&asked).await?;
        http::accepted(&ResetAskedFor {
            message: "If somebody signs in by this name, a mail is on its way.".to_owned(),
        })
    })
    .await
}

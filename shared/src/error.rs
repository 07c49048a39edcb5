//! Everything that an API call can be answered with instead of what was asked for, as a problem (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::context::StartError;
use crate::domain::field::{Fault, FieldError};
use crate::domain::invitation::LinkState;
use crate::domain::password::HashError;
use crate::domain::refusal::Refusal;
use crate::domain::throttle::Wait;
use crate::files::{FilesError, PlanError, SheetError};
use crate::store::StoreError;
use crate::store::named::NotSaved;

/// Why a call is not answered with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body cannot be read as what it should be.
    #[error("{0}")]
    Malformed(String),
    /// The body is larger than any sensible request.
    #[error("the body is too large")]
    TooLarge,
    /// Fields are faulty; all of them are told.
    #[error("{} faulty fields", .0.len())]
    Invalid(Vec<FieldError>),
    /// There is no valid access token.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Name and password do not belong together.
    #[error("sign-in failed")]
    WrongCredentials,
    /// The caller may not do this.
    #[error("forbidden")]
    Forbidden,
    /// There is no such thing in the caller's tenant.
    #[error("not found")]
    NotFound,
    /// The rules of the field say no.
    #[error("{}", .0.message())]
    Refused(Refusal),
    /// The rules of the field say no, about these fields.
    #[error("{} fields refused", .0.len())]
    RefusedFields(Vec<(&'static str, Refusal)>),
    /// The thing is not in a state in which this can be done.
    #[error("{message}")]
    WrongState {
        /// The code.
        code: &'static str,
        /// The sentence.
        message: &'static str,
    },
    /// An edit names no version that it was made from (RFC 6585, section 3).
    #[error("no version is named")]
    PreconditionRequired,
    /// The thing has changed since the version that the edit was made from (RFC 9110, section 13.1.1).
    #[error("the version is not the present one")]
    PreconditionFailed,
    /// The same, and the present version is told.
    #[error("the version is not {0}, the present one")]
    Outdated(u64),
    /// The link cannot be used, and why.
    #[error("the link cannot be used")]
    Link(LinkState),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The request with this idempotency key is still being carried out.
    #[error("in progress")]
    InProgress,
    /// It was tried, or asked for, too often.
    #[error("too many requests")]
    TooMany {
        /// When to come again.
        retry_after: Wait,
    },
    /// Something is broken on our side.
    #[error(transparent)]
    Internal(#[from] Internal),
}

/// What can be broken on our side. Logged once, at the edge; nothing of it goes outside.
#[derive(Debug, thiserror::Error)]
pub enum Internal {
    /// The table.
    #[error("table: {0}")]
    Store(#[from] StoreError),
    /// The bucket.
    #[error("bucket: {0}")]
    Files(#[from] FilesError),
    /// Writing an export.
    #[error("export: {0}")]
    Sheet(#[from] SheetError),
    /// A stored plan.
    #[error("plan: {0}")]
    Plan(#[from] PlanError),
    /// A temporary file.
    #[error("disk: {0}")]
    Disk(#[from] std::io::Error),
    /// The signing secret.
    #[error(transparent)]
    Secret(#[from] StartError),
    /// Hashing a password.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The operating system's randomness.
    #[error("randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// Signing a token.
    #[error("token: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// A response or an event that cannot be written or read as JSON. Without the error's own text, which can hold a value.
    #[error("json: {:?} error at line {}, column {}", .0.classify(), .0.line(), .0.column())]
    Json(#[from] serde_json::Error),
    /// Something that the code rules out.
    #[error("{0}")]
    Broken(&'static str),
}

/// Lets `?` turn any internal fault into an answer.
macro_rules! internal {
    ($($source:ty),*) => {$(
        impl From<$source> for ApiError {
            fn from(error: $source) -> Self {
                Self::Internal(error.into())
            }
        }
    )*};
}

/// What others held throughout is no fault of ours: it can be tried again.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Contended => Self::Refused(Refusal::Busy),
            error => Self::Internal(error.into()),
        }
    }
}

internal!(
    FilesError,
    HashError,
    StartError,
    getrandom::Error,
    jsonwebtoken::errors::Error,
    serde_json::Error
);

/// The field of a new user that a refusal is about.
fn refused_field(refusal: Refusal) -> (&'static str, Refusal) {
    let field = match refusal {
        Refusal::EmailTaken | Refusal::NoEmail => "email",
        Refusal::NameTaken => "name",
        Refusal::ExternalIdTaken => "external_id",
        Refusal::UsernameTaken => "username",
        Refusal::NoSeatsLeft(_) | Refusal::ProductNotFound(_) => "products",
        Refusal::BeyondYourRights | Refusal::LastOwner => "class",
        Refusal::AccountNotFound => "account",
        Refusal::AccountNameTaken => "account.name",
        _ => "user",
    };
    (field, refusal)
}

fn refused_error((field, refusal): &(&str, Refusal)) -> FieldError {
    FieldError {
        field: (*field).to_owned(),
        code: refusal.code().to_owned(),
        message: refusal.message().to_owned(),
    }
}

/// Everything that speaks against a new user, by field.
impl From<Vec<Refusal>> for ApiError {
    fn from(refusals: Vec<Refusal>) -> Self {
        Self::RefusedFields(refusals.into_iter().map(refused_field).collect())
    }
}

impl From<Wait> for ApiError {
    fn from(retry_after: Wait) -> Self {
        Self::TooMany { retry_after }
    }
}

impl From<NotSaved> for ApiError {
    fn from(reason: NotSaved) -> Self {
        match reason {
            NotSaved::NameTaken => vec![Refusal::NameTaken].into(),
            NotSaved::Full => Self::Refused(Refusal::TooManyRoles),
            NotSaved::Changed => Self::PreconditionFailed,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ApiError {
    /// One faulty field.
    #[must_use]
    pub fn field(field: &str, fault: &Fault) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.to_owned(),
            code: fault.code.to_owned(),
            message: fault.message.clone(),
        }])
    }

    /// The status, code, title and detail it is answered with.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, code, detail): (u16, &str, String) = match self {
            Self::Malformed(detail) => (400, "malformed_request", detail.clone()),
            Self::TooLarge => (
                413,
                "too_large",
                "The body may have at most 1 MB.".to_owned(),
            ),
            Self::Invalid(_) => (
                422,
                "invalid_fields",
                "Some fields are not acceptable; see `errors`.".to_owned(),
            ),
            Self::Unauthenticated(detail) => (401, "unauthenticated", (*detail).to_owned()),
            Self::WrongCredentials => (
                401,
                "wrong_credentials",
                "The name or the password is wrong.".to_owned(),
            ),
            Self::Forbidden => (
                403,
                "forbidden",
                "You do not have the permission for this.".to_owned(),
            ),
            Self::NotFound => (404, "not_found", "There is no such thing here.".to_owned()),
            Self::Refused(refusal) => (
                refused_status(refusal),
                refusal.code(),
                refusal.message().to_owned(),
            ),
            Self::RefusedFields(refusals) => match refusals.first() {
                Some((_, refusal)) => (
                    refused_status(refusal),
                    refusal.code(),
                    refusal.message().to_owned(),
                ),
                None => (
                    409,
                    Refusal::Busy.code(),
                    Refusal::Busy.message().to_owned(),
                ),
            },
            Self::WrongState { code, message } => (409, code, (*message).to_owned()),
            Self::PreconditionRequired => (
                428,
                "precondition_required",
                "Name the version that you changed in `If-Match`, as the `ETag` shows it."
                    .to_owned(),
            ),
            Self::PreconditionFailed | Self::Outdated(_) => (
                412,
                "precondition_failed",
                "It has changed meanwhile; look at it again and repeat the change.".to_owned(),
            ),
            Self::Link(state) => {
                let (code, detail) = link_problem(*state);
                (410, code, detail.to_owned())
            }
            Self::KeyReused => (
                422,
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request.".to_owned(),
            ),
            Self::InProgress => (
                409,
                "request_in_progress",
                "The first request with this Idempotency-Key is still running.".to_owned(),
            ),
            Self::TooMany { .. } => (
                429,
                "too_many_requests",
                "That was too often. Try again after as many seconds as Retry-After says."
                    .to_owned(),
            ),
            Self::Internal(_) => (
                500,
                "internal",
                "Something is broken on our side; nothing you sent is at fault.".to_owned(),
            ),
        };
        let errors = match self {
            Self::Invalid(errors) => errors.clone(),
            Self::RefusedFields(refusals) => refusals.iter().map(refused_error).collect(),
            _ => Vec::new(),
        };
        Problem {
            title: title(status).to_owned(),
            status,
            code: code.to_owned(),
            detail,
            errors,
            version: match self {
                Self::Outdated(version) => Some(*version),
                _ => None,
            },
        }
    }

    /// Every code of a problem with its status and meaning, for the documentation.
    #[must_use]
    pub fn codes() -> Vec<(&'static str, u16, &'static str)> {
        let mut codes = vec![
            (
                "malformed_request",
                400,
                "The body or a parameter cannot be read.",
            ),
            ("unauthenticated", 401, "There is no valid access token."),
            (
                "wrong_credentials",
                401,
                "The name or the password is wrong.",
            ),
            ("forbidden", 403, "The caller does not have the permission."),
            (
                "not_found",
                404,
                "There is no such thing in the caller's tenant.",
            ),
            (
                "method_not_allowed",
                405,
                "The path exists, but not with this method.",
            ),
            (
                "request_in_progress",
                409,
                "The first request with this Idempotency-Key is still running.",
            ),
            (
                "import_not_ready",
                409,
                "The import cannot be committed in its state.",
            ),
            (
                "import_not_cancellable",
                409,
                "The import cannot be cancelled any more.",
            ),
            (
                "built_in_role",
                409,
                "A built-in role cannot be changed or deleted.",
            ),
            (
                "code_used",
                409,
                "Another device has activated this licence.",
            ),
            ("link_expired", 410, "The link's time is over."),
            ("link_used", 410, "The link has been used."),
            (
                "link_replaced",
                410,
                "A newer link was sent; only the newest works.",
            ),
            ("link_revoked", 410, "The invitation was withdrawn."),
            (
                "precondition_failed",
                412,
                "It has changed since the version named in `If-Match`.",
            ),
            ("too_large", 413, "The body is too large."),
            (
                "invalid_fields",
                422,
                "Fields are faulty; `errors` names every one.",
            ),
            (
                "idempotency_key_reused",
                422,
                "The Idempotency-Key was used for another request.",
            ),
            (
                "precondition_required",
                428,
                "An edit must name the version that it changes in `If-Match`; `*` names none.",
            ),
            (
                "too_many_requests",
                429,
                "It was tried, or asked for, too often; `Retry-After` says when to come again.",
            ),
            (
                "internal",
                500,
                "Something is broken on the service's side.",
            ),
        ];
        let refusals = Refusal::all().into_iter();
        codes.extend(
            refusals.map(|refusal| (refusal.code(), refused_status(&refusal), refusal.message())),
        );
        codes
    }
}

fn refused_status(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::UserNotFound | Refusal::ProductNotFound(_) | Refusal::AccountNotFound => 404,
        Refusal::BeyondYourRights
        | Refusal::NotYourself
        | Refusal::OwnerProtected
        | Refusal::OwnersOneByOne
        | Refusal::OwnEmailBySupport => 403,
        Refusal::TooManyInvitations | Refusal::NoInvitationsLeft => 429,
        Refusal::UserDeleted
        | Refusal::UserSuspended
        | Refusal::EmailTaken
        | Refusal::ExternalIdTaken
        | Refusal::UsernameTaken
        | Refusal::NoSeatsLeft(_)
        | Refusal::NoEmail
        | Refusal::AlreadyActive
        | Refusal::NotInvited
        | Refusal::EmailNeedsConfirmation
        | Refusal::LastOwner
        | Refusal::NotSuspended
        | Refusal::NotDeleted
        | Refusal::NameTaken
        | Refusal::TooManyGroups
        | Refusal::TooManyRoles
        | Refusal::AccountNotEmpty
        | Refusal::AccountNameTaken
        | Refusal::Busy
        | Refusal::EmailImmutable
        | Refusal::NotActive
        | Refusal::PersonShared
        | Refusal::TooLateToRestore => 409,
    }
}

fn link_problem(state: LinkState) -> (&'static str, &'static str) {
    match state {
        LinkState::Expired => (
            "link_expired",
            "The link's time is over. Ask for a new one.",
        ),
        LinkState::Used => (
            "link_used",
            "The link has been used. Sign in with the name and password that you have.",
        ),
        LinkState::Replaced => (
            "link_replaced",
            "A newer link was sent to you; only the newest works.",
        ),
        LinkState::Valid | LinkState::Revoked => (
            "link_revoked",
            "What the link was for was withdrawn. Ask your administrator.",
        ),
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Not signed in",
        403 => "Not permitted",
        404 => "Not found",
        409 => "Conflict",
        410 => "Gone",
        412 => "Changed meanwhile",
        413 => "Too large",
        422 => "Not acceptable input",
        428 => "No version named",
        429 => "Too many requests",
        _ => "Internal error",
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of thing went wrong, for people.
    #[schema(example = "Not acceptable input")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What went wrong, for programs; never changes.
    #[schema(example = "invalid_fields")]
    pub code: String,
    /// What went wrong, for people.
    #[schema(example = "Some fields are not acceptable; see `errors`.")]
    pub detail: String,
    /// Every faulty field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The present version, where an edit was made from another one; the `ETag` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_over_what_cannot_be_read_holds_nothing_of_it() {
        let read: Result<u8, _> = serde_json::from_str("\"ada@drivers.example\"");
        let fault = Internal::from(read.unwrap_err()).to_string();
        assert_eq!(fault, "json: Data error at line 1, column 21");
    }
}

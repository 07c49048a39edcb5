//! Secrets Manager as the functions see it: one secret, generated once for a data folder.

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::data_dir::{DataDir, write_whole};
use crate::iam::{self, Access, Context, Roles};

/// The secrets of the template.
#[derive(Debug)]
pub struct Secrets {
    arns: Vec<String>,
    /// The file `secret`.
    value: String,
}

#[derive(Debug)]
struct Service {
    secrets: Secrets,
    roles: Arc<Roles>,
}

impl Secrets {
    /// The value of earlier, or a new one.
    ///
    /// # Errors
    /// When it cannot be read, made or kept.
    pub fn open(data: &DataDir, arns: Vec<String>) -> io::Result<Self> {
        let path = data.join("secret");
        let value = match std::fs::read_to_string(&path) {
            Ok(value) => value,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let value = random_text()?;
                write_whole(&path, value.as_bytes())?;
                value
            }
            Err(error) => return Err(error),
        };
        Ok(Self { arns, value })
    }
}

/// 32 random bytes as text.
///
/// # Errors
/// When the operating system has no randomness.
pub fn random_text() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// The route of Secrets Manager's `GetSecretValue`.
pub fn routes(secrets: Secrets, roles: Arc<Roles>) -> Router {
    Router::new()
        .route("/", post(get_secret_value))
        .with_state(Arc::new(Service { secrets, roles }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
}

async fn get_secret_value(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if iam::header(&headers, "x-amz-target") != "secretsmanager.GetSecretValue" {
        return refused(
            "InvalidRequestException",
            "the local stack serves GetSecretValue only",
        );
    }
    let request = match serde_json::from_slice::<GetSecretValue>(&body) {
        Ok(request) => request,
        Err(error) => return refused("InvalidRequestException", &error.to_string()),
    };
    let access = Access {
        action: "secretsmanager:GetSecretValue".into(),
        resource: request.secret_id.clone(),
        context: Context::None,
    };
    let access_key = iam::access_key(&headers).unwrap_or_default();
    if let Err(denied) = service.roles.authorize(access_key, &[access]) {
        return refused("AccessDeniedException", &denied.to_string());
    }
    let secrets = &service.secrets;
    if !secrets.arns.contains(&request.secret_id) {
        return refused("ResourceNotFoundException", "there is no such secret");
    }
    Json(json!({
        "ARN": request.secret_id,
        "Name": request.secret_id,
        "SecretString": secrets.value,
        "VersionId": "local",
        "VersionStages": ["AWSCURRENT"],
    }))
    .into_response()
}

fn refused(kind: &str, message: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({ "__type": kind, "Message": message })),
    )
        .into_response()
}

//! SES as the functions see it: mails go into the inbox.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use muster_shared::clock::Clock;
use serde::Deserialize;
use serde_json::json;

use crate::cloudformation::{ACCOUNT, REGION};
use crate::iam::{self, Access, Context, Roles};
use crate::inbox::{Inbox, Mail};

/// The route of SES v2's `SendEmail`.
pub fn routes(inbox: Arc<Inbox>, clock: Clock, roles: Arc<Roles>) -> Router {
    Router::new()
        .route("/v2/email/outbound-emails", post(send_email))
        .with_state((inbox, clock, roles))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
    #[serde(default)]
    email_tags: Vec<Tag>,
    configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    #[serde(default)]
    to_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Simple,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

async fn send_email(
    State((inbox, clock, roles)): State<(Arc<Inbox>, Clock, Arc<Roles>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request: SendEmail = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "BadRequestException",
                &error.to_string(),
            );
        }
    };
    let access_key = iam::access_key(&headers).unwrap_or_default();
    if let Err(denied) = roles.authorize(access_key, &request.accesses()) {
        return refused(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            &denied.to_string(),
        );
    }
    if let Some(problem) = request.problem() {
        return refused(StatusCode::BAD_REQUEST, "MessageRejected", problem);
    }
    let message_id = uuid::Uuid::new_v4().to_string();
    let text = |text: Option<Text>| text.map(|text| text.data).unwrap_or_default();
    let Simple { subject, body } = request.content.simple;
    let mail = Mail {
        message_id: message_id.clone(),
        sent_at: clock.now(),
        from: request.from_email_address,
        to: request.destination.to_addresses,
        subject: subject.data,
        text: text(body.text),
        html: text(body.html),
        tags: request
            .email_tags
            .into_iter()
            .map(|tag| (tag.name, tag.value))
            .collect(),
        configuration_set: request.configuration_set_name,
    };
    match inbox.add(mail) {
        Ok(()) => Json(json!({ "MessageId": message_id })).into_response(),
        Err(error) => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            &error.to_string(),
        ),
    }
}

impl SendEmail {
    /// What it does, as IAM sees it: it uses the identity, that of the address's domain, and the configuration set.
    fn accesses(&self) -> Vec<Access> {
        let domain = self.from_email_address.rsplit('@').next();
        let identity = format!("identity/{}", domain.unwrap_or_default());
        let set = self.configuration_set_name.iter();
        let set = set.map(|name| format!("configuration-set/{name}"));
        let access = |resource| Access {
            action: "ses:SendEmail".into(),
            resource: format!("arn:aws:ses:{REGION}:{ACCOUNT}:{resource}"),
            context: Context::FromAddress(self.from_email_address.clone()),
        };
        [identity].into_iter().chain(set).map(access).collect()
    }

    /// What SES would refuse the mail for.
    fn problem(&self) -> Option<&'static str> {
        let tag_text = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@'))
        };
        if !(1..=50).contains(&self.destination.to_addresses.len()) {
            Some("a mail has 1 to 50 recipients")
        } else if self
            .destination
            .to_addresses
            .iter()
            .any(|address| !address.contains('@'))
        {
            Some("a recipient is no address")
        } else if self.content.simple.subject.data.contains(['\r', '\n']) {
            Some("the subject has a line break")
        } else if !self
            .email_tags
            .iter()
            .all(|tag| tag_text(&tag.name) && tag_text(&tag.value))
        {
            Some("a tag has a character that SES refuses")
        } else {
            None
        }
    }
}

fn refused(status: StatusCode, kind: &'static str, message: &str) -> Response {
    (
        status,
        [("x-amzn-errortype", kind)],
        Json(json!({ "message": message })),
    )
        .into_response()
}

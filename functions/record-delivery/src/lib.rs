//! Notes what became of mails: delivered, bounced, complained.

use muster_shared::context::Context;
use muster_shared::domain::id::MailId;
use muster_shared::domain::invitation::MailState;
use muster_shared::error::Internal;
use muster_shared::lambda::{self, Function};
use serde::Deserialize;
use std::collections::HashMap;

/// What runs, and how it is triggered.
pub const FUNCTION: Function = Function::queue("record-delivery", |ctx, message| {
    Box::pin(handle(ctx, message))
});

/// An event of SES as the event bus delivers it. Fields that nothing is done with are left out.
#[derive(Debug, Deserialize)]
struct Event {
    detail: Detail,
}

/// Amazon SES developer guide, "Contents of event data that Amazon SES publishes".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: MailHeader,
    bounce: Option<Bounce>,
    reject: Option<Reject>,
}

#[derive(Debug, Deserialize)]
struct MailHeader {
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounce_sub_type: String,
}

#[derive(Debug, Deserialize)]
struct Reject {
    reason: String,
}

impl Detail {
    /// The state that the event tells of, and why; none if it tells of nothing that is shown.
    fn news(&self) -> Option<(MailState, Option<String>)> {
        match self.event_type.as_str() {
            "Delivery" => Some((MailState::Delivered, None)),
            "Bounce" => Some((
                MailState::Bounced,
                self.bounce
                    .as_ref()
                    .map(|bounce| format!("{} {}", bounce.bounce_type, bounce.bounce_sub_type)),
            )),
            "Complaint" => Some((MailState::Complained, None)),
            "Reject" => Some((
                MailState::Failed,
                self.reject.as_ref().map(|reject| reject.reason.clone()),
            )),
            _ => None,
        }
    }
}

async fn handle(ctx: &Context, message: String) -> Result<(), Internal> {
    let Event { detail } = serde_json::from_str(&message)?;
    let Some((state, reason)) = detail.news() else {
        return Ok(());
    };
    // Mails of other senders of the account carry no such tag.
    let tag = detail
        .mail
        .tags
        .get("mail")
        .and_then(|values| values.first());
    let Some(id) = tag.and_then(|id| MailId::parse(id).ok()) else {
        return Ok(());
    };
    let Some(mail) = ctx.store.mail(&id).await? else {
        return Ok(());
    };
    lambda::concerns(&mail.tenant, Some(&mail.user));
    let noted = ctx.store.mail_news(&mail, state, reason.as_deref());
    Ok(lambda::traced(mail.trace.clone(), noted).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(json: &str) -> Option<(MailState, Option<String>)> {
        serde_json::from_str::<Event>(json).unwrap().detail.news()
    }

    #[test]
    fn events_are_read_as_the_mail_service_writes_them() {
        let bounce = r#"{"source":"aws.ses","detail":{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[]},"mail":{"messageId":"x","tags":{"mail":["mai_0123456789abcdef"]}}}}"#;
        assert_eq!(
            news(bounce),
            Some((MailState::Bounced, Some("Permanent General".to_owned())))
        );
        assert_eq!(
            news(r#"{"detail":{"eventType":"Delivery","mail":{}}}"#),
            Some((MailState::Delivered, None))
        );
        assert_eq!(news(r#"{"detail":{"eventType":"Open","mail":{}}}"#), None);
    }
}

//! Events about mails, as SES puts them on the event bus.

use std::collections::BTreeMap;

use muster_shared::clock::Clock;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloudformation::{ACCOUNT, REGION};
use crate::inbox::{Inbox, Mail};

/// An event as it may be posted: whole, only its detail, or just what happened to which mail.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum SesEvent {
    /// With its envelope.
    Whole {
        /// `aws.ses`.
        source: String,
        /// For example `Email Bounced`.
        #[serde(rename = "detail-type")]
        detail_type: String,
        /// What SES says.
        detail: Value,
    },
    /// What SES says, without the envelope.
    Detail(Detail),
    /// What happened to a mail in the inbox.
    Short {
        /// The mail.
        message_id: Option<String>,
        /// Or: the newest mail to this address.
        to: Option<String>,
        /// What happened.
        #[serde(rename = "type")]
        kind: Kind,
    },
}

/// What SES says, without the envelope.
#[derive(Debug, Deserialize)]
pub struct Detail {
    #[serde(rename = "eventType")]
    kind: Kind,
    mail: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What happened to a mail.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum Kind {
    /// The recipient's server took it.
    Delivery,
    /// The recipient's server refused it for good.
    Bounce,
    /// The recipient called it unwanted.
    Complaint,
    /// SES itself refused it.
    Reject,
}

impl SesEvent {
    /// The whole event.
    ///
    /// # Errors
    /// When the mail it is about is not in the inbox.
    pub fn complete(self, inbox: &Inbox, clock: &Clock) -> Result<Value, String> {
        let (detail_type, detail) = match self {
            Self::Whole { source, .. } if source != "aws.ses" => {
                return Err("`source` must be aws.ses".to_owned());
            }
            Self::Whole {
                detail_type,
                detail,
                ..
            } => (detail_type, detail),
            Self::Detail(Detail { kind, mail, rest }) => {
                let mut detail = json!(rest);
                detail["eventType"] = json!(kind.name());
                detail["mail"] = mail;
                (kind.title().to_owned(), detail)
            }
            Self::Short {
                message_id,
                to,
                kind,
            } => {
                let mail = match (message_id, to) {
                    (Some(id), _) => inbox.find(&id),
                    (None, Some(address)) => inbox.to(&address).pop(),
                    (None, None) => return Err("say `message_id` or `to`".to_owned()),
                };
                (
                    kind.title().to_owned(),
                    kind.detail(&*mail.ok_or("there is no such mail")?, clock),
                )
            }
        };
        Ok(json!({
            "version": "0",
            "id": uuid::Uuid::new_v4(),
            "detail-type": detail_type,
            "source": "aws.ses",
            "account": ACCOUNT,
            "time": clock.now(),
            "region": REGION,
            "resources": [],
            "detail": detail,
        }))
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Delivery => "Delivery",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
            Self::Reject => "Reject",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Delivery => "Email Delivered",
            Self::Bounce => "Email Bounced",
            Self::Complaint => "Email Complaint Received",
            Self::Reject => "Email Rejected",
        }
    }

    fn detail(self, mail: &Mail, clock: &Clock) -> Value {
        let now = clock.now();
        let recipients: Vec<_> = mail
            .to
            .iter()
            .map(|address| json!({ "emailAddress": address }))
            .collect();
        let mut tags: BTreeMap<&str, [&str; 1]> = mail
            .tags
            .iter()
            .map(|(name, value)| (name.as_str(), [value.as_str()]))
            .collect();
        if let Some(set) = &mail.configuration_set {
            tags.insert("ses:configuration-set", [set]);
        }
        let mut detail = json!({
            "eventType": self.name(),
            "mail": {
                "timestamp": mail.sent_at,
                "messageId": mail.message_id,
                "source": mail.from,
                "sendingAccountId": ACCOUNT,
                "destination": mail.to,
                "headersTruncated": false,
                "headers": [],
                "commonHeaders": { "from": [mail.from], "to": mail.to, "messageId": mail.message_id, "subject": mail.subject },
                "tags": tags,
            },
        });
        let (name, what) = match self {
            Self::Delivery => (
                "delivery",
                json!({
                    "timestamp": now, "processingTimeMillis": 546, "recipients": mail.to,
                    "smtpResponse": "250 2.6.0 Message received", "reportingMTA": "local",
                }),
            ),
            Self::Bounce => (
                "bounce",
                json!({
                    "feedbackId": uuid::Uuid::new_v4(), "bounceType": "Permanent", "bounceSubType": "General",
                    "bouncedRecipients": recipients, "timestamp": now, "reportingMTA": "dsn; local",
                }),
            ),
            Self::Complaint => (
                "complaint",
                json!({
                    "feedbackId": uuid::Uuid::new_v4(), "complaintSubType": null, "complainedRecipients": recipients,
                    "timestamp": now, "userAgent": "local", "complaintFeedbackType": "abuse",
                }),
            ),
            Self::Reject => ("reject", json!({ "reason": "Bad content" })),
        };
        detail[name] = what;
        detail
    }
}

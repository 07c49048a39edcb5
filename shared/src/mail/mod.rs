//! Mail: letters become subject, text and HTML here, and leave through SES.

mod clean;
mod language;
mod letter;
pub mod pace;
mod page;
mod render;

use std::time::{Duration, Instant};

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{
    Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag,
};

pub use letter::{
    AppLink, EmailChangeConfirm, EmailChangeNotice, EmailChanged, Invitation, Letter,
    PasswordChanged, PasswordReset, Product,
};
use pace::Pace;
pub use render::{RenderError, Rendered};

/// Sends mails through SES.
#[derive(Debug)]
pub struct Mailer {
    client: Client,
    sender: String,
    configuration_set: Option<String>,
    pace: Pace,
}

/// Why SES did not take a mail.
///
/// The reason is SES's error code and never its message, which quotes the recipient's address.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// This mail will never be accepted: its address or content, or the sender, is not what SES sends. Do not retry.
    #[error("SES refuses the mail: {reason}")]
    Refused {
        /// SES's code, for example `MessageRejected`.
        reason: String,
    },
    /// SES throttles, is paused, set up wrongly or out of reach; the same mail may go through later.
    #[error("SES does not take the mail now: {reason}")]
    Later {
        /// SES's code, for example `TooManyRequestsException`, or `timeout` or `network`.
        reason: String,
    },
}

impl Mailer {
    /// A mailer that sends as `sender`, a mail in each `turn`; the configuration set, if any, brings delivery, bounce and
    /// complaint events.
    #[must_use]
    pub fn new(
        client: Client,
        sender: String,
        configuration_set: Option<String>,
        turn: Duration,
    ) -> Self {
        Self {
            client,
            sender,
            configuration_set,
            pace: Pace::new(turn, Instant::now()),
        }
    }

    /// Does what sending a mail takes, from the moment on that the rate allows it.
    pub async fn in_turn<T>(&self, work: impl Future<Output = T>) -> T {
        self.pace.keep(work).await
    }

    /// Sends one mail and returns SES's id of it.
    ///
    /// The tag `mail` carries `mail_id` into every later event of this mail. SES knows no idempotency: sending
    /// again sends again, so the caller records the outcome.
    ///
    /// # Errors
    /// [`SendError`], which says whether sending the same mail again can help.
    pub async fn send(
        &self,
        to: &str,
        mail_id: &str,
        mail: &Rendered,
    ) -> Result<String, SendError> {
        let body = Body::builder()
            .text(utf8(&mail.text)?)
            .html(utf8(&mail.html)?)
            .build();
        // RFC 3834: tells out-of-office and other answering machines to keep silent.
        let automatic = MessageHeader::builder()
            .name("Auto-Submitted")
            .value("auto-generated")
            .build()?;
        let message = Message::builder()
            .subject(utf8(&mail.subject)?)
            .body(body)
            .headers(automatic)
            .build();
        let sent = self
            .client
            .send_email()
            .from_email_address(&self.sender)
            .destination(Destination::builder().to_addresses(to).build())
            .content(EmailContent::builder().simple(message).build())
            .email_tags(MessageTag::builder().name("mail").value(mail_id).build()?)
            .set_configuration_set_name(self.configuration_set.clone())
            .send()
            .await?;
        // SES always gives an id; a mail that went out without one must not be sent again for the lack of it.
        Ok(sent.message_id.unwrap_or_default())
    }
}

fn utf8(text: &str) -> Result<Content, BuildError> {
    Content::builder().charset("UTF-8").data(text).build()
}

impl From<BuildError> for SendError {
    fn from(_: BuildError) -> Self {
        Self::Refused {
            reason: "incomplete request".to_owned(),
        }
    }
}

impl From<SdkError<SendEmailError>> for SendError {
    /// Only what lies in the mail itself is refused for good. What the operator can mend (a paused account, a
    /// missing configuration set or permission) is kept for later: the mail goes to the dead letters, not nowhere.
    fn from(error: SdkError<SendEmailError>) -> Self {
        let reason = match &error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown"),
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "network",
            SdkError::ResponseError(_) => "unreadable answer",
            _ => "request not sent",
        };
        let reason = reason.to_owned();
        match error.as_service_error() {
            Some(
                SendEmailError::MessageRejected(_)
                | SendEmailError::BadRequestException(_)
                | SendEmailError::MailFromDomainNotVerifiedException(_),
            ) => Self::Refused { reason },
            _ => Self::Later { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use aws_sdk_sesv2::config::retry::RetryConfig;
    use aws_sdk_sesv2::config::{BehaviorVersion, Config, Credentials, Region};

    use super::*;

    /// A mailer whose SES is a socket that gives one canned answer; the handle yields the request's body.
    fn mailer(answer: String) -> (Mailer, JoinHandle<String>) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", socket.local_addr().unwrap());
        let request = std::thread::spawn(move || {
            let (stream, _) = socket.accept().unwrap();
            let body = read_body(&mut BufReader::new(&stream));
            (&stream).write_all(answer.as_bytes()).unwrap();
            body
        });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(endpoint)
            .build();
        let sender = "Muster <no-reply@muster.example>".to_owned();
        let configuration_set = Some("muster".to_owned());
        (
            Mailer::new(
                Client::from_conf(config),
                sender,
                configuration_set,
                Duration::ZERO,
            ),
            request,
        )
    }

    fn read_body(request: &mut impl BufRead) -> String {
        let mut length = 0;
        loop {
            let mut header = String::new();
            request.read_line(&mut header).unwrap();
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        request.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    /// Sends one mail to an SES that answers so; the outcome, and what SES was asked.
    async fn send(status: u16, error: &str, body: &str) -> (Result<String, SendError>, String) {
        let length = body.len();
        let (mailer, request) = mailer(format!(
            "HTTP/1.1 {status} -\r\nx-amzn-errortype: {error}\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let mail = Rendered {
            subject: "Grüße".to_owned(),
            text: "Hello".to_owned(),
            html: "<p>Hello</p>".to_owned(),
        };
        let outcome = mailer.send("sam@acme.example", "mail_7", &mail).await;
        (outcome, request.join().unwrap())
    }

    #[tokio::test]
    async fn a_sent_mail_carries_both_versions_its_tag_and_the_automatic_header() {
        let (outcome, request) = send(200, "", r#"{"MessageId":"ses-1"}"#).await;
        assert_eq!(outcome.unwrap(), "ses-1");
        let request: serde_json::Value = serde_json::from_str(&request).unwrap();
        insta::assert_json_snapshot!("request", request);
    }

    #[tokio::test]
    async fn a_rejected_message_is_refused_for_good_and_its_error_names_nobody() {
        let message = r#"{"message":"Email address is not verified: sam@acme.example"}"#;
        let error = send(400, "MessageRejected", message).await.0.unwrap_err();
        assert!(matches!(&error, SendError::Refused { reason } if reason == "MessageRejected"));
        assert!(!format!("{error} {error:?}").contains("sam@"));
    }

    #[tokio::test]
    async fn a_bad_address_and_an_unverified_sender_are_refused_for_good() {
        for code in ["BadRequestException", "MailFromDomainNotVerifiedException"] {
            let (outcome, _) = send(400, code, "{}").await;
            assert!(matches!(outcome, Err(SendError::Refused { reason }) if reason == code));
        }
    }

    #[tokio::test]
    async fn throttling_faults_and_what_the_operator_can_mend_are_for_later() {
        for (status, code) in [
            (429, "TooManyRequestsException"),
            (400, "SendingPausedException"),
            (404, "NotFoundException"),
            (403, "AccessDeniedException"),
            (503, "ServiceUnavailable"),
        ] {
            let (outcome, _) = send(status, code, "{}").await;
            assert!(matches!(outcome, Err(SendError::Later { reason }) if reason == code));
        }
    }

    #[tokio::test]
    async fn an_unreachable_ses_is_for_later() {
        let (mailer, request) = mailer(String::new());
        let mail = Rendered {
            subject: String::new(),
            text: String::new(),
            html: String::new(),
        };
        let outcome = mailer.send("sam@acme.example", "mail_7", &mail).await;
        request.join().unwrap();
        assert!(matches!(outcome, Err(SendError::Later { reason }) if reason == "network"));
    }
}

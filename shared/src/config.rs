//! The configuration of a function; the only place that reads the environment.

use std::path::PathBuf;
use std::time::Duration;

pub use aws_sdk_dynamodb::config::Credentials;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// What a function is told about its surroundings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The bucket for uploads, plans, reports and exports.
    pub bucket: String,
    /// The address mails come from.
    pub sender: String,
    /// The SES configuration set, for delivery events.
    pub configuration_set: Option<String>,
    /// How long a mail occupies a worker, so that all of them together keep to the rate at which SES takes mails.
    pub mail_turn: Duration,
    /// Where people's links lead, without a slash at the end.
    pub base_url: String,
    /// The secret from which keys are derived; only for functions that sign.
    pub signing_secret: Option<String>,
    /// What the distribution in front of the API proves itself with; only for functions that ask where a request comes from.
    pub edge_secret: Option<String>,
    /// Whether each answer says what it consumed of the table's capacity.
    pub meter: bool,
    /// How to reach AWS.
    pub aws: Aws,
}

/// How to reach AWS, from the variables that Lambda sets and every AWS SDK reads.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The region.
    pub region: String,
    /// The access key of the function's role; Lambda starts a new process before it ends.
    pub credentials: Credentials,
    /// Where `DynamoDB` answers, if that is not AWS.
    pub dynamodb: Option<String>,
    /// Where S3 answers, if that is not AWS.
    pub s3: Option<String>,
    /// Where SES answers, if that is not AWS.
    pub ses: Option<String>,
    /// Where Secrets Manager answers, if that is not AWS.
    pub secrets: Option<String>,
    /// The file of the certificates that are trusted, if they are not those of AWS: behind a proxy, say.
    pub ca_bundle: Option<PathBuf>,
}

impl Aws {
    fn from_env() -> Result<Self, Missing> {
        let key = required("AWS_ACCESS_KEY_ID")?;
        let secret = required("AWS_SECRET_ACCESS_KEY")?;
        let token = optional("AWS_SESSION_TOKEN");
        let endpoint = |service| optional(service).or_else(|| optional("AWS_ENDPOINT_URL"));
        Ok(Self {
            region: required("AWS_REGION")?,
            credentials: Credentials::new(key, secret, token, None, "environment"),
            dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            s3: endpoint("AWS_ENDPOINT_URL_S3"),
            ses: endpoint("AWS_ENDPOINT_URL_SESV2"),
            secrets: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ca_bundle: optional("AWS_CA_BUNDLE").map(PathBuf::from),
        })
    }
}

/// A variable that must be set is not.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct Missing(&'static str);

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable that must be set is not.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("TABLE")?,
            bucket: required("BUCKET")?,
            sender: required("SENDER")?,
            configuration_set: optional("CONFIGURATION_SET"),
            mail_turn: mail_turn(optional),
            base_url: required("BASE_URL")?.trim_end_matches('/').to_owned(),
            signing_secret: optional("SIGNING_SECRET_ARN"),
            edge_secret: optional("EDGE_SECRET"),
            meter: optional("METER").is_some(),
            aws: Aws::from_env()?,
        })
    }
}

/// A mail worker's turn: as many workers as `MAIL_CONCURRENCY` says share the `MAIL_RATE`, in mails a second. None, where
/// `variable` does not know of both: only the function that sends mails is told.
#[must_use]
pub fn mail_turn(variable: impl Fn(&'static str) -> Option<String>) -> Duration {
    let number = |name| variable(name)?.parse::<u32>().ok();
    let turn = number("MAIL_CONCURRENCY").zip(number("MAIL_RATE"));
    turn.and_then(|(workers, rate)| Duration::from_secs(workers.into()).checked_div(rate))
        .unwrap_or_default()
}

/// The filter of the logs, `info` unless the variable `LOG` says otherwise, in words that can be read.
#[must_use]
pub fn log_filter() -> Targets {
    let told = optional("LOG").and_then(|filter| filter.parse().ok());
    told.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// The file that tells the time, where the local stack runs a function as a process; on AWS nobody sets `CLOCK_FILE`.
#[must_use]
pub fn clock_file() -> Option<PathBuf> {
    optional("CLOCK_FILE").map(PathBuf::from)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &'static str) -> Result<String, Missing> {
    optional(name).ok_or(Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_workers_share_the_rate() {
        let turn = |workers: &str, rate: &str| {
            let set = [("MAIL_CONCURRENCY", workers), ("MAIL_RATE", rate)];
            let variable = |name| set.into_iter().find(|(set, _)| *set == name);
            mail_turn(|name| variable(name).map(|(_, value)| value.to_owned()))
        };
        assert_eq!(turn("5", "20"), Duration::from_millis(250));
        assert_eq!(turn("2", "1"), Duration::from_secs(2));
        assert_eq!(turn("", "0"), Duration::ZERO);
        assert_eq!(turn("5", "0"), Duration::ZERO);
    }
}

//! What every handler borrows: configuration, clock, table, mail, files and keys, built once when the function starts.

pub mod keys;
pub mod verification;

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::clock::Clock;
use crate::config::{Config, Local};
use crate::files::Files;
use crate::mail::Mailer;
use crate::store::{Store, StoreError};
use keys::{KeySet, Signer, Trusted};

/// What every handler borrows.
#[derive(Debug)]
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// The one source of time.
    pub clock: Clock,
    /// The table.
    pub store: Store,
    /// The mail service.
    pub mailer: Mailer,
    /// The bucket.
    pub files: Files,
    /// The keys that tokens are verified with.
    pub keys: KeySet,
    /// The key that tokens are signed with, in functions that sign.
    pub signer: Option<Signer>,
    secrets: aws_sdk_secretsmanager::Client,
}

/// A function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The table does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing secret cannot be read.
    #[error("the signing secret cannot be read: {0}")]
    Secret(String),
}

impl Context {
    /// Builds the clients, reads the key set, which opens the connection to the table, and in functions that sign
    /// derives the key and publishes its public half.
    ///
    /// # Errors
    /// When the table or the secret cannot be read.
    pub async fn connect(config: Config, clock: Clock) -> Result<Self, StartError> {
        keys::install();
        let clients = Clients::new(&config).await;
        let store = Store::new(clients.dynamodb, &config.table);
        let mailer = Mailer::new(
            clients.ses,
            config.sender.clone(),
            config.configuration_set.clone(),
        );
        let files = Files::new(clients.s3, config.bucket.clone());
        let signer = match &config.signing_secret {
            Some(id) => read_secret(&clients.secrets, id).await?.into_iter().next(),
            None => None,
        };
        if let Some(signer) = &signer {
            store.publish_key(&signer.published(clock.now())).await?;
        }
        let keys = KeySet::default();
        keys.read(&store).await?;
        Ok(Self {
            config,
            clock,
            store,
            mailer,
            files,
            keys,
            signer,
            secrets: clients.secrets,
        })
    }

    /// The keys that what this service signed is verified with; none in functions that do not sign. They follow from the
    /// secret, so nothing that stands in the table need be trusted. Earlier ones count for as long as they stand in it: what
    /// was signed does not become wrong when the secret is replaced. Read anew, since it may have been meanwhile.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub async fn trusted(&self) -> Result<Option<Trusted>, StartError> {
        let Some(id) = &self.config.signing_secret else {
            return Ok(None);
        };
        Ok(Some(Trusted(read_secret(&self.secrets, id).await?)))
    }
}

/// The keys that the secret gives: of its first line the present one, of the others those before it. Blank lines are what
/// shells leave behind.
async fn read_secret(
    secrets: &aws_sdk_secretsmanager::Client,
    id: &str,
) -> Result<Vec<Signer>, StartError> {
    let got = secrets.get_secret_value().secret_id(id).send().await;
    let got =
        got.map_err(|error| StartError::Secret(error.code().unwrap_or("no answer").to_owned()))?;
    let lines = got.secret_string().unwrap_or_default().lines();
    let keys: Option<Vec<Signer>> = lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| (line.len() >= 32).then(|| Signer::derive(line)).flatten())
        .collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| StartError::Secret("it must be lines of at least 32 characters".to_owned()))
}

/// The SDK's clients, over one HTTP client.
struct Clients {
    dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    ses: aws_sdk_sesv2::Client,
    secrets: aws_sdk_secretsmanager::Client,
}

/// How long the table, and the secret, may take to answer. A connection that died without a word must not use up a request's 10 s:
/// after this the client tries again on another one.
const ATTEMPT: Duration = Duration::from_millis(2_500);
/// How long they may take with all attempts, so that whoever waits is told by the function and not by its end.
const ALL_ATTEMPTS: Duration = Duration::from_secs(8);
/// How long SES may take. Only workers wait for it, and a mail whose sending was given up may be sent twice.
const MAIL_ATTEMPT: Duration = Duration::from_secs(10);
/// How long S3 may take for one part of a file, or until it begins to send one.
const FILE_ATTEMPT: Duration = Duration::from_secs(30);
/// How long a client of the stand-ins rests at first before it tries again: there nobody gains from a longer rest.
const LOCAL_REST: Duration = Duration::from_millis(10);

impl Clients {
    async fn new(config: &Config) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(ALL_ATTEMPTS);
        let loader = loader.timeout_config(patience.build());
        let Some(local) = &config.local else {
            return Self::of(&loader.load().await, None);
        };
        let credentials =
            Credentials::new(&local.access_key, &local.secret_key, None, None, "local");
        let credentials = SharedCredentialsProvider::new(credentials);
        let sdk = loader
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials)
            .retry_config(RetryConfig::standard().with_initial_backoff(LOCAL_REST))
            .load()
            .await;
        Self::of(&sdk, Some(local))
    }

    fn of(sdk: &SdkConfig, local: Option<&Local>) -> Self {
        let patience = |attempt| {
            let patience = TimeoutConfig::builder().operation_attempt_timeout(attempt);
            patience.disable_operation_timeout().build()
        };
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(sdk);
        let mut s3 = aws_sdk_s3::config::Builder::from(sdk).timeout_config(patience(FILE_ATTEMPT));
        let mut ses =
            aws_sdk_sesv2::config::Builder::from(sdk).timeout_config(patience(MAIL_ATTEMPT));
        let mut secrets = aws_sdk_secretsmanager::config::Builder::from(sdk);
        if let Some(local) = local {
            dynamodb = dynamodb.endpoint_url(&local.dynamodb);
            s3 = s3.endpoint_url(&local.s3);
            ses = ses.endpoint_url(&local.ses);
            secrets = secrets.endpoint_url(&local.secrets);
        }
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            ses: aws_sdk_sesv2::Client::from_conf(ses.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
        }
    }
}

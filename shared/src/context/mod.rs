//! What every handler borrows: configuration, clock, table, mail, files and keys, built once when the function starts.

pub mod keys;
pub mod verification;

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::clock::Clock;
use crate::config::Config;
use crate::files::Files;
use crate::mail::Mailer;
use crate::store::{Store, StoreError};
use keys::{KeySet, Signer, Trusted};

/// How long the table, and the secret, may take to answer. A connection that died without a word must not use up a request's 10 s:
/// after this the client tries again on another one.
const ATTEMPT: Duration = Duration::from_millis(2_500);
/// How long they may take with all attempts, so that whoever waits is told by the function and not by its end.
const ALL_ATTEMPTS: Duration = Duration::from_secs(8);
/// How long SES may take. Only workers wait for it, and a mail whose sending was given up may be sent twice.
const MAIL_ATTEMPT: Duration = Duration::from_secs(10);
/// How long S3 may take for one part of a file, or until it begins to send one.
const FILE_ATTEMPT: Duration = Duration::from_secs(30);
/// How long a client of a stand-in rests at first before it tries again: there nobody gains from a longer rest.
const LOCAL_REST: Duration = Duration::from_millis(10);

/// The patience with services that a request may wait for.
fn patience() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(ALL_ATTEMPTS)
        .build()
}

/// The patience with a service that only workers wait for.
fn patience_of(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(attempt)
        .build()
}

/// A client of a service of `Aws`, whose endpoint may be another than AWS's.
macro_rules! client {
    ($sdk:ident, $aws:expr, $service:ident, $http:expr, $patience:expr) => {{
        let aws = &$aws;
        let mut config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .credentials_provider(aws.credentials.clone())
            .http_client($http.clone())
            .timeout_config($patience);
        if let Some(endpoint) = &aws.$service {
            let retry = RetryConfig::standard().with_initial_backoff(LOCAL_REST);
            config = config.endpoint_url(endpoint).retry_config(retry);
        }
        $sdk::Client::from_conf(config.build())
    }};
}

/// What every handler borrows.
#[derive(Debug)]
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// The one source of time.
    pub clock: Clock,
    /// The table.
    pub store: Store,
    /// The keys that tokens are verified with.
    pub keys: KeySet,
    /// The key that tokens are signed with, in functions that sign.
    pub signer: Option<Signer>,
    http: SharedHttpClient,
    mailer: OnceLock<Mailer>,
    files: OnceLock<Files>,
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
    /// The certificates that are to be trusted cannot be read.
    #[error("the trusted certificates cannot be read: {0}")]
    Roots(io::Error),
}

impl Context {
    /// Builds the clients, reads the key set, which opens the connection to the table, and in functions that sign
    /// derives the key and publishes its public half.
    ///
    /// # Errors
    /// When the table or the secret cannot be read.
    pub async fn connect(config: Config, clock: Clock) -> Result<Self, StartError> {
        keys::install();
        let http = http_client(config.aws.ca_bundle.as_deref()).map_err(StartError::Roots)?;
        let table = client!(aws_sdk_dynamodb, config.aws, dynamodb, http, patience());
        let store = Store::new(table, &config.table);
        let mut ctx = Self {
            config,
            clock,
            store,
            keys: KeySet::default(),
            signer: None,
            http,
            mailer: OnceLock::new(),
            files: OnceLock::new(),
        };
        let (signers, read) = futures::join!(ctx.signers(), ctx.keys.read(&ctx.store));
        read?;
        ctx.signer = signers?.and_then(|keys| keys.into_iter().next());
        if let Some(signer) = &ctx.signer {
            let key = signer.published(ctx.clock.now());
            ctx.store.publish_key(&key).await?;
            if ctx.keys.known(&key.kid).is_none() {
                ctx.keys.read(&ctx.store).await?;
            }
        }
        Ok(ctx)
    }

    /// The mail service. Its client, like that of the bucket, is made by the functions that use it only: the others do not even
    /// have its code in their binaries.
    pub fn mailer(&self) -> &Mailer {
        self.mailer.get_or_init(|| {
            let (config, patience) = (&self.config, patience_of(MAIL_ATTEMPT));
            Mailer::new(
                client!(aws_sdk_sesv2, config.aws, ses, self.http, patience),
                config.sender.clone(),
                config.configuration_set.clone(),
                config.mail_turn,
            )
        })
    }

    /// The bucket.
    pub fn files(&self) -> &Files {
        self.files.get_or_init(|| {
            let (config, patience) = (&self.config, patience_of(FILE_ATTEMPT));
            let client = client!(aws_sdk_s3, config.aws, s3, self.http, patience);
            Files::new(client, config.bucket.clone())
        })
    }

    /// The keys that what this service signed is verified with; none in functions that do not sign. They follow from the
    /// secret, so nothing that stands in the table need be trusted. Earlier ones count for as long as they stand in it: what
    /// was signed does not become wrong when the secret is replaced. Read anew, since it may have been meanwhile.
    ///
    /// # Errors
    /// When the secret cannot be read.
    pub async fn trusted(&self) -> Result<Option<Trusted>, StartError> {
        Ok(self.signers().await?.map(Trusted))
    }

    /// The keys that the secret gives, in functions that sign.
    async fn signers(&self) -> Result<Option<Vec<Signer>>, StartError> {
        let Some(id) = &self.config.signing_secret else {
            return Ok(None);
        };
        let (aws, http) = (&self.config.aws, &self.http);
        let secrets = client!(aws_sdk_secretsmanager, aws, secrets, http, patience());
        read_secret(&secrets, id).await.map(Some)
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

/// The roots of Amazon Trust Services, all five of them, as <https://www.amazontrust.com/repository/> asks: every endpoint of
/// AWS leads to one. A system's own list is thirty times as long, and to read it is half of a cold start.
const ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The HTTP client of all clients of the SDK; it trusts the certificates in that file, or AWS's.
fn http_client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, io::Error> {
    let roots = ca_bundle.map_or_else(|| Ok(ROOTS.to_vec()), std::fs::read)?;
    let trusted = TrustStore::empty().with_pem_certificate(roots);
    let trusted = TlsContext::builder().with_trust_store(trusted).build();
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(trusted.map_err(io::Error::other)?)
        .build_https())
}

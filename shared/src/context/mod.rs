//! What every handler borrows: configuration, clock, table, mail, files and keys, built once when the function starts.

pub mod keys;
pub mod verification;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::clock::Clock;
use crate::config::Config;
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
            config.mail_turn,
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

impl Clients {
    async fn new(config: &Config) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        let Some(local) = &config.local else {
            let sdk = loader.load().await;
            return Self {
                dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
                s3: aws_sdk_s3::Client::new(&sdk),
                ses: aws_sdk_sesv2::Client::new(&sdk),
                secrets: aws_sdk_secretsmanager::Client::new(&sdk),
            };
        };
        let credentials =
            Credentials::new(&local.access_key, &local.secret_key, None, None, "local");
        let credentials = SharedCredentialsProvider::new(credentials);
        let sdk = loader
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials)
            .load()
            .await;
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                aws_sdk_dynamodb::config::Builder::from(&sdk)
                    .endpoint_url(&local.dynamodb)
                    .build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(
                aws_sdk_s3::config::Builder::from(&sdk)
                    .endpoint_url(&local.s3)
                    .build(),
            ),
            ses: aws_sdk_sesv2::Client::from_conf(
                aws_sdk_sesv2::config::Builder::from(&sdk)
                    .endpoint_url(&local.ses)
                    .build(),
            ),
            secrets: aws_sdk_secretsmanager::Client::from_conf(
                aws_sdk_secretsmanager::config::Builder::from(&sdk)
                    .endpoint_url(&local.secrets)
                    .build(),
            ),
        }
    }
}

//! The demo tenant of the first start, made through the same doors that everyone uses.

use std::io;
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data_dir::{DataDir, write_whole};
use crate::invoke::InvocationError;
use crate::secrets::random_text;
use crate::stack::Stack;

const OWNER: &str = "olivia.owner@muster.example";
const SAMPLE: &str = include_str!("sample-users.csv");
/// How long the first start waits for the owner's mail.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to sign in to the demo tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Demo {
    /// The tenant's id.
    pub tenant: String,
    /// The owner's address.
    pub email: String,
    /// The owner's password.
    pub password: String,
}

/// Why there is no demo tenant.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// What was made earlier cannot be read, or what is made now cannot be kept.
    #[error("the demo tenant cannot be kept: {0}")]
    Io(#[from] io::Error),
    /// Support's function refuses.
    #[error("the demo tenant cannot be provisioned: {0}")]
    Provision(#[from] InvocationError),
    /// Support's function finds fault with the order.
    #[error("the demo tenant cannot be provisioned: {0}")]
    Refused(String),
    /// The owner got no mail with a link.
    #[error("the demo tenant's owner got no mail with a link")]
    NoMail,
    /// The owner cannot activate.
    #[error("the demo tenant's owner cannot activate: {0}")]
    Activation(String),
}

impl Demo {
    /// The demo tenant of earlier, or a new one.
    pub(crate) async fn prepare(stack: &Stack, data: &DataDir) -> Result<Self, DemoError> {
        let path = data.join("demo.json");
        match std::fs::read(&path) {
            Ok(kept) => {
                return serde_json::from_slice(&kept).map_err(|error| DemoError::Io(error.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let demo = Self::make(stack).await?;
        write_whole(&data.join("sample-users.csv"), SAMPLE.as_bytes())?;
        write_whole(
            &path,
            &serde_json::to_vec_pretty(&demo).map_err(io::Error::from)?,
        )?;
        Ok(demo)
    }

    async fn make(stack: &Stack) -> Result<Self, DemoError> {
        let provisioned = stack
            .invoke(
                "provision",
                json!({
                    "reference": "demo",
                    "name": "Demo Haulage",
                    "owner": { "email": OWNER, "first_name": "Olivia", "last_name": "Owner" },
                    "products": [
                        { "name": "CoPilot Truck with ActiveTraffic", "seats": 50, "links": links("copilot-truck") },
                        { "name": "MileOn", "seats": 10, "links": links("mileon") },
                    ],
                }),
            )
            .await?;
        let tenant = provisioned["tenant"]
            .as_str()
            .ok_or_else(|| DemoError::Refused(provisioned.to_string()))?
            .to_owned();
        let password = random_text()?[..20].to_owned();
        let token = Self::token(stack).await.ok_or(DemoError::NoMail)?;
        let body = json!({ "token": token, "username": "olivia", "password": password });
        let (status, answer) = stack.post("/v1/activations", &body).await;
        if status >= StatusCode::BAD_REQUEST {
            return Err(DemoError::Activation(answer.to_string()));
        }
        Ok(Self {
            tenant,
            email: OWNER.to_owned(),
            password,
        })
    }

    /// What stands behind `#` in the link of the owner's newest mail.
    async fn token(stack: &Stack) -> Option<String> {
        tokio::time::timeout(PATIENCE, stack.settled()).await.ok()?;
        let mail = stack.inbox().to(OWNER).pop()?;
        mail.links()
            .into_iter()
            .find_map(|link| link.split_once('#'))
            .map(|(_, token)| token.to_owned())
    }
}

/// Where the demo's apps would be had.
fn links(app: &str) -> Value {
    json!([
        { "label": "Google Play", "url": format!("https://play.example/{app}") },
        { "label": "App Store", "url": format!("https://apps.example/{app}") },
    ])
}

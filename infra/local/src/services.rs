//! The stand-ins of the AWS services, started and joined to each other.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use muster_shared::config::Aws;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::cloudformation::REGION;
use crate::data_dir::DataDir;
use crate::dynamodb::Dynamo;
use crate::faults::{self, Service};
use crate::iam::{OPERATOR, Roles, credentials};
use crate::inbox::Inbox;
use crate::queue::Queues;
use crate::s3;
use crate::secrets::{self, Secrets};
use crate::ses;
use crate::stack::{Options, StackError};
use crate::template::Template;

/// The stand-ins.
#[derive(Debug)]
pub struct Services {
    /// The embedded `DynamoDB`.
    pub dynamo: Dynamo,
    /// The queues.
    pub queues: Arc<Queues>,
    /// The event bus.
    pub bus: Arc<Bus>,
    /// The mails that were sent.
    pub inbox: Arc<Inbox>,
    /// Who may do what.
    pub roles: Arc<Roles>,
    /// Where S3 answers.
    pub s3_url: String,
    /// How they are reached, by the operator.
    pub endpoints: Aws,
}

impl Services {
    /// Starts them all on what `data` holds; they use free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When one of them cannot start.
    pub async fn start(
        data: &DataDir,
        template: &mut Template,
        options: &Options,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, StackError> {
        let clock = &options.clock;
        let roles = Arc::new(Roles::take(&mut template.functions));
        let faults = options.faults.as_ref();
        let dynamo = Dynamo::start(data, &template.table, Arc::clone(&roles), faults)?;
        let queues = Arc::new(Queues::new(template, options));
        let wired = std::mem::take(&mut template.rules);
        let bus = Arc::new(Bus::open(data.join("events"), wired, Arc::clone(&queues))?);
        let inbox = Arc::new(Inbox::open(&data.join("inbox.jsonl"))?);
        let s3_url = s3::start(
            data,
            &template.bucket,
            Arc::clone(&roles),
            Arc::clone(&bus),
            options,
            tasks,
        )
        .await?;
        let secrets = Secrets::open(data, template.secrets.clone())?;
        let mails = ses::routes(Arc::clone(&inbox), clock.clone(), Arc::clone(&roles));
        let others = mails.merge(secrets::routes(secrets, Arc::clone(&roles)));
        let others = faults::before(others, faults, Service::Other);
        let others = serve(others, tasks).await?;
        let endpoints = Aws {
            region: REGION.to_owned(),
            credentials: credentials(OPERATOR),
            dynamodb: Some(dynamo.url.clone()),
            s3: Some(s3_url.clone()),
            ses: Some(others.clone()),
            secrets: Some(others),
            ca_bundle: None,
        };
        Ok(Self {
            dynamo,
            queues,
            bus,
            inbox,
            roles,
            s3_url,
            endpoints,
        })
    }
}

/// Serves the parts that only functions speak to, and says where.
async fn serve(app: Router, tasks: &mut JoinSet<()>) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "SES and Secrets Manager stopped");
        }
    });
    Ok(url)
}

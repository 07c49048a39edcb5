//! The whole stack: starts the parts, joins them by the template, stops them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use muster_shared::clock::Clock;
use muster_shared::context::{Context, StartError};
use muster_shared::lambda::Function;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::cloudformation::TemplateError;
use crate::console::{self, Console};
use crate::contexts;
use crate::data_dir::{DataDir, DataDirError, write_whole};
use crate::demo::{Demo, DemoError};
use crate::dynamodb::{Dynamo, DynamoError};
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::iam::{OPERATOR, Roles};
use crate::inbox::Inbox;
use crate::invoke::{Functions, InvocationError};
use crate::local_api::{self, LocalApi};
use crate::queue::DeadLetter;
use crate::s3::BucketError;
use crate::schedule::Schedules;
use crate::services::Services;
use crate::stream::{Stream, StreamError, Wiring};
use crate::template::{DEPLOYED, Template};

const SENDER: &str = "no-reply@muster.example";
/// Mails a second that workers let the local SES have, which takes any number: the most that the template allows.
const MAIL_RATE: u32 = 10_000;
/// How long open requests may take when the stack stops.
const GRACE: Duration = Duration::from_secs(5);

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the API and the pages answer; port 0 is any free one. The services behind it always use free ports of 127.0.0.1.
    pub listen: SocketAddr,
    /// Where everything is kept; none for a temporary folder.
    pub data: Option<PathBuf>,
    /// Whether the first start makes a demo tenant.
    pub demo: bool,
    /// The time by which everything runs.
    pub clock: Clock,
    /// The folder of the built console, looked into when it is asked for.
    pub console: PathBuf,
    /// Where to write, once the stack answers, how to reach it.
    pub ready_file: Option<PathBuf>,
    /// Whether functions run as processes of their own; else they run in this one.
    pub spawn: Option<Spawn>,
    /// Whether every answer says what it consumed of the table's capacity.
    pub meter: bool,
    /// Whether to remember every message, so that all can be sent again; for tests, because it grows.
    pub keep_history: bool,
    /// How long a message that failed rests at most before it comes again: on AWS minutes, here moments.
    pub longest_rest: Duration,
    /// What is to go wrong with calls of functions that run in this process; for tests.
    pub faults: Option<Arc<Faults>>,
}

/// How to run functions as processes.
#[derive(Debug, Clone)]
pub struct Spawn {
    /// The folder of their binaries, each called as the function.
    pub folder: PathBuf,
    /// What they log, to where this process writes its errors; for example `info`.
    pub log: String,
}

impl Default for Options {
    /// Nothing kept, no demo, any port, a clock that can be moved: as a test wants it.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: None,
            demo: false,
            clock: Clock::shifted(),
            console: console::built(),
            ready_file: None,
            spawn: None,
            meter: false,
            keep_history: false,
            longest_rest: Duration::from_secs(3),
            faults: None,
        }
    }
}

/// Why a stack does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The port is taken, or the address is not ours.
    #[error(
        "cannot listen on {address}: {source}; choose another with --listen, port 0 is any free one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template wires functions whose code is not there.
    #[error("the template has functions without code: {}", .0.join(", "))]
    NoCode(Vec<String>),
    /// The template wires functions whose binaries are not there.
    #[error("{} has no binary of {}; `make functions` builds them for release", .folder.display(), .functions.join(", "))]
    NoBinaries {
        /// Where they were looked for.
        folder: PathBuf,
        /// The functions.
        functions: Vec<String>,
    },
    /// A function's environment lacks what every function needs.
    #[error("the template sets no {variable} for {function}")]
    Environment {
        /// The operation.
        function: String,
        /// The variable.
        variable: &'static str,
    },
    /// The embedded `DynamoDB`.
    #[error(transparent)]
    Dynamo(#[from] DynamoError),
    /// The table's stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The embedded S3.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// What the functions share.
    #[error("the functions cannot start: {0}")]
    Context(#[from] StartError),
    /// The demo tenant.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// Anything else that the machine refuses.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// A running stack. Dropping it stops it too, only less gently than `shutdown`.
#[derive(Debug)]
pub struct Stack {
    /// Where the API and the pages answer.
    pub url: String,
    /// Where S3 answers.
    pub s3_url: String,
    /// Where `DynamoDB` answers.
    pub dynamodb_url: String,
    /// The bucket's name.
    pub bucket: String,
    /// How to sign in to the demo tenant, if there is one.
    pub demo: Option<Demo>,
    local: Arc<LocalApi>,
    gateway: Arc<Gateway>,
    stream: Stream,
    dynamo: Dynamo,
    roles: Arc<Roles>,
    operator: Arc<Context>,
    server: JoinHandle<()>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    // Last, so that the folder is free only when nothing uses it any more.
    data: DataDir,
}

/// Starts a stack with the code of the functions.
///
/// # Errors
/// When a part of it cannot start; each error says what to do about it where something can be done.
pub async fn start(options: Options, code: &[&'static Function]) -> Result<Stack, StackError> {
    let (listener, url) = listen(options.listen).await?;
    let clock = options.clock.clone();
    let data = DataDir::open(options.data.as_deref())?;
    let mut parameters = BTreeMap::from([
        ("BaseUrl", url.clone()),
        ("Sender", SENDER.to_owned()),
        ("MailRate", MAIL_RATE.to_string()),
    ]);
    if let Some(spawn) = &options.spawn {
        parameters.insert("LogFilter", spawn.log.clone());
    }
    let mut template = Template::parse(DEPLOYED, &parameters)?;
    let mut tasks = JoinSet::new();
    let services = Services::start(&data, &mut template, &options, &mut tasks).await?;
    let Services {
        dynamo,
        queues,
        bus,
        inbox,
        roles,
        s3_url,
        endpoints,
    } = services;

    let stream = Stream::start(&dynamo.file, Wiring::of(&mut template), Arc::clone(&queues))?;
    let functions = Functions::start(&options, code, &template, &endpoints, &data, stream.nudge());
    let functions = Arc::new(functions.await?);
    let operator = contexts::operator(&template, &endpoints, &options.clock, options.meter).await?;
    for function in template.functions.values() {
        for source in &function.sources {
            let queues = Arc::clone(&queues);
            tasks.spawn(queues.work(
                source.clone(),
                function.name.clone(),
                Arc::clone(&functions),
            ));
        }
    }
    bus.resume()?;
    let schedules = Arc::new(Schedules::new(
        &template,
        Arc::clone(&functions),
        clock.clone(),
    ));
    tasks.spawn(Arc::clone(&schedules).keep());

    let gateway = Arc::new(Gateway::new(
        &template,
        Arc::clone(&functions),
        clock.clone(),
    ));
    let support = template
        .functions
        .values()
        .filter(|function| function.is_invoked_only());
    let support = support.map(|function| function.name.clone()).collect();
    let local = Arc::new(LocalApi {
        inbox,
        bus,
        functions,
        support,
        queues,
        schedules,
        clock,
        s3_url: s3_url.clone(),
        dynamodb_url: dynamo.url.clone(),
        demo: OnceLock::new(),
    });
    let console = Console::new(options.console.clone(), &s3_url)?;
    let app = gateway
        .router()
        .merge(local_api::routes(Arc::clone(&local)))
        .fallback(move |request| console.answer(request));
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve(listener, app, stopped));
    let mut stack = Stack {
        url,
        s3_url,
        dynamodb_url: dynamo.url.clone(),
        bucket: template.bucket,
        demo: None,
        local,
        gateway,
        stream,
        dynamo,
        roles,
        operator,
        server,
        stop,
        tasks,
        data,
    };
    if options.demo {
        let demo = Demo::prepare(&stack, &stack.data).await?;
        stack.demo = Some(stack.local.demo.get_or_init(|| demo).clone());
    }
    if let Some(path) = &options.ready_file {
        write_whole(path, stack.summary().to_string().as_bytes())?;
    }
    Ok(stack)
}

/// Takes the port, and says how people reach it.
async fn listen(address: SocketAddr) -> Result<(TcpListener, String), StackError> {
    let refused = |source| StackError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let mut address = listener.local_addr().map_err(refused)?;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok((listener, format!("http://{address}")))
}

async fn serve(listener: TcpListener, app: Router, mut stopped: watch::Receiver<bool>) {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        // An error means that the stack was dropped, which stops it too.
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "the API stopped");
    }
}

/// The routes that the template has, as `POST /v1/users`.
///
/// # Errors
/// When the template cannot be read.
pub fn routes() -> Result<Vec<String>, StackError> {
    let parameters = BTreeMap::from([("BaseUrl", String::new()), ("Sender", SENDER.to_owned())]);
    let template = Template::parse(DEPLOYED, &parameters)?;
    let routes = template
        .functions
        .values()
        .flat_map(|function| &function.routes);
    Ok(routes
        .map(|route| format!("{} {}", route.method, route.path))
        .collect())
}

/// All that the roles of the template's functions grant, as [`Review`](crate::Review) tells of it.
///
/// # Errors
/// When the template cannot be read.
pub fn grants() -> Result<BTreeSet<String>, StackError> {
    let parameters = BTreeMap::from([("BaseUrl", String::new()), ("Sender", SENDER.to_owned())]);
    let mut template = Template::parse(DEPLOYED, &parameters)?;
    Ok(Roles::take(&mut template.functions).grants())
}

impl Stack {
    /// What the ready file says.
    #[must_use]
    pub fn summary(&self) -> Value {
        json!({
            "url": self.url,
            "s3_url": self.s3_url,
            "dynamodb_url": self.dynamodb_url,
            "bucket": self.bucket,
            "demo": self.demo,
        })
    }

    /// The clock by which everything runs; `advance` moves it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.local.clock
    }

    /// The mails that were sent.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.local.inbox
    }

    /// The context of a function, or of the [operator](crate::OPERATOR); none of a function that is processes, because each
    /// has its own.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&Arc<Context>> {
        match name {
            OPERATOR => Some(&self.operator),
            _ => self.local.functions.context(name),
        }
    }

    /// What a process of a function finds in its environment.
    #[must_use]
    pub fn variables(&self, function: &str) -> Option<&BTreeMap<String, String>> {
        self.local.functions.variables(function)
    }

    /// The embedded `DynamoDB`, for a look past the functions.
    #[must_use]
    pub fn database(&self) -> &dynoxide::Database {
        &self.dynamo.database
    }

    /// The roles of the functions, and what they were needed for.
    #[must_use]
    pub fn roles(&self) -> &Arc<Roles> {
        &self.roles
    }

    /// Invokes a function with an event, as Lambda would.
    ///
    /// # Errors
    /// When the function fails or does not exist.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvocationError> {
        self.local.functions.invoke(function, event).await
    }

    /// Posts JSON to a route without parameters.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.gateway.post(path, body).await
    }

    /// Moves the clock forward and runs what became due.
    pub async fn advance(&self, by: jiff::SignedDuration) {
        self.local.schedules.advance(by).await;
    }

    /// Resolves when everything written so far has gone through stream, topic and queues, and all work that it led to is done
    /// or given up.
    pub async fn settled(&self) {
        loop {
            self.local.queues.drained().await;
            if self.stream.catch_up().await == 0 && self.local.queues.is_drained() {
                return;
            }
        }
    }

    /// Sends every message of the past once more, in random order; needs `keep_history`.
    pub fn redeliver_all(&self) {
        self.local.queues.send_all_again();
    }

    /// The messages that were given up.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.local.queues.dead_letters()
    }

    /// Stops taking requests, lets open ones end, and frees port and data folder.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.tasks.shutdown().await;
        self.local.functions.stop().await;
        let Self {
            mut stream,
            mut dynamo,
            data,
            ..
        } = self;
        let stopped = tokio::task::spawn_blocking(move || {
            stream.stop();
            dynamo.stop();
            drop(data);
        });
        if stopped.await.is_err() {
            tracing::error!("the stack did not stop cleanly");
        }
    }
}

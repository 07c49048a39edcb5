//! What the template says reaches which function: routes, queues, rules, the pipe, subscriptions and schedules.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cloudformation::{CloudFormation, Resource, TemplateError, logical_id};
use crate::iam::Policy;
use crate::pattern::Pattern;

/// The template that is deployed.
pub const DEPLOYED: &str = include_str!("../../template.yaml");

/// The model of a template.
#[derive(Debug)]
pub struct Template {
    /// The functions, by operation.
    pub functions: BTreeMap<String, Function>,
    /// The queues, by logical id.
    pub queues: BTreeMap<String, Queue>,
    /// The topic's subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// The rules of the event bus.
    pub rules: Vec<Rule>,
    /// What the pipe from the table's stream lets through; any of them will do.
    pub outbox: Vec<Pattern>,
    /// The table.
    pub table: Table,
    /// The bucket's name.
    pub bucket: String,
    /// The ARNs of the secrets.
    pub secrets: Vec<String>,
}

/// A function and what triggers it.
#[derive(Debug, Default)]
pub struct Function {
    /// The operation's name, `sign-in`.
    pub name: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its memory, in megabytes.
    pub memory: u64,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// What its role may do.
    pub policy: Policy,
    /// The routes that lead to it.
    pub routes: Vec<Route>,
    /// The queues that it works off.
    pub sources: Vec<QueueSource>,
    /// When it runs by itself.
    pub schedules: Vec<Schedule>,
}

impl Function {
    /// Whether nothing triggers it: support invokes it.
    #[must_use]
    pub fn is_invoked_only(&self) -> bool {
        self.routes.is_empty() && self.sources.is_empty() && self.schedules.is_empty()
    }
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals.
    pub method: String,
    /// With parameters in braces.
    pub path: String,
}

/// A queue as a function's source of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// The queue's logical id.
    pub queue: String,
    /// Messages handed over at once, at most.
    pub batch_size: usize,
    /// Invocations at once, at most.
    pub concurrency: usize,
}

/// When a function runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The time between two runs.
    pub every: Duration,
    /// The event it gets, where the template says so.
    pub input: Option<String>,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its address as an event source.
    pub arn: String,
    /// How long a message that was handed over is hidden; if it failed it comes again then.
    pub visibility: Duration,
    /// How often a message is handed over before it becomes a dead letter.
    pub max_receives: u32,
}

/// A subscription of a queue to the topic.
#[derive(Debug)]
pub struct Subscription {
    /// What it lets through.
    pub filter: Pattern,
    /// The queue's logical id.
    pub queue: String,
}

/// A rule of the event bus.
#[derive(Debug)]
pub struct Rule {
    /// What it lets through.
    pub pattern: Pattern,
    /// The logical ids of the queues it sends to.
    pub queues: Vec<String>,
}

/// The table, as a request to create it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The body of `CreateTable`.
    pub create: Value,
    /// The body of `UpdateTimeToLive`.
    pub time_to_live: Value,
}

/// Resources that deliver nothing, so that the local stack needs no counterpart of them, and those of the console's
/// distribution, whose counterpart is `console.rs`.
const INERT: [&str; 14] = [
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SES::ConfigurationSet",
    "AWS::SES::ConfigurationSetEventDestination",
    "AWS::SES::EmailIdentity",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::HttpApi",
];

impl Template {
    /// Reads a template; `parameters` stand in for what a deployment would be asked.
    ///
    /// # Errors
    /// When the template is malformed, or wires something in a way the local stack does not understand.
    pub fn parse(yaml: &str, parameters: &BTreeMap<&str, String>) -> Result<Self, TemplateError> {
        let source = CloudFormation::parse(yaml, parameters)?;
        let mut reader = Reader::default();
        for (id, resource) in &source.resources {
            reader
                .resource(&source, id, resource)
                .map_err(|problem| problem.at(id))?;
        }
        reader.finish()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    functions: BTreeMap<String, Function>,
    queues: BTreeMap<String, Queue>,
    subscriptions: Vec<Subscription>,
    rules: Vec<Rule>,
    outbox: Vec<Pattern>,
    outbox_dead_letters: Vec<String>,
    table: Option<Table>,
    bucket: Option<String>,
    secrets: Vec<String>,
}

/// A problem whose place is not yet known.
enum Problem {
    Form(String),
    Pattern(crate::pattern::PatternError),
}

impl Problem {
    fn at(self, place: &str) -> TemplateError {
        match self {
            Self::Form(problem) => TemplateError::form(place, &problem),
            Self::Pattern(source) => TemplateError::Pattern {
                place: place.to_owned(),
                source,
            },
        }
    }
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self::Form(problem)
    }
}

impl From<crate::pattern::PatternError> for Problem {
    fn from(problem: crate::pattern::PatternError) -> Self {
        Self::Pattern(problem)
    }
}

impl Reader {
    fn resource(
        &mut self,
        source: &CloudFormation,
        id: &str,
        resource: &Resource,
    ) -> Result<(), Problem> {
        match resource.kind.as_str() {
            "AWS::Serverless::Function" => {
                let function = read_function(source, resource)?;
                self.functions.insert(function.name.clone(), function);
            }
            "AWS::SQS::Queue" => {
                let queue: QueueProperties = typed(source, &resource.properties)?;
                let arn = source.resolve(&json!({"Fn::GetAtt": format!("{id}.Arn")}))?;
                let arn = arn.as_str().unwrap_or_default().to_owned();
                let max_receives = queue
                    .redrive_policy
                    .map_or(u32::MAX, |policy| policy.max_receive_count);
                let queue = Queue {
                    arn,
                    visibility: Duration::from_secs(queue.visibility_timeout.unwrap_or(30)),
                    max_receives,
                };
                self.queues.insert(id.to_owned(), queue);
            }
            "AWS::SNS::Subscription" => self
                .subscriptions
                .push(read_subscription(source, resource)?),
            "AWS::Events::Rule" => self.rules.push(read_rule(source, resource)?),
            "AWS::Pipes::Pipe" => {
                let (filters, dead_letters) = read_pipe(source, resource)?;
                self.outbox.extend(filters);
                self.outbox_dead_letters.push(dead_letters);
            }
            "AWS::DynamoDB::Table" => {
                set_once(&mut self.table, read_table(source, resource)?, "table")?;
            }
            "AWS::S3::Bucket" => {
                let bucket: BucketProperties = typed(source, &resource.properties)?;
                // A bucket that tells nobody of new objects is not the functions': the console's files are in it.
                if bucket.notifications.is_some() {
                    set_once(&mut self.bucket, bucket.bucket_name, "bucket")?;
                }
            }
            "AWS::SecretsManager::Secret" => {
                if let Value::String(arn) = source.resolve(&json!({"Ref": id}))? {
                    self.secrets.push(arn);
                }
            }
            inert if INERT.contains(&inert) || inert.starts_with("AWS::CloudWatch::") => {}
            unknown => {
                return Err(format!("the local stack does not understand a {unknown}").into());
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Template, TemplateError> {
        let sources = self
            .functions
            .values()
            .flat_map(|function| &function.sources)
            .map(|source| &source.queue);
        let targets = self
            .subscriptions
            .iter()
            .map(|subscription| &subscription.queue);
        let ruled = self.rules.iter().flat_map(|rule| &rule.queues);
        if let Some(missing) = sources
            .chain(targets)
            .chain(ruled)
            .chain(&self.outbox_dead_letters)
            .find(|queue| !self.queues.contains_key(*queue))
        {
            return Err(TemplateError::form(
                missing,
                "is used as a queue and is none",
            ));
        }
        Ok(Template {
            functions: self.functions,
            queues: self.queues,
            subscriptions: self.subscriptions,
            rules: self.rules,
            outbox: self.outbox,
            table: self
                .table
                .ok_or_else(|| TemplateError::form("Resources", "there is no table"))?,
            bucket: self
                .bucket
                .ok_or_else(|| TemplateError::form("Resources", "there is no bucket"))?,
            secrets: self.secrets,
        })
    }
}

fn set_once<T>(place: &mut Option<T>, value: T, what: &str) -> Result<(), Problem> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("is a second {what}, and the local stack has one").into()),
    }
}

fn typed<T: DeserializeOwned>(source: &CloudFormation, properties: &Value) -> Result<T, Problem> {
    let resolved = source.resolve(properties)?;
    serde_json::from_value(resolved).map_err(|error| Problem::Form(error.to_string()))
}

fn read_function(source: &CloudFormation, resource: &Resource) -> Result<Function, Problem> {
    let globals: FunctionGlobals =
        typed(source, source.globals.get("Function").unwrap_or(&json!({})))?;
    let properties: FunctionProperties = typed(source, &resource.properties)?;
    let environment = [globals.environment, properties.environment];
    let environment = environment.into_iter().flat_map(|one| one.variables);
    let environment = environment.map(|(name, value)| (name, value.into()));
    let name = properties
        .code_uri
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let timeout = Duration::from_secs(properties.timeout.or(globals.timeout).unwrap_or(3));
    let memory = properties.memory_size.or(globals.memory_size);
    let mut function = Function {
        name,
        timeout,
        memory: memory.unwrap_or(128),
        environment: environment.collect(),
        policy: Policy::parse(properties.policies)?,
        ..Function::default()
    };
    for event in properties.events.into_values() {
        match event {
            Event::HttpApi { method, path, .. } => function.routes.push(Route {
                method: method.to_uppercase(),
                path,
            }),
            Event::Sqs(event) => {
                if event.function_response_types != ["ReportBatchItemFailures"] {
                    return Err("a queue's function must report its failed items"
                        .to_owned()
                        .into());
                }
                function.sources.push(QueueSource {
                    queue: logical_id(&event.queue).to_owned(),
                    batch_size: event.batch_size,
                    concurrency: event.scaling_config.maximum_concurrency,
                });
            }
            Event::ScheduleV2 {
                schedule_expression,
                input,
                ..
            } => {
                function.schedules.push(Schedule {
                    every: rate(&schedule_expression)?,
                    input,
                });
            }
        }
    }
    Ok(function)
}

/// `rate(5 minutes)` as a duration.
fn rate(expression: &str) -> Result<Duration, Problem> {
    let unknown = || {
        Problem::Form(format!(
            "the local stack does not understand the schedule {expression}"
        ))
    };
    let inner = expression
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .ok_or_else(unknown)?;
    let (count, unit) = inner.split_once(' ').ok_or_else(unknown)?;
    let count: u64 = count.parse().map_err(|_| unknown())?;
    let seconds = match (unit, count) {
        ("minute", 1) | ("minutes", 2..) => 60,
        ("hour", 1) | ("hours", 2..) => 3_600,
        ("day", 1) | ("days", 2..) => 86_400,
        _ => return Err(unknown()),
    };
    Ok(Duration::from_secs(count * seconds))
}

fn read_subscription(
    source: &CloudFormation,
    resource: &Resource,
) -> Result<Subscription, Problem> {
    let properties: SubscriptionProperties = typed(source, &resource.properties)?;
    if properties.protocol != "sqs"
        || !properties.raw_message_delivery
        || properties.filter_policy_scope != "MessageBody"
    {
        return Err(
            "a subscription must deliver raw messages to a queue and filter on their body"
                .to_owned()
                .into(),
        );
    }
    Ok(Subscription {
        filter: Pattern::parse(&properties.filter_policy)?,
        queue: logical_id(&properties.endpoint).to_owned(),
    })
}

fn read_rule(source: &CloudFormation, resource: &Resource) -> Result<Rule, Problem> {
    let properties: RuleProperties = typed(source, &resource.properties)?;
    Ok(Rule {
        pattern: Pattern::parse(&properties.event_pattern)?,
        queues: properties
            .targets
            .iter()
            .map(|target| logical_id(&target.arn).to_owned())
            .collect(),
    })
}

/// What the pipe lets through, and the queue of what it gives up on.
fn read_pipe(
    source: &CloudFormation,
    resource: &Resource,
) -> Result<(Vec<Pattern>, String), Problem> {
    let properties: PipeProperties = typed(source, &resource.properties)?;
    if !properties.source.contains(":dynamodb:") || !properties.target.contains(":sns:") {
        return Err("a pipe must lead from the table's stream to the topic"
            .to_owned()
            .into());
    }
    let SourceParameters {
        filter_criteria,
        stream,
    } = properties.source_parameters;
    let filters = filter_criteria.filters.into_iter().map(|filter| {
        let pattern: Value =
            serde_json::from_str(&filter.pattern).map_err(|error| error.to_string())?;
        Ok(Pattern::parse(&pattern)?)
    });
    let filters: Result<_, Problem> = filters.collect();
    let dead_letters = logical_id(&stream.dead_letter_config.arn).to_owned();
    Ok((filters?, dead_letters))
}

fn read_table(source: &CloudFormation, resource: &Resource) -> Result<Table, Problem> {
    let properties: TableProperties = typed(source, &resource.properties)?;
    let mut stream = properties.stream_specification;
    if let Some(stream) = stream.as_object_mut() {
        stream.insert("StreamEnabled".to_owned(), Value::Bool(true));
    }
    let create = json!({
        "TableName": properties.table_name,
        "BillingMode": properties.billing_mode,
        "AttributeDefinitions": properties.attribute_definitions,
        "KeySchema": properties.key_schema,
        "GlobalSecondaryIndexes": properties.global_secondary_indexes,
        "StreamSpecification": stream,
    });
    let time_to_live = json!({
        "TableName": properties.table_name,
        "TimeToLiveSpecification": properties.time_to_live_specification,
    });
    Ok(Table {
        name: properties.table_name,
        create,
        time_to_live,
    })
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct FunctionGlobals {
    timeout: Option<u64>,
    memory_size: Option<u64>,
    #[serde(default)]
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    code_uri: String,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    #[serde(default)]
    environment: Environment,
    policies: Value,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Variable>,
}

/// A variable's value: a process gets text, which a parameter need not be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Variable {
    Text(String),
    Number(serde_json::Number),
}

impl From<Variable> for String {
    fn from(variable: Variable) -> Self {
        match variable {
            Variable::Text(text) => text,
            Variable::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties", deny_unknown_fields)]
enum Event {
    #[serde(rename_all = "PascalCase")]
    HttpApi {
        method: String,
        path: String,
        #[serde(rename = "ApiId", default)]
        _api: Value,
    },
    #[serde(rename = "SQS")]
    Sqs(SqsEvent),
    #[serde(rename_all = "PascalCase")]
    ScheduleV2 {
        schedule_expression: String,
        input: Option<String>,
        #[serde(rename = "Name", default)]
        _name: Value,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SqsEvent {
    queue: String,
    batch_size: usize,
    function_response_types: Vec<String>,
    scaling_config: ScalingConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueueProperties {
    visibility_timeout: Option<u64>,
    redrive_policy: Option<RedrivePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    max_receive_count: u32,
    #[serde(rename = "deadLetterTargetArn")]
    _dead_letters: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionProperties {
    protocol: String,
    endpoint: String,
    #[serde(default)]
    raw_message_delivery: bool,
    filter_policy_scope: String,
    filter_policy: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleProperties {
    event_pattern: Value,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Target {
    arn: String,
    #[serde(rename = "Id")]
    _id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PipeProperties {
    source: String,
    source_parameters: SourceParameters,
    target: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SourceParameters {
    filter_criteria: FilterCriteria,
    #[serde(rename = "DynamoDBStreamParameters")]
    stream: StreamParameters,
}

/// How the pipe reads the stream. What it gives up on must not vanish; here nothing is ever given up on, because stream and
/// queues are one process.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StreamParameters {
    dead_letter_config: DeadLetterConfig,
    #[serde(rename = "MaximumRecordAgeInSeconds")]
    _maximum_record_age: u64,
    #[serde(rename = "StartingPosition")]
    _starting_position: Value,
    #[serde(rename = "BatchSize")]
    _batch_size: Value,
    #[serde(rename = "OnPartialBatchItemFailure")]
    _on_partial_failure: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableProperties {
    table_name: String,
    billing_mode: String,
    attribute_definitions: Value,
    key_schema: Value,
    global_secondary_indexes: Value,
    stream_specification: Value,
    time_to_live_specification: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BucketProperties {
    bucket_name: String,
    #[serde(rename = "NotificationConfiguration")]
    notifications: Option<Notifications>,
}

/// Only the event bus is told of new objects.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Notifications {
    #[serde(rename = "EventBridgeConfiguration")]
    _event_bridge: Value,
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use muster_shared::domain::{export, import, invitation};

    use super::*;

    fn parameters() -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("BaseUrl", "http://127.0.0.1:7070".to_owned()),
            ("Sender", "a@b.example".to_owned()),
        ])
    }

    #[test]
    fn the_deployed_template_is_understood() {
        let template = Template::parse(DEPLOYED, &parameters()).unwrap();
        assert_eq!(template.table.name, "muster");
        assert_eq!(template.functions.len(), 33);
        let mail = &template.functions["send-mail"];
        assert_eq!(
            mail.sources,
            [QueueSource {
                queue: "MailQueue".into(),
                batch_size: 10,
                concurrency: 5
            }]
        );
        assert_eq!(template.queues["ExportQueue"].max_receives, 5);
        assert_eq!(
            (mail.memory, template.functions["sign-in"].memory),
            (256, 1769)
        );
        assert!(mail.environment.contains_key("SIGNING_SECRET_ARN"));
        assert!(
            !template.functions["invite"]
                .environment
                .contains_key("SIGNING_SECRET_ARN")
        );
        assert_eq!(mail.environment["BASE_URL"], "http://127.0.0.1:7070");
        assert_eq!(mail.environment["MAIL_CONCURRENCY"], "5");
        assert_eq!(
            template.functions["expire-invitations"].schedules[0].every,
            Duration::from_mins(5)
        );
        let route = Route {
            method: "POST".into(),
            path: "/v1/products/{id}/assign".into(),
        };
        assert!(template.functions["assign"].routes.contains(&route));
        assert_eq!(
            (
                template.subscriptions.len(),
                template.rules.len(),
                template.outbox.len()
            ),
            (4, 2, 1)
        );
    }

    /// A job is said to have failed once it was silent for so long. Until then a worker may still be at it, or begin.
    #[test]
    fn nothing_is_said_to_have_failed_that_a_queue_still_tries() {
        let template = Template::parse(DEPLOYED, &parameters()).unwrap();
        let signed = |duration: Duration| SignedDuration::try_from(duration).unwrap();
        // These note each attempt when it begins; the next one begins when the message is visible again.
        for (queue, function, patience) in [
            ("ImportQueue", "import", import::CHECKING),
            ("ExportQueue", "export", export::WRITING),
        ] {
            let attempt = template.queues[queue].visibility + template.functions[function].timeout;
            assert!(patience > signed(attempt), "{queue}");
        }
        // Of these only success is noted.
        for (queue, function, patience) in [
            ("ImportChunkQueue", "import-chunk", import::IMPORTING),
            ("MailQueue", "send-mail", invitation::SENDING),
        ] {
            let (queue, function) = (&template.queues[queue], &template.functions[function]);
            let attempts = queue.visibility * queue.max_receives + function.timeout;
            assert!(patience > signed(attempts), "{}", function.name);
        }
        // Who hands a chunk over is in time for that, however long the transaction under way takes.
        let shift = import_chunk::SHIFT;
        assert!(signed(template.functions["import-chunk"].timeout) > 2 * shift);
        let mail = &template.queues["MailQueue"];
        let outage = Duration::from_hours(12);
        assert!(mail.visibility * mail.max_receives >= outage);
    }

    #[test]
    fn the_files_of_an_import_stay_as_long_as_it_does() {
        let days = import::KEPT.as_hours() / 24;
        for prefix in ["uploads", "drop", "plans", "reports"] {
            let rule = format!("Prefix: {prefix}/, ExpirationInDays: {days} }}");
            assert!(DEPLOYED.contains(&rule), "{rule}");
        }
    }

    #[test]
    fn a_pipe_that_lets_records_vanish_is_refused() {
        let changed = DEPLOYED.replacen(
            "          DeadLetterConfig: { Arn: !GetAtt OutboxDeadLetters.Arn }\n",
            "",
            1,
        );
        let refused = Template::parse(&changed, &parameters())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("DeadLetterConfig"), "{refused}");
    }

    #[test]
    fn what_only_the_local_stack_sets_is_never_deployed() {
        for local in ["CLOCK_FILE", "METER"] {
            assert!(!DEPLOYED.contains(local), "{local}");
        }
    }

    #[test]
    fn every_role_fits_into_inline_policies_and_names_the_keys_it_is_about() {
        let source = CloudFormation::parse(DEPLOYED, &parameters()).unwrap();
        let functions = source.resources.iter();
        for (id, function) in functions.filter(|(_, one)| one.kind == "AWS::Serverless::Function") {
            let policies = source.resolve(&function.properties["Policies"]).unwrap();
            // IAM takes 10,240 characters; names on AWS are longer than here.
            assert!(policies.to_string().len() < 8_000, "{id}");
            let statements = policies[0]["Statement"].as_array().unwrap();
            for statement in statements.iter().map(Value::to_string) {
                // Whoever scans reads everything.
                let keyed = statement.contains("dynamodb:LeadingKeys")
                    || statement.contains("dynamodb:Scan");
                assert!(
                    keyed || !statement.contains(":dynamodb:"),
                    "{id}: {statement}"
                );
            }
        }
    }

    #[test]
    fn a_policy_that_it_does_not_evaluate_is_refused() {
        let changed = DEPLOYED.replacen("ses:FromAddress", "ses:FromDisplayName", 1);
        let refused = Template::parse(&changed, &parameters())
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("SendMail") && refused.contains("ses:FromDisplayName"),
            "{refused}"
        );
    }

    #[test]
    fn a_trigger_it_does_not_know_is_refused() {
        let changed = DEPLOYED.replacen("Type: ScheduleV2", "Type: Kinesis", 1);
        let refused = Template::parse(&changed, &parameters())
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("ExpireInvitations") && refused.contains("Kinesis"),
            "{refused}"
        );
    }

    #[test]
    fn a_resource_it_does_not_know_is_refused() {
        let changed = DEPLOYED.replacen(
            "Type: AWS::S3::BucketPolicy\n",
            "Type: AWS::Kinesis::Stream\n",
            1,
        );
        let refused = Template::parse(&changed, &parameters())
            .unwrap_err()
            .to_string();
        assert!(refused.contains("Kinesis"), "{refused}");
    }

    #[test]
    fn a_misspelt_rate_is_refused() {
        assert!(rate("rate(1 minutes)").is_err());
        assert!(rate("cron(0 0 * * ? *)").is_err());
        assert!(rate("rate(2 hours)").is_ok_and(|every| every == Duration::from_hours(2)));
    }
}

//! Calls that go wrong on purpose: tests put this between the functions and the services, and nobody else does.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::{broadcast, watch};

use crate::iam::{OPERATOR, access_key, header};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The service is asked for too much, and says so.
    Throttled,
    /// The service has a fault of its own, and says so.
    Broken,
    /// The service cannot be reached, by this call and all that follow until the function's invocation is over.
    Refused,
    /// Nobody answers, and nothing is done.
    LostBefore,
    /// Nobody answers, though it is done.
    LostAfter,
    /// Nobody answers, and the connection does not end either: the client finds out by its own patience.
    Hung,
    /// The function's process dies before anything is done.
    KilledBefore,
    /// The function's process dies when it is done.
    KilledAfter,
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lasting {
    /// For the client's first attempt at the call.
    Once,
    /// For all of the client's attempts: it gives up.
    Throughout,
}

/// A service that functions call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// `DynamoDB`.
    Dynamo,
    /// S3.
    S3,
    /// SES or Secrets Manager.
    Other,
}

/// One call among those of a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The function.
    pub function: String,
    /// The operation, as the service calls it.
    pub operation: String,
    /// Which of the function's calls of this operation it is, from 0.
    pub number: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s {} {}", self.function, self.operation, self.number)
    }
}

/// That a fault is to strike a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Planned {
    /// The call.
    pub call: Call,
    /// The fault.
    pub fault: Fault,
    /// For how long.
    pub lasting: Lasting,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} {:?}", self.call, self.fault, self.lasting)
    }
}

/// The calls that functions make, and what goes wrong with them.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<Course>,
    deaths: broadcast::Sender<String>,
    running: watch::Sender<usize>,
}

/// What happened since the faults were planned.
#[derive(Debug, Default)]
struct Course {
    planned: Vec<Planned>,
    /// One in how many calls goes wrong once, whatever is planned.
    odds: Option<u64>,
    struck: Vec<Planned>,
    calls: Vec<Call>,
    /// The calls by what the client calls them: all its attempts have the same name.
    known: HashMap<String, Call>,
    /// The function and the service that it cannot reach.
    outage: Option<(String, Service)>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            deaths: broadcast::Sender::new(16),
            running: watch::Sender::new(0),
        }
    }
}

impl Faults {
    /// From now on these faults strike, and calls are counted anew.
    pub fn plan(&self, planned: &[Planned]) {
        *self.state() = Course {
            planned: planned.to_vec(),
            ..Course::default()
        };
    }

    /// From now on one in so many calls goes wrong once, in whatever way a client can get over by itself. Nothing is counted, so
    /// that this can go on for long.
    pub fn now_and_then(&self, one_in: u64) {
        *self.state() = Course {
            odds: Some(one_in),
            ..Course::default()
        };
    }

    /// The calls of functions since then, in order; the attempts of a client are one call.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The faults that struck since then.
    #[must_use]
    pub fn struck(&self) -> Vec<Planned> {
        self.state().struck.clone()
    }

    /// Resolves when no call is being carried out.
    pub async fn quiet(&self) {
        let mut running = self.running.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = running.wait_for(|count| *count == 0).await;
    }

    /// Resolves when the process of a function dies, from when this is called on.
    pub fn death(&self, function: &str) -> impl Future<Output = ()> + use<> {
        let (mut deaths, function) = (self.deaths.subscribe(), function.to_owned());
        async move {
            // Nobody but tests plans faults, and never so many that one is missed.
            while deaths.recv().await.as_ref() != Ok(&function) {}
        }
    }

    /// That an invocation of a function is over: the next one finds the services where they were.
    pub fn over(&self, function: &str) {
        let outage = &mut self.state().outage;
        if outage.as_ref().is_some_and(|(whose, _)| whose == function) {
            *outage = None;
        }
    }

    fn state(&self) -> MutexGuard<'_, Course> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Course {
    /// What goes wrong with an attempt at a call.
    fn attempt(
        &mut self,
        function: &str,
        service: Service,
        operation: String,
        name: &str,
    ) -> Option<Fault> {
        let first = !self.known.contains_key(name);
        if first {
            let same = |call: &&Call| call.function == function && call.operation == operation;
            let call = Call {
                number: self.calls.iter().filter(same).count(),
                function: function.to_owned(),
                operation,
            };
            self.calls.push(call.clone());
            self.known.insert(name.to_owned(), call);
        }
        let call = self.known.get(name)?;
        let strikes = |planned: &&Planned| {
            planned.call == *call && (first || planned.lasting == Lasting::Throughout)
        };
        if let Some(planned) = self.planned.iter().find(strikes) {
            if first {
                self.struck.push(planned.clone());
            }
            if planned.fault == Fault::Refused {
                self.outage = Some((function.to_owned(), service));
            }
            return Some(planned.fault);
        }
        let outage = self.outage.as_ref();
        let out = outage.is_some_and(|out| (out.0.as_str(), out.1) == (function, service));
        out.then_some(Fault::Refused)
    }
}

/// Puts the faults in front of a service.
pub fn before(app: Router, faults: Option<&Arc<Faults>>, service: Service) -> Router {
    match faults {
        Some(faults) => app.layer(from_fn_with_state((Arc::clone(faults), service), strike)),
        None => app,
    }
}

async fn strike(
    State((faults, service)): State<(Arc<Faults>, Service)>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let function = access_key(headers).filter(|key| *key != OPERATOR);
    let Some(function) = function.map(str::to_owned) else {
        return next.run(request).await;
    };
    let _running = Running::new(&faults.running);
    let operation = operation(request.method(), request.uri(), headers);
    let name = header(headers, "amz-sdk-invocation-id").to_owned();
    let first = header(headers, "amz-sdk-request").starts_with("attempt=1;");
    let fault = {
        let mut course = faults.state();
        match course.odds {
            Some(odds) if first => by_chance(&name, odds),
            Some(_) => None,
            None => course.attempt(&function, service, operation, &name),
        }
    };
    if matches!(fault, None | Some(Fault::LostAfter | Fault::KilledAfter)) {
        let answer = next.run(request).await;
        if fault.is_none() {
            return answer;
        }
    }
    match fault {
        None | Some(Fault::Refused | Fault::LostBefore | Fault::LostAfter) => silence(),
        Some(Fault::Hung) => std::future::pending().await,
        Some(Fault::Throttled) => throttled(service),
        Some(Fault::Broken) => broken(service),
        Some(Fault::KilledBefore | Fault::KilledAfter) => {
            // Nobody listens where nothing runs any more.
            let _ = faults.deaths.send(function);
            std::future::pending().await
        }
    }
}

/// What goes wrong with one in so many calls.
fn by_chance(name: &str, odds: u64) -> Option<Fault> {
    const FAULTS: [Fault; 4] = [
        Fault::Throttled,
        Fault::Broken,
        Fault::LostBefore,
        Fault::LostAfter,
    ];
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let drawn = hasher.finish();
    let which = usize::try_from(drawn / odds).unwrap_or_default() % FAULTS.len();
    drawn.is_multiple_of(odds).then(|| FAULTS[which])
}

/// A call that is being carried out.
struct Running<'a>(&'a watch::Sender<usize>);

impl<'a> Running<'a> {
    fn new(running: &'a watch::Sender<usize>) -> Self {
        running.send_modify(|count| *count += 1);
        Self(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Ends the connection without a byte of an answer: to the client the same as an answer that did not come in time.
fn silence() -> Response {
    let end = stream::once(std::future::ready(Err::<&[u8], _>(std::io::Error::other(
        "nobody answers",
    ))));
    Body::from_stream(end).into_response()
}

fn throttled(service: Service) -> Response {
    let (status, code) = match service {
        Service::Dynamo => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        Service::S3 => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Service::Other => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
    };
    problem(service, status, code)
}

fn broken(service: Service) -> Response {
    let code = match service {
        Service::Dynamo => "InternalServerError",
        Service::S3 => "InternalError",
        Service::Other => "InternalServiceErrorException",
    };
    problem(service, StatusCode::INTERNAL_SERVER_ERROR, code)
}

fn problem(service: Service, status: StatusCode, code: &'static str) -> Response {
    let body = match service {
        Service::S3 => format!("<Error><Code>{code}</Code><Message>On purpose.</Message></Error>"),
        Service::Dynamo | Service::Other => {
            format!("{{\"__type\":\"{code}\",\"message\":\"On purpose.\"}}")
        }
    };
    (status, [("x-amzn-errortype", code)], body).into_response()
}

/// What a request asks of a service, as the service calls it.
fn operation(method: &Method, uri: &Uri, headers: &HeaderMap) -> String {
    let target = header(headers, "x-amz-target");
    if let Some((_, operation)) = target.rsplit_once('.') {
        return operation.to_owned();
    }
    if uri.path() == "/v2/email/outbound-emails" {
        return "SendEmail".to_owned();
    }
    let query = uri.query().unwrap_or_default();
    let operation = match (method.as_str(), query.contains("uploadId=")) {
        ("POST", false) => "CreateMultipartUpload",
        ("PUT", true) => "UploadPart",
        ("POST", true) => "CompleteMultipartUpload",
        ("DELETE", true) => "AbortMultipartUpload",
        ("PUT", false) => "PutObject",
        ("GET", _) => "GetObject",
        ("HEAD", _) => "HeadObject",
        ("DELETE", false) => "DeleteObject",
        (method, _) => method,
    };
    operation.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(fault: Fault, lasting: Lasting) -> Planned {
        let call = Call {
            function: "invite".to_owned(),
            operation: "GetItem".to_owned(),
            number: 1,
        };
        Planned {
            call,
            fault,
            lasting,
        }
    }

    /// What becomes of the attempts with these names.
    fn attempts(faults: &Faults, names: &[&str]) -> Vec<Option<Fault>> {
        let mut course = faults.state();
        let attempt = |name: &&str| {
            let operation = "GetItem".to_owned();
            course.attempt("invite", Service::Dynamo, operation, name)
        };
        names.iter().map(attempt).collect()
    }

    #[test]
    fn all_attempts_at_a_call_are_one_call_and_a_fault_strikes_the_first_or_all() {
        let (faults, struck) = (Faults::default(), Some(Fault::Broken));
        faults.plan(&[planned(Fault::Broken, Lasting::Once)]);
        let names = ["a", "b", "b", "c"];
        assert_eq!(attempts(&faults, &names), [None, struck, None, None]);
        assert_eq!((faults.calls().len(), faults.struck().len()), (3, 1));
        faults.plan(&[planned(Fault::Broken, Lasting::Throughout)]);
        assert_eq!(attempts(&faults, &names), [None, struck, struck, None]);
        assert_eq!((faults.calls().len(), faults.struck().len()), (3, 1));
    }

    #[test]
    fn by_chance_every_fault_strikes_as_often_as_it_should() {
        let names = (0..10_000).map(|n| format!("call {n}"));
        let mut struck: HashMap<Fault, u32> = HashMap::new();
        for fault in names.filter_map(|name| by_chance(&name, 10)) {
            *struck.entry(fault).or_default() += 1;
        }
        assert_eq!(struck.len(), 4);
        assert!(
            struck.values().all(|count| (150..350).contains(count)),
            "{struck:?}"
        );
    }

    #[test]
    fn a_service_that_cannot_be_reached_is_there_again_for_the_next_invocation() {
        let (faults, out) = (Faults::default(), Some(Fault::Refused));
        faults.plan(&[planned(Fault::Refused, Lasting::Throughout)]);
        assert_eq!(attempts(&faults, &["a", "b", "c"]), [None, out, out]);
        faults.over("resend");
        assert_eq!(attempts(&faults, &["d"]), [out]);
        faults.over("invite");
        assert_eq!(attempts(&faults, &["e"]), [None]);
    }
}

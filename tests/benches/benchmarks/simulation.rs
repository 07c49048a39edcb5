//! Mail workers with the real pace, before an SES that counts as AWS's does, in virtual time.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use muster_shared::mail::pace::Pace;

use crate::virtual_time::{Chance, Task, VirtualTime};

/// Messages that a worker gets at once.
const BATCH: usize = 10;
/// When a message that failed is there again, and how often one is handed out: the queue's, in the template.
const VISIBILITY: Duration = Duration::from_mins(6);
const MAX_RECEIVES: u32 = 120;
/// How often the SDK tries a call that was throttled, as it does unless told otherwise.
const ATTEMPTS: u32 = 3;

/// What is simulated.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Mails that wait.
    pub mails: u32,
    /// Mails a second that SES takes.
    pub rate: u32,
    /// Mails that it takes at once, above that rate.
    pub burst: u32,
    /// Workers at once.
    pub workers: u32,
    /// Half of its calls take SES longer than these milliseconds.
    pub latency: f64,
    /// Whether workers pace themselves.
    pub paced: bool,
}

/// Invitations of a large company, by what the template deploys unless told otherwise.
pub const INVITATIONS: Scene = Scene {
    mails: 100_000,
    rate: 14,
    burst: 14,
    workers: 5,
    latency: 100.0,
    paced: true,
};

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Mails that SES took.
    pub sent: u32,
    /// Calls that it throttled.
    pub throttled: u32,
    /// Messages that were handed out as often as the queue allows.
    pub lost: u32,
    /// From the first mail to the last.
    pub time: Duration,
    /// The most mails that SES took at once above the rate.
    pub ahead: f64,
    /// How long a link had lived when SES took its mail, at most.
    pub oldest_link: Duration,
}

impl Outcome {
    /// The part that was used of what SES would have taken.
    pub fn used(&self, rate: u32) -> f64 {
        f64::from(self.sent) / (self.time.as_secs_f64() * f64::from(rate))
    }

    /// The part of the calls that were throttled.
    pub fn throttled(&self) -> f64 {
        f64::from(self.throttled) / f64::from(self.sent + self.throttled)
    }
}

/// SES: takes as many mails a second as its rate says, and short bursts above ("Maximum send rate",
/// docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html).
struct Ses {
    rate: f64,
    burst: f64,
    room: Cell<f64>,
    since: Cell<Instant>,
}

impl Ses {
    fn takes(&self, now: Instant) -> bool {
        let refilled = (now - self.since.replace(now)).as_secs_f64() * self.rate;
        let room = (self.room.get() + refilled).min(self.burst);
        let takes = room >= 1.0;
        self.room.set(if takes { room - 1.0 } else { room });
        takes
    }
}

/// The queue, by when a message can be had and how often it was.
#[derive(Default)]
struct Queue(RefCell<BinaryHeap<Reverse<(Instant, u32)>>>);

impl Queue {
    fn receive(&self, now: Instant) -> Vec<u32> {
        let mut messages = self.0.borrow_mut();
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(Reverse((at, receives))) = messages.peek().copied()
            && at <= now
        {
            messages.pop();
            batch.push(receives + 1);
        }
        batch
    }
}

/// What all workers share.
struct Office {
    time: VirtualTime,
    scene: Scene,
    chance: Chance,
    queue: Queue,
    ses: Ses,
    /// Execution environments that wait, each with its own pace; the warmest last.
    idle: RefCell<Vec<Pace>>,
    /// Mails that nobody has sent or lost.
    open: Cell<u32>,
    outcome: Rc<RefCell<Outcome>>,
    first: Cell<Option<Instant>>,
    last: Cell<Instant>,
    ahead: Cell<f64>,
}

/// Sends all mails.
pub fn run(scene: Scene) -> Outcome {
    let outcome = Rc::<RefCell<Outcome>>::default();
    VirtualTime::run(|time| {
        let office = Rc::new(Office::open(time, scene, &outcome));
        let worker = |_| Box::pin(Rc::clone(&office).work()) as Task;
        (0..scene.workers).map(worker).collect()
    });
    outcome.take()
}

impl Office {
    fn open(time: &VirtualTime, scene: Scene, outcome: &Rc<RefCell<Outcome>>) -> Self {
        let now = time.now();
        let messages = (0..scene.mails).map(|_| Reverse((now, 0)));
        Self {
            time: time.clone(),
            scene,
            chance: Chance::new(14),
            queue: Queue(RefCell::new(messages.collect())),
            ses: Ses {
                rate: scene.rate.into(),
                burst: scene.burst.into(),
                room: Cell::new(scene.burst.into()),
                since: Cell::new(now),
            },
            idle: RefCell::default(),
            open: Cell::new(scene.mails),
            outcome: Rc::clone(outcome),
            first: Cell::new(None),
            last: Cell::new(now),
            ahead: Cell::new(0.0),
        }
    }

    /// One of the invocations that there may be at once, after the other.
    async fn work(self: Rc<Self>) {
        while self.open.get() > 0 {
            // What goes by from one invocation to the next: an answer of the queue, and the way to the function.
            self.pass(30.0, 120.0).await;
            let batch = self.queue.receive(self.time.now());
            if batch.is_empty() {
                self.time.sleep(Duration::from_secs(1)).await;
                continue;
            }
            let environment = self.environment().await;
            for receives in batch {
                self.handle(&environment, receives).await;
            }
            self.idle.borrow_mut().push(environment);
        }
    }

    /// Where an invocation runs: in the environment that waits for the shortest time, in another now and then, and in a new
    /// one when there is none or Lambda has had enough of it.
    async fn environment(&self) -> Pace {
        if let Some(waiting) = self.waiting() {
            return waiting;
        }
        self.pass(60.0, 200.0).await;
        let rate = if self.scene.paced {
            self.scene.rate
        } else {
            u32::MAX
        };
        Pace::new(
            Duration::from_secs(self.scene.workers.into()) / rate,
            self.time.now(),
        )
    }

    fn waiting(&self) -> Option<Pace> {
        let chance = self.chance.unit();
        let mut idle = self.idle.borrow_mut();
        if chance < 0.05 && idle.len() > 1 {
            return Some(idle.remove(0));
        }
        if chance < 0.99 { idle.pop() } else { None }
    }

    /// A mail, in the order of things of `send-mail`.
    async fn handle(&self, pace: &Pace, receives: u32) {
        // It is read, with all that its letter says.
        self.pass(25.0, 90.0).await;
        let turn = pace.turn(self.time.now());
        self.time.sleep_until(turn.begin).await;
        let link_lives_from = self.time.now();
        // It is taken, rendered and signed.
        self.pass(20.0, 80.0).await;
        if self.send().await {
            self.linked_for(self.time.now() - link_lives_from);
            // And noted.
            self.pass(8.0, 40.0).await;
        } else if receives < MAX_RECEIVES {
            let again = Reverse((self.time.now() + VISIBILITY, receives));
            self.queue.0.borrow_mut().push(again);
        } else {
            self.outcome.borrow_mut().lost += 1;
            self.open.set(self.open.get() - 1);
        }
        self.time.sleep_until(turn.end).await;
    }

    fn linked_for(&self, age: Duration) {
        let mut outcome = self.outcome.borrow_mut();
        outcome.oldest_link = outcome.oldest_link.max(age);
    }

    /// The call of SES, which the SDK tries again when it is throttled: after up to a second, two, four.
    async fn send(&self) -> bool {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let longest = f64::from(1_u32 << (attempt - 1));
                let rest = Duration::from_secs_f64(longest * self.chance.unit());
                self.time.sleep(rest).await;
            }
            self.pass(self.scene.latency / 2.0, self.scene.latency * 3.0)
                .await;
            let now = self.time.now();
            let taken = self.ses.takes(now);
            self.count(taken, now);
            self.pass(self.scene.latency / 2.0, self.scene.latency * 3.0)
                .await;
            if taken {
                return true;
            }
        }
        false
    }

    fn count(&self, taken: bool, now: Instant) {
        let mut outcome = self.outcome.borrow_mut();
        if !taken {
            outcome.throttled += 1;
            return;
        }
        let first = self.first.get().unwrap_or(now);
        self.first.set(Some(first));
        let passed = (now - self.last.replace(now)).as_secs_f64() * f64::from(self.scene.rate);
        self.ahead.set((self.ahead.get() - passed).max(0.0) + 1.0);
        outcome.ahead = outcome.ahead.max(self.ahead.get());
        outcome.sent += 1;
        outcome.time = now - first;
        self.open.set(self.open.get() - 1);
    }

    async fn pass(&self, median: f64, p99: f64) {
        self.time.sleep(self.chance.latency(median, p99)).await;
    }
}

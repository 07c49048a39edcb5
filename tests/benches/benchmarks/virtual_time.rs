//! Time that passes only when everybody waits: many workers over hours, in a moment and always in the same way.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The clock of a simulation, whose tasks wait for nothing but time.
#[derive(Clone)]
pub struct VirtualTime(Rc<State>);

struct State {
    now: Cell<Instant>,
    /// Which task waits until when; who came first goes first.
    waiting: RefCell<BinaryHeap<Reverse<(Instant, u64, usize)>>>,
    waits: Cell<u64>,
    running: Cell<usize>,
}

/// Somebody who does something in a simulation.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

impl VirtualTime {
    /// Runs what `tasks` makes to its end, and says how much time went by.
    pub fn run(tasks: impl FnOnce(&Self) -> Vec<Task>) -> Duration {
        let start = Instant::now();
        let time = Self(Rc::new(State {
            now: Cell::new(start),
            waiting: RefCell::default(),
            waits: Cell::new(0),
            running: Cell::new(0),
        }));
        let mut tasks = tasks(&time);
        for task in 0..tasks.len() {
            time.go_on(&mut tasks, task);
        }
        while let Some(Reverse((until, _, task))) = time.next() {
            time.0.now.set(until);
            time.go_on(&mut tasks, task);
        }
        time.now() - start
    }

    /// The moment.
    pub fn now(&self) -> Instant {
        self.0.now.get()
    }

    /// Waits until a moment.
    pub async fn sleep_until(&self, until: Instant) {
        if until <= self.now() {
            return;
        }
        let (state, wait) = (&self.0, self.0.waits.get());
        state.waits.set(wait + 1);
        let waiting = Reverse((until, wait, state.running.get()));
        state.waiting.borrow_mut().push(waiting);
        std::future::poll_fn(|_| {
            if self.now() < until {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    /// Waits for a while.
    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.now() + time).await;
    }

    fn next(&self) -> Option<Reverse<(Instant, u64, usize)>> {
        self.0.waiting.borrow_mut().pop()
    }

    fn go_on(&self, tasks: &mut [Task], task: usize) {
        self.0.running.set(task);
        let mut context = Context::from_waker(Waker::noop());
        // A task that is done waits for nothing, and is not asked again.
        let _ = tasks[task].as_mut().poll(&mut context);
    }
}

/// Chance that repeats itself: xorshift64* (Vigna 2016).
pub struct Chance(Cell<u64>);

impl Chance {
    /// Chance that goes its own way for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    /// A number from 0 up to, and without, 1.
    pub fn unit(&self) -> f64 {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(1_u32 << 24)
    }

    /// Milliseconds as services take them: log-normal, half of them longer than `median`, one in a hundred longer than
    /// `p99`.
    pub fn latency(&self, median: f64, p99: f64) -> Duration {
        // Box and Muller's normal number; 2.326 is what one in a hundred of those exceeds.
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
        let spread = (p99 / median).ln() / 2.326;
        Duration::from_secs_f64(median * (spread * normal).exp() / 1_000.0)
    }
}

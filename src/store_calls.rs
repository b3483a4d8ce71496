//! Store calls: tickets with deadlines, and the queues of sockets.

use std::{sync::Arc, time::Duration};

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use napi_derive::napi;
use parking_lot::Mutex;
use session_core::ticket::{Answer, QueueNumber, Ticket, Tickets};
use tokio::sync::Notify;

use crate::{clock, runtime::runtime};

/// Deadlines are looked at this often at most, in ms. One is at most twice as late.
const LOOK_MS: u64 = 20;

/// The calls that one copy of the JavaScript makes to session stores.
///
/// Each takes a ticket, and is answered once, in time, and in the order of its socket's queue.
#[napi]
pub struct StoreCalls {
    calls: Arc<Calls>,
}

/// The part of [`StoreCalls`] that its background task shares.
#[derive(Default)]
struct Calls {
    state: Mutex<State>,
    /// Wakes the task.
    wake: Notify,
}

#[derive(Default)]
struct State {
    tickets: Tickets,
    /// When the task looks at the deadlines next, in ms; nothing while it sleeps until it is woken.
    next_look: Option<u64>,
    /// The object is gone: the task ends.
    is_over: bool,
}

#[napi]
impl StoreCalls {
    /// `callback` gets the tickets whose deadline has passed. Each still needs its `answer`.
    #[napi(
        constructor,
        catch_unwind,
        ts_args_type = "callback: (tickets: number[]) => void"
    )]
    pub fn new(callback: Function<'_, Vec<f64>, ()>) -> napi::Result<Self> {
        let tell = callback
            .build_threadsafe_function::<Vec<f64>>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let calls = Arc::<Calls>::default();
        let shared = Arc::clone(&calls);
        runtime()?.spawn(async move {
            while let Some(passed) = shared.passed().await {
                let numbers = passed.iter().map(|ticket| ticket.number() as f64).collect();
                let status = tell.call(numbers, ThreadsafeFunctionCallMode::NonBlocking);
                if status == Status::Closing {
                    return;
                }
            }
        });
        Ok(Self { calls })
    }

    /// Takes a ticket for a store call that is due `timeout` ms from now, in a socket's queue (-1: in none). Gives 0 when too
    /// many calls are in flight.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn open(&self, queue: f64, timeout: f64) -> f64 {
        let due = clock::monotonic().saturating_add(timeout as u64);
        let mut state = self.calls.state.lock();
        let opened = state.tickets.open(number(queue), due);
        let looks_too_late = |look: u64| due.saturating_add(LOOK_MS) < look;
        let must_wake = state.next_look.is_none_or(looks_too_late);
        drop(state);
        if must_wake {
            self.calls.wake.notify_one();
        }
        opened.map_or(0.0, |ticket| ticket.number() as f64)
    }

    /// Takes the answer of a store, or a passed deadline. Gives 0 to drop it, 1 to hold it until it is released, 2 to go on,
    /// 3 to go on and then call `release`.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn answer(&self, ticket: f64) -> u32 {
        let ticket = Ticket::from_number(ticket as u64);
        match self.calls.state.lock().tickets.answer(ticket) {
            Answer::Ignore => 0,
            Answer::Hold => 1,
            Answer::Run => 2,
            Answer::RunAndRelease => 3,
        }
    }

    /// Gives the next held ticket of a queue whose turn has come, or 0.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn release(&self, queue: f64) -> f64 {
        let mut state = self.calls.state.lock();
        let released = number(queue).and_then(|queue| state.tickets.release(queue));
        released.map_or(0.0, |ticket| ticket.number() as f64)
    }

    /// Opens the queue of a socket: its events run in order. Gives its number.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn open_queue(&self) -> u32 {
        self.calls.state.lock().tickets.open_queue()
    }

    /// Closes the queue of a socket. Calls that still wait in it are dropped.
    #[napi(catch_unwind)]
    pub fn close_queue(&self, queue: f64) {
        if let Some(queue) = number(queue) {
            self.calls.state.lock().tickets.close_queue(queue);
        }
    }
}

impl Drop for StoreCalls {
    fn drop(&mut self) {
        self.calls.state.lock().is_over = true;
        self.calls.wake.notify_one();
    }
}

impl Calls {
    /// Waits for the next tickets whose deadline has passed; nothing when the object is gone.
    async fn passed(&self) -> Option<Vec<Ticket>> {
        loop {
            let wait = {
                let mut state = self.state.lock();
                if state.is_over {
                    return None;
                }
                let now = clock::monotonic();
                let passed = state.tickets.due(now);
                if !passed.is_empty() {
                    return Some(passed);
                }
                let next = state.tickets.next_due();
                state.next_look = next.map(|due| due.max(now + LOOK_MS));
                state
                    .next_look
                    .map(|look| Duration::from_millis(look - now))
            };
            let woken = self.wake.notified();
            match wait {
                // Either is a reason to look again.
                Some(wait) => drop(tokio::time::timeout(wait, woken).await),
                None => woken.await,
            }
        }
    }
}

/// A number from JavaScript as that of a queue; nothing when it is below 0, or no number.
fn number(queue: f64) -> Option<QueueNumber> {
    (queue >= 0.0).then_some(queue as QueueNumber)
}

//! Store calls: tickets with deadlines, and the queues of sockets.

use std::sync::Arc;

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use napi_derive::napi;
use session_core::ticket::{Answer, QueueNumber, Ticket, Tickets};

use crate::{
    runtime::runtime,
    timer::{Timed, Timer},
};

/// The shortest time between two looks at the deadlines, in ms.
const PAUSE_MS: u64 = 20;

/// The calls that one copy of the JavaScript makes to session stores.
///
/// Each takes a ticket, and is answered once, in time, and in the order of its socket's queue.
#[napi]
pub struct StoreCalls {
    timer: Arc<Timer<Tickets>>,
}

impl Timed for Tickets {
    type Due = Ticket;

    fn take_due(&mut self, now: u64) -> Vec<Ticket> {
        self.due(now)
    }

    fn next_due(&self) -> Option<u64> {
        self.next_due()
    }
}

#[napi]
impl StoreCalls {
    /// `callback` gets the tickets whose deadline has passed. Each still needs its `answer`.
    #[napi(constructor, catch_unwind, ts_args_type = "callback: (tickets: number[]) => void")]
    pub fn new(callback: Function<'_, Vec<f64>, ()>) -> napi::Result<Self> {
        let tell = callback
            .build_threadsafe_function::<Vec<f64>>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let timer = Timer::<Tickets>::new(PAUSE_MS);
        let shared = Arc::clone(&timer);
        runtime()?.spawn(async move {
            while let Some(passed) = shared.due().await {
                let numbers = passed.iter().map(|ticket| ticket.number() as f64).collect();
                let status = tell.call(numbers, ThreadsafeFunctionCallMode::NonBlocking);
                if status == Status::Closing {
                    return;
                }
            }
        });
        Ok(Self { timer })
    }

    /// Takes a ticket for a store call that is due `timeout` ms from now, in a socket's queue (-1: in none). Gives 0 when too
    /// many calls are in flight.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn open(&self, queue: f64, timeout: f64) -> f64 {
        let open = |tickets: &mut Tickets, due| tickets.open(number(queue), due);
        let opened = self.timer.schedule(timeout, open);
        opened.map_or(0.0, |ticket| ticket.number() as f64)
    }

    /// Takes the answer of a store, or a passed deadline. Gives 0 to drop it, 1 to hold it until it is released, 2 to go on,
    /// 3 to go on and then call `release`.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn answer(&self, ticket: f64) -> u32 {
        let ticket = Ticket::from_number(ticket as u64);
        match self.timer.with(|tickets| tickets.answer(ticket)) {
            Answer::Ignore => 0,
            Answer::Hold => 1,
            Answer::Run => 2,
            Answer::RunAndRelease => 3,
        }
    }

    /// Gives the next held ticket of a queue that may go on, or 0.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn release(&self, queue: f64) -> f64 {
        let release = |queue| self.timer.with(|tickets| tickets.release(queue));
        let released = number(queue).and_then(release);
        released.map_or(0.0, |ticket| ticket.number() as f64)
    }

    /// Opens the queue of a socket: its events run in order. Gives its number.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn open_queue(&self) -> u32 {
        self.timer.with(Tickets::open_queue)
    }

    /// Closes the queue of a socket. Calls that still wait in it are dropped.
    #[napi(catch_unwind)]
    pub fn close_queue(&self, queue: f64) {
        if let Some(queue) = number(queue) {
            self.timer.with(|tickets| tickets.close_queue(queue));
        }
    }
}

impl Drop for StoreCalls {
    fn drop(&mut self) {
        self.timer.end();
    }
}

/// A number from JavaScript as that of a queue; nothing when it is below 0, or no number.
fn number(queue: f64) -> Option<QueueNumber> {
    (queue >= 0.0).then_some(queue as QueueNumber)
}

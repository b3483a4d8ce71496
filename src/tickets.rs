//! The tickets of store calls, with their deadlines, and the queues of sockets.

use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use session_core::ticket;

use crate::timer::Timer;

/// The tickets of the calls that one copy of the JavaScript makes to session stores. Each call is answered once, in time, and in
/// the order of its socket's queue.
#[napi]
pub struct Tickets {
    timer: Timer<ticket::Tickets>,
}

// Numbers from JavaScript may be any: one that was never handed out names no ticket and no queue.
#[napi]
impl Tickets {
    /// `callback` gets the tickets whose deadline has passed. Each still needs its `answer`.
    #[napi(constructor, catch_unwind, ts_args_type = "callback: (tickets: number[]) => void")]
    pub fn new(callback: Function<'_, Vec<f64>, ()>) -> napi::Result<Self> {
        // Calls that were made within a short time are told together.
        let timer =
            Timer::start(callback, Duration::from_millis(20), |tickets: &mut ticket::Tickets, now| {
                let due = tickets.due(now).into_iter().map(|ticket| ticket as f64);
                (due.collect(), tickets.next_due())
            })?;
        Ok(Self { timer })
    }

    /// Takes a ticket for a store call that is due `timeout` ms from now, in a socket's queue (0: in none). Gives 0 when too
    /// many calls are in flight.
    #[napi(catch_unwind)]
    pub fn open(&self, queue: f64, timeout: f64) -> f64 {
        self.timer.schedule(timeout, |tickets, due| tickets.open(queue as u64, due)).unwrap_or(0) as f64
    }

    /// Takes the answer of a store, or a passed deadline. Gives 0 to drop it, 1 to hold it until it is released, 2 to go on,
    /// 3 to go on and then call `release`.
    #[napi(catch_unwind)]
    pub fn answer(&self, ticket: f64) -> u32 {
        self.timer.with(|tickets| tickets.answer(ticket as u64)) as u32
    }

    /// Gives the next held ticket of a queue that may go on, or 0.
    #[napi(catch_unwind)]
    pub fn release(&self, queue: f64) -> f64 {
        self.timer.with(|tickets| tickets.release(queue as u64)).unwrap_or(0) as f64
    }

    /// Opens the queue of a socket: its events run in order. Gives its number.
    #[napi(catch_unwind)]
    pub fn open_queue(&self) -> f64 {
        self.timer.with(ticket::Tickets::open_queue) as f64
    }

    /// Closes the queue of a socket. Calls that still wait in it are dropped.
    #[napi(catch_unwind)]
    pub fn close_queue(&self, queue: f64) {
        self.timer.with(|tickets| tickets.close_queue(queue as u64));
    }
}

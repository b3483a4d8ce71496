//! The tickets of store calls, with their deadlines, and the queues of sockets.

use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use session_core::ticket::{self, Ticket};

use crate::timer::Timer;

/// Calls that were made within so short a time are told together.
const PAUSE: Duration = Duration::from_millis(20);

/// The tickets of the calls that one copy of the JavaScript makes to session stores. Each call is answered once, in time, and in
/// the order of its socket's queue.
#[napi]
pub struct Tickets {
    tickets: ticket::Tickets,
    deadlines: Timer<Ticket>,
}

// Numbers from JavaScript may be any: one that was never handed out names no ticket and no queue.
#[napi]
impl Tickets {
    /// `callback` gets the tickets whose deadline has passed. Each still needs its `answer`.
    #[napi(constructor, catch_unwind, ts_args_type = "callback: (tickets: number[]) => void")]
    pub fn new(callback: Function<'_, Vec<f64>, ()>) -> napi::Result<Self> {
        let deadlines = Timer::start(callback, |ticket| ticket as f64, usize::MAX, PAUSE)?;
        Ok(Self { tickets: ticket::Tickets::default(), deadlines })
    }

    /// Takes a ticket for a store call that is due `timeout` ms from now, in a socket's queue (0: in none). Gives 0 when too
    /// many calls are in flight.
    #[napi(catch_unwind)]
    pub fn open(&mut self, queue: f64, timeout: f64) -> f64 {
        let Some(ticket) = self.tickets.open(queue as u64) else {
            return 0.0;
        };
        self.deadlines.set(ticket, timeout);
        ticket as f64
    }

    /// Takes the answer of a store, or a passed deadline. Gives 0 to drop it, 1 to hold it until it is released, 2 to go on,
    /// 3 to go on and then call `release`.
    #[napi(catch_unwind)]
    pub fn answer(&mut self, ticket: f64) -> u32 {
        let ticket = ticket as u64;
        self.deadlines.delete(&ticket);
        self.tickets.answer(ticket) as u32
    }

    /// Gives the next held ticket of a queue that may go on, or 0.
    #[napi(catch_unwind)]
    pub fn release(&mut self, queue: f64) -> f64 {
        self.tickets.release(queue as u64).unwrap_or(0) as f64
    }

    /// Opens the queue of a socket: its events run in order. Gives its number.
    #[napi(catch_unwind)]
    pub fn open_queue(&mut self) -> f64 {
        self.tickets.open_queue() as f64
    }

    /// Closes the queue of a socket. Calls that still wait in it are dropped.
    #[napi(catch_unwind)]
    pub fn close_queue(&mut self, queue: f64) {
        for ticket in self.tickets.close_queue(queue as u64) {
            self.deadlines.delete(&ticket);
        }
    }
}

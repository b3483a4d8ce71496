//! The desk: all that the addon keeps for one JavaScript environment (a main thread or a worker).
//!
//! An environment runs on one thread, so a thread-local is exactly per environment, needs no look-up through the
//! engine, and goes with its worker. The background task shares the tickets and the stores, hence the locks.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use parking_lot::Mutex;

use crate::{adoption::Adoption, shelf::Shelf, ticket::Tickets};

/// What one environment keeps.
#[derive(Default)]
pub struct Desk {
    /// The store calls in flight.
    pub tickets: Mutex<Tickets>,
    /// The adopted stores, by number.
    pub stores: Mutex<Vec<Option<Adoption>>>,
    /// The texts of quiet sockets.
    pub shelf: Mutex<Shelf>,
    /// Wakes the background task when the first ticket is opened after a quiet time.
    pub wake: tokio::sync::Notify,
    /// Whether the background task sleeps until woken.
    pub asleep: std::sync::atomic::AtomicBool,
}

thread_local! {
    static DESK: Arc<Desk> = Arc::default();
}

/// Runs with this environment's desk.
pub fn with<R>(run: impl FnOnce(&Desk) -> R) -> R {
    DESK.with(|desk| run(desk))
}

/// This environment's desk, for the background task.
pub fn share() -> Arc<Desk> {
    DESK.with(Arc::clone)
}

/// Runs with an adopted store; nothing when there is no store of this number (any more).
pub fn with_store<R>(store: u32, run: impl FnOnce(&mut Adoption) -> R) -> Option<R> {
    with(|desk| {
        desk.stores
            .lock()
            .get_mut(store as usize)?
            .as_mut()
            .map(run)
    })
}

/// Milliseconds since the library was first used: a clock that never jumps.
pub fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

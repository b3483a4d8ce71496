//! Due times of sessions.

use std::{sync::Arc, time::Duration};

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::timer::Timer;

/// Most sessions in a batch.
const BATCH: usize = 100;
/// The event loop goes on between two batches.
const PAUSE: Duration = Duration::from_millis(2);

/// When each bound session has to be looked up: one due time a session.
///
/// A session that is due is told once, and has no due time any more then. Its due times end with the object, which has to be
/// kept as long as they matter. Nothing of it keeps the process alive.
#[napi]
pub struct DueTimes {
    timer: Timer<Arc<str>>,
}

#[napi]
impl DueTimes {
    /// `callback` gets the sessions that are due, at most 100 in one call.
    #[napi(constructor, catch_unwind, ts_args_type = "callback: (sids: string[]) => void")]
    pub fn new(callback: Function<'_, Vec<String>, ()>) -> napi::Result<Self> {
        Ok(Self { timer: Timer::start(callback, |sid: Arc<str>| sid.to_string(), BATCH, PAUSE)? })
    }

    /// Sets the due time of a session, `in_ms` from now, in the place of the one it has.
    #[napi(catch_unwind)]
    pub fn set(&self, sid: String, in_ms: f64) {
        self.timer.set(sid.into(), in_ms);
    }

    /// Removes the due time of a session, if it has one.
    #[napi(catch_unwind)]
    pub fn delete(&self, sid: String) {
        self.timer.delete(&sid.into());
    }
}

//! Due times of sessions.

use std::sync::Arc;

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use napi_derive::napi;
use session_core::due_times;

use crate::{
    runtime::runtime,
    timer::{Timed, Timer},
};

/// The shortest time between two batches, in ms: the event loop goes on meanwhile.
const PAUSE_MS: u64 = 2;
/// Most sessions in a batch.
const BATCH: usize = 100;

/// When each bound session has to be looked up: one due time a session.
///
/// A session that is due is told once, and has no due time any more then. Its due times end with the object, which has to be
/// kept as long as they matter. Nothing of it keeps the process alive.
#[napi]
pub struct DueTimes {
    timer: Arc<Timer<due_times::DueTimes>>,
}

impl Timed for due_times::DueTimes {
    type Due = String;

    fn take_due(&mut self, now: u64) -> Vec<String> {
        self.take_due(now, BATCH)
    }

    fn next_due(&self) -> Option<u64> {
        self.next_due()
    }
}

#[napi]
impl DueTimes {
    /// `callback` gets the sessions that are due, at most 100 in one call.
    #[napi(constructor, catch_unwind, ts_args_type = "callback: (sids: string[]) => void")]
    pub fn new(callback: Function<'_, Vec<String>, ()>) -> napi::Result<Self> {
        let tell = callback
            .build_threadsafe_function::<Vec<String>>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let timer = Timer::<due_times::DueTimes>::new(PAUSE_MS);
        let shared = Arc::clone(&timer);
        runtime()?.spawn(async move {
            while let Some(sids) = shared.due().await {
                shared.pause();
                let done = Arc::clone(&shared);
                let resume = move |returned: napi::Result<()>, _: Env| {
                    done.resume();
                    returned
                };
                let mode = ThreadsafeFunctionCallMode::NonBlocking;
                if tell.call_with_return_value(sids, mode, resume) == Status::Closing {
                    return;
                }
            }
        });
        Ok(Self { timer })
    }

    /// Sets the due time of a session, `in_ms` from now, in the place of the one it has.
    #[napi(catch_unwind)]
    pub fn set(&self, sid: String, in_ms: f64) {
        self.timer.schedule(in_ms, |times, due| times.set(&sid, due));
    }

    /// Removes the due time of a session. Gives whether it had one.
    #[napi(catch_unwind)]
    pub fn delete(&self, sid: String) -> bool {
        self.timer.with(|times| times.delete(&sid))
    }

    /// How many sessions have a due time.
    #[napi(catch_unwind)]
    #[must_use]
    pub fn size(&self) -> u32 {
        u32::try_from(self.timer.with(|times| times.len())).unwrap_or(u32::MAX)
    }
}

impl Drop for DueTimes {
    fn drop(&mut self) {
        self.timer.end();
    }
}

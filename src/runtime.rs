//! The background task: sees passed deadlines, forgets what has expired, wakes JavaScript in batches.
//!
//! One tokio runtime on one thread for the whole process, started with the first store that is adopted or opened, and one
//! task in it per environment. A task whose environment has no store call in flight sleeps until the next one, or until
//! something may have expired; nothing of it keeps the process alive.

use std::{
    sync::{OnceLock, atomic::Ordering},
    time::Duration,
};

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::runtime::{Builder, Handle};

use super::desk::{self, Desk, now};

/// The task looks at most this often, in ms: so much can a deadline be late.
const SHORTEST_LOOK_MS: u64 = 5;
/// And at least this often while calls are in flight, in ms: a shorter deadline may come after a longer one.
const LONGEST_LOOK_MS: u64 = 50;
/// After so many looks that saw no new ticket the task sleeps until it is woken.
const QUIET_LOOKS: u32 = 40;
/// How often what has expired is forgotten, in ms.
const SWEEP_MS: u64 = 30_000;

/// Starts the background task of this environment. `callback` gets the tickets whose deadline has passed.
#[napi(catch_unwind, ts_args_type = "callback: (tickets: number[]) => void")]
pub fn watch(callback: Function<'_, Vec<f64>, ()>) -> napi::Result<()> {
    let wake_javascript = callback
        .build_threadsafe_function::<Vec<f64>>()
        .weak::<true>()
        .callee_handled::<false>()
        .build()?;
    let desk = desk::share();
    let task = async move {
        let mut swept = now();
        let mut seen = 0;
        let mut quiet = 0;
        loop {
            look_again(&desk, &mut seen, &mut quiet).await;
            let passed = desk.tickets.lock().due(now());
            if !passed.is_empty() {
                let numbers = passed.iter().map(|ticket| ticket.number() as f64).collect();
                let status = wake_javascript.call(numbers, ThreadsafeFunctionCallMode::NonBlocking);
                if status == Status::Closing {
                    return;
                }
            }
            if now() - swept >= SWEEP_MS {
                // The environment has ended: what was kept for it goes with this task.
                if wake_javascript.aborted() {
                    return;
                }
                swept = now();
                for store in desk.stores.lock().iter_mut().flatten() {
                    store.sweep(swept);
                }
            }
        }
    };
    runtime()?.spawn(task);
    Ok(())
}

/// A ticket was opened: wakes the task if it sleeps. One atomic load per event.
pub fn wake(desk: &Desk) {
    if desk.asleep.load(Ordering::SeqCst) {
        desk.asleep.store(false, Ordering::SeqCst);
        desk.wake.notify_one();
    }
}

/// Sleeps until there may be something to see. `quiet` counts the looks in a row that saw no new ticket.
async fn look_again(desk: &Desk, seen: &mut u64, quiet: &mut u32) {
    let (due, opened) = {
        let tickets = desk.tickets.lock();
        (tickets.next_due(), tickets.opened())
    };
    *quiet = if opened == *seen { *quiet + 1 } else { 0 };
    *seen = opened;
    // Waking a sleeping thread costs more than an event does: it stays awake, at some looks a second, until it has been
    // quiet for a while.
    if due.is_some() || *quiet < QUIET_LOOKS {
        let wait = due.map_or(LONGEST_LOOK_MS, |due| due.saturating_sub(now()));
        let wait = wait.clamp(SHORTEST_LOOK_MS, LONGEST_LOOK_MS);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        return;
    }
    desk.asleep.store(true, Ordering::SeqCst);
    // A ticket may have been opened between the look above and the line above, by a call that saw the task awake.
    if desk.tickets.lock().opened() != opened {
        desk.asleep.store(false, Ordering::SeqCst);
        return;
    }
    // What has expired meanwhile is forgotten in quiet times, too.
    let _ = tokio::time::timeout(Duration::from_millis(SWEEP_MS), desk.wake.notified()).await;
}

/// The runtime of the process, started when it is first needed.
pub fn runtime() -> napi::Result<&'static Handle> {
    static RUNTIME: OnceLock<std::io::Result<Handle>> = OnceLock::new();
    RUNTIME.get_or_init(start).as_ref().map_err(|error| {
        napi::Error::from_reason(format!(
            "io-session: the background thread did not start: {error}"
        ))
    })
}

/// Starts the thread that drives the runtime: tokio's own, for many threads, would make the addon larger for nothing.
fn start() -> std::io::Result<Handle> {
    let name = "io-session";
    let runtime = Builder::new_current_thread()
        .thread_name(name)
        .enable_time()
        .build()?;
    let handle = runtime.handle().clone();
    let drive = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name(name.into()).spawn(drive)?;
    Ok(handle)
}

//! A timer: state with due times, which a background task looks at when one has passed.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock;

/// State with due times, in ms on the monotonic clock.
pub trait Timed {
    /// What is due.
    type Due;

    /// Takes what is due by `now`, or some of it.
    fn take_due(&mut self, now: u64) -> Vec<Self::Due>;

    /// When [`Timed::take_due`] may have something to give; nothing when it has nothing to wait for.
    fn next_due(&self) -> Option<u64>;
}

/// Shares timed state between JavaScript's thread and a background task, which sleeps until something may be due.
pub struct Timer<T> {
    inner: Mutex<Inner<T>>,
    /// Wakes the task.
    wake: Notify,
    /// The shortest time between two looks, in ms. Something due is told at most twice as late.
    pause: u64,
}

struct Inner<T> {
    timed: T,
    /// When the task looks next, in ms; nothing while it waits to be woken.
    next_look: Option<u64>,
    /// When it may look next, in ms.
    earliest_look: u64,
    /// JavaScript has not finished with what it was told last.
    is_paused: bool,
    /// The object of JavaScript is gone.
    is_over: bool,
}

impl<T: Timed + Default> Timer<T> {
    /// A timer with empty state, that looks every `pause` ms at most.
    pub fn new(pause: u64) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                timed: T::default(),
                next_look: None,
                earliest_look: 0,
                is_paused: false,
                is_over: false,
            }),
            wake: Notify::new(),
            pause,
        })
    }

    /// Runs with the state.
    pub fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        run(&mut self.inner.lock().timed)
    }

    /// Runs with the state and a due time that it is given, `after` ms from now. Wakes the task if it would be late.
    pub fn schedule<R>(&self, after: f64, run: impl FnOnce(&mut T, u64) -> R) -> R {
        let due = clock::monotonic().saturating_add(after as u64);
        let mut inner = self.inner.lock();
        let result = run(&mut inner.timed, due);
        let is_late = |look| due.saturating_add(self.pause) < look;
        let must_wake = !inner.is_paused && inner.next_look.is_none_or(is_late);
        drop(inner);
        if must_wake {
            self.wake.notify_one();
        }
        result
    }

    /// Has [`Timer::due`] give nothing more until [`Timer::resume`].
    pub fn pause(&self) {
        self.inner.lock().is_paused = true;
    }

    /// Ends a pause.
    pub fn resume(&self) {
        let mut inner = self.inner.lock();
        inner.is_paused = false;
        inner.earliest_look = clock::monotonic() + self.pause;
        drop(inner);
        self.wake.notify_one();
    }

    /// Ends the task.
    pub fn end(&self) {
        self.inner.lock().is_over = true;
        self.wake.notify_one();
    }

    /// Waits until something is due, and takes it; nothing when the timer has ended.
    pub async fn due(&self) -> Option<Vec<T::Due>> {
        loop {
            let wait = {
                let mut inner = self.inner.lock();
                if inner.is_over {
                    return None;
                }
                let now = clock::monotonic();
                inner.next_look = None;
                if !inner.is_paused {
                    if now >= inner.earliest_look {
                        inner.earliest_look = now + self.pause;
                        let due = inner.timed.take_due(now);
                        if !due.is_empty() {
                            return Some(due);
                        }
                    }
                    let next = inner.timed.next_due();
                    inner.next_look = next.map(|due| due.max(inner.earliest_look));
                }
                inner.next_look.map(|look| Duration::from_millis(look - now))
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

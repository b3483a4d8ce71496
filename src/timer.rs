//! A timer: due times, and a background task that tells JavaScript when one has passed.

use std::{hash::Hash, sync::Arc, time::Duration};

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use parking_lot::Mutex;
use session_core::due_times::DueTimes;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::{clock, runtime::runtime};

/// Due times that JavaScript's thread shares with the task. The task ends with this.
pub struct Timer<K> {
    shared: Arc<Shared<K>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

#[derive(Default)]
struct State<K> {
    times: DueTimes<K>,
    /// When the task looks next, in ms; nothing while it waits to be woken.
    next_look: Option<u64>,
}

impl<K: Clone + Default + Hash + Ord + Send + 'static> Timer<K> {
    /// A timer without due times. `callback` is told up to `most` keys that are due, each as `spell` gives it, and is left
    /// alone for the pause. It keeps no process alive.
    pub fn start<J: ToNapiValue + Send + 'static>(
        callback: Function<'_, Vec<J>, ()>,
        spell: fn(K) -> J,
        most: usize,
        pause: Duration,
    ) -> napi::Result<Self> {
        let tell = callback
            .build_threadsafe_function::<Vec<J>>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let shared = Arc::new(Shared::default());
        let task = Arc::clone(&shared);
        let task = runtime()?.spawn(async move {
            loop {
                let due = task.due(most).await.into_iter().map(spell).collect();
                let (answer, answered) = oneshot::channel();
                // An exception of the callback goes on to become an uncaught one.
                let answer = move |returned: napi::Result<()>, _: Env| {
                    let _ = answer.send(());
                    returned
                };
                let status =
                    tell.call_with_return_value(due, ThreadsafeFunctionCallMode::NonBlocking, answer);
                // Either way it ends with the JavaScript environment.
                if status == Status::Closing || answered.await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        Ok(Self { shared, task })
    }

    /// Sets the due time of a key, `after` ms from now, in the place of the one it has. Wakes the task if it would be late.
    pub fn set(&self, key: K, after: f64) {
        let due = clock::monotonic().saturating_add(after as u64);
        let mut state = self.shared.state.lock();
        state.times.set(key, due);
        if state.next_look.is_none_or(|look| due < look) {
            state.next_look = Some(due);
            self.shared.wake.notify_one();
        }
    }

    /// Removes the due time of a key, if it has one.
    pub fn delete(&self, key: &K) {
        self.shared.state.lock().times.delete(key);
    }
}

impl<K> Drop for Timer<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K: Clone + Hash + Ord> Shared<K> {
    /// Waits until something is due, and takes up to `most` of it.
    async fn due(&self, most: usize) -> Vec<K> {
        loop {
            let wait = {
                let mut state = self.state.lock();
                let now = clock::monotonic();
                let due = state.times.take_due(now, most);
                if !due.is_empty() {
                    return due;
                }
                // A call that was answered meanwhile leaves nothing to wait for. To sleep on until then costs one look, and to
                // wait to be woken would cost a wake-up for each call.
                state.next_look = state.times.next_due().or(state.next_look.filter(|look| *look > now));
                state.next_look.map(|look| Duration::from_millis(look - now))
            };
            match wait {
                // Either is a reason to look again.
                Some(wait) => drop(tokio::time::timeout(wait, self.wake.notified()).await),
                None => self.wake.notified().await,
            }
        }
    }
}

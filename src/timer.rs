//! A timer: state with due times, and a background task that tells JavaScript when one has passed.

use std::{sync::Arc, time::Duration};

use napi::{Status, bindgen_prelude::*, threadsafe_function::ThreadsafeFunctionCallMode};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use crate::{clock, runtime::runtime};

/// Takes what is due by now (ms on the monotonic clock), or some of it, and says when there may be more, if there may be.
type Look<T, D> = fn(&mut T, u64) -> (Vec<D>, Option<u64>);

/// Timed state that JavaScript's thread shares with the task. The task ends with this.
pub struct Timer<T> {
    shared: Arc<Shared<T>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared<T> {
    state: Mutex<State<T>>,
    wake: Notify,
}

#[derive(Default)]
struct State<T> {
    timed: T,
    /// When the task looks next, in ms; nothing while it waits to be woken.
    next_look: Option<u64>,
}

impl<T: Default + Send + 'static> Timer<T> {
    /// A timer with empty state. `callback` is told what is due, and left alone for the pause. It keeps no process alive.
    pub fn start<D: ToNapiValue + Send + 'static>(
        callback: Function<'_, Vec<D>, ()>,
        pause: Duration,
        look: Look<T, D>,
    ) -> napi::Result<Self> {
        let tell = callback
            .build_threadsafe_function::<Vec<D>>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let shared = Arc::new(Shared::<T>::default());
        let task = Arc::clone(&shared);
        let task = runtime()?.spawn(async move {
            loop {
                let (answer, answered) = oneshot::channel();
                // An exception of the callback goes on to become an uncaught one.
                let answer = move |returned: napi::Result<()>, _: Env| {
                    let _ = answer.send(());
                    returned
                };
                let mode = ThreadsafeFunctionCallMode::NonBlocking;
                let status = tell.call_with_return_value(task.due(look).await, mode, answer);
                // Either way it ends with the JavaScript environment.
                if status == Status::Closing || answered.await.is_err() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
        Ok(Self { shared, task })
    }

    /// Runs with the state.
    pub fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        run(&mut self.shared.state.lock().timed)
    }

    /// Runs with the state and a due time that it is given, `after` ms from now. Wakes the task if it would be late.
    pub fn schedule<R>(&self, after: f64, run: impl FnOnce(&mut T, u64) -> R) -> R {
        let due = clock::monotonic().saturating_add(after as u64);
        let mut state = self.shared.state.lock();
        let result = run(&mut state.timed, due);
        if state.next_look.is_none_or(|look| due < look) {
            state.next_look = Some(due);
            self.shared.wake.notify_one();
        }
        result
    }
}

impl<T> Drop for Timer<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> Shared<T> {
    /// Waits until something is due, and takes it.
    async fn due<D>(&self, look: Look<T, D>) -> Vec<D> {
        loop {
            let wait = {
                let mut state = self.state.lock();
                let now = clock::monotonic();
                let (due, next) = look(&mut state.timed, now);
                if !due.is_empty() {
                    return due;
                }
                // A call that was answered meanwhile leaves nothing to wait for. To sleep on until then costs one look, and to
                // wait to be woken would cost a wake-up for each call.
                state.next_look = next.or(state.next_look.filter(|look| *look > now));
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

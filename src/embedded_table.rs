//! The embedded store's table as JavaScript has it.

use std::{path::Path, sync::Arc, time::Duration};

use embedded_store::{CompareAndSet, Limits, SharedStores, Store, sid};
use napi::{Env, JsString, Task, bindgen_prelude::*};
use napi_derive::napi;
use parking_lot::Mutex;
use session_core::error::Error;

use crate::{clock, runtime::runtime};

/// From so many bytes of dropped sessions on, memory is worth giving back to the system.
const WORTH_GIVING_BACK: usize = 16 * 1024 * 1024;

/// The stores with a name or a path.
static SHARED: SharedStores<EmbeddedTableOptions> = SharedStores::new();

/// How a table is opened. Times are in ms.
#[napi(object, object_to_js = false)]
#[derive(Clone, PartialEq)]
pub struct EmbeddedTableOptions {
    /// The name under which the threads of the process share it.
    pub name: Option<String>,
    /// The absolute path of its file.
    pub path: Option<String>,
    /// How long a session lives whose cookie has no end. Who writes one counts it in.
    pub ttl: f64,
    /// Most sessions.
    pub max_sessions: f64,
    /// Most bytes of all.
    pub max_bytes: f64,
    /// Most bytes of a session.
    pub max_session_bytes: f64,
    /// Whether the least recently used give way to new ones.
    pub evict: bool,
    /// How often sessions that have ended are dropped.
    pub sweep_interval: f64,
    /// How late the file may be.
    pub flush_interval: f64,
}

/// With a code of [`Error`], or one for JavaScript alone.
type Result<T> = napi::Result<T, &'static str>;

/// The table has refused to write a text.
fn refused(error: Error, bytes: usize) -> napi::Error<&'static str> {
    let too_large =
        || format!("The session has {bytes} bytes, more than the session store takes (maxSessionBytes).");
    let reason = if error == Error::SessionTooLarge { too_large() } else { String::new() };
    napi::Error::new(error.code(), reason)
}

/// The sessions of an embedded store, as JSON texts by session id.
///
/// Methods throw errors with the library's codes: `ERR_STORE_CLOSED`, `ERR_STORE_FULL`, `ERR_SESSION_TOO_LARGE`. `end` is the end of
/// the session in ms since 1970; `now` is the time, which JavaScript says: tests of an app put another `Date` in its place.
#[napi]
pub struct EmbeddedTable {
    // Not by `&mut self`: napi lends that out until the disk has what `close` writes.
    open: Mutex<Open>,
}

/// A store, and its key among the shared ones if it has one; nothing once it is closed.
type Open = Option<(Arc<Store>, Option<String>)>;

#[napi]
impl EmbeddedTable {
    /// Opens a table, or once more the table of the process that has this name or path. Throws `OTHER_OPTIONS` when that is
    /// open with other options, `ERR_STORE_PATH_IN_USE`, `ERR_STORE_DAMAGED`, `ERR_STORE_FAILED`, or `ERR_STORE_FULL` when the
    /// file holds more than the limits allow.
    #[napi(constructor, catch_unwind)]
    pub fn new(options: EmbeddedTableOptions) -> Result<Self> {
        let limits = Limits {
            sessions: options.max_sessions as usize,
            bytes: options.max_bytes as usize,
            session_bytes: options.max_session_bytes as usize,
            evict: options.evict,
        };
        let open = || {
            let store = Arc::new(match &options.path {
                Some(path) => Store::at(Path::new(path), limits, clock::epoch())?,
                None => Store::in_memory(limits),
            });
            tend(&store, &options);
            Ok(store)
        };
        let name = options.name.as_ref().map(|name| format!("name {name}"));
        let key = name.or_else(|| options.path.as_ref().map(|path| format!("path {path}")));
        let store = match &key {
            Some(key) => SHARED.open(key, &options, open),
            None => open().map(Some),
        };
        let other_options = || napi::Error::new("OTHER_OPTIONS", "it is open with other options");
        let store = store.map_err(|failure| napi::Error::new(failure.error.code(), failure.reason))?;
        let store = store.ok_or_else(other_options)?;
        Ok(Self { open: Mutex::new(Some((store, key))) })
    }

    /// The text of a session; null when there is none.
    #[napi(catch_unwind)]
    pub fn get<'env>(&self, env: &'env Env, sid: Utf16String, now: f64) -> Result<Option<JsString<'env>>> {
        let text = self.store()?.table.get(&sid::key(&sid), now as u64);
        text.map(|text| string(env, &text)).transpose()
    }

    /// Writes a session.
    #[napi(catch_unwind)]
    pub fn set(&self, sid: Utf16String, text: String, end: f64, now: f64) -> Result<()> {
        let bytes = text.len();
        let set = self.store()?.table.set(&sid::key(&sid), text, end as u64, now as u64);
        set.map_err(|error| refused(error, bytes))
    }

    /// Gives a session another cookie; the rest of it is not looked at. Gives whether there is such a session.
    #[napi(catch_unwind)]
    pub fn touch(&self, sid: Utf16String, cookie: String, end: f64, now: f64) -> Result<bool> {
        let touched = self.store()?.table.touch(&sid::key(&sid), &cookie, end as u64, now as u64);
        touched.map_err(|error| napi::Error::new(error.code(), ""))
    }

    /// Takes a session away. Gives whether there was one.
    #[napi(catch_unwind)]
    pub fn destroy(&self, sid: Utf16String) -> Result<bool> {
        Ok(self.store()?.table.destroy(&sid::key(&sid)))
    }

    /// Writes a session if the stored text is `expected`. Gives true when it is written, null when there is no such session,
    /// else the text that is stored. It ends at `end`; without `renew` only where its cookie has changed.
    #[napi(catch_unwind, ts_return_type = "true | string | null")]
    #[allow(clippy::too_many_arguments, reason = "plain values cost JavaScript less than an object")]
    pub fn compare_and_set<'env>(
        &self,
        env: &'env Env,
        sid: Utf16String,
        expected: String,
        text: String,
        end: f64,
        renew: bool,
        now: f64,
    ) -> Result<Option<Either<bool, JsString<'env>>>> {
        let (sid, due, bytes) = (sid::key(&sid), (end as u64, renew), text.len());
        match self.store()?.table.compare_and_set(&sid, &expected, text, due, now as u64) {
            Ok(CompareAndSet::Written) => Ok(Some(Either::A(true))),
            Ok(CompareAndSet::Gone) => Ok(None),
            Ok(CompareAndSet::Changed(text)) => Ok(Some(Either::B(string(env, &text)?))),
            Err(error) => Err(refused(error, bytes)),
        }
    }

    /// The sessions: each id, and then its text.
    #[napi(catch_unwind)]
    pub fn all(&self, now: f64) -> Result<Vec<Utf16String>> {
        let mut all = Vec::new();
        self.store()?.table.each(now as u64, |id, text, _| {
            all.push(sid::units(id).into());
            all.push(text.encode_utf16().collect::<Vec<u16>>().into());
        });
        Ok(all)
    }

    /// How many sessions there are.
    #[napi(catch_unwind)]
    pub fn length(&self, now: f64) -> Result<f64> {
        Ok(self.store()?.table.len(now as u64) as f64)
    }

    /// Takes every session away.
    #[napi(catch_unwind)]
    pub fn clear(&self) -> Result<()> {
        self.store()?.table.clear();
        Ok(())
    }

    /// The content of the table, and its work so far.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Result<EmbeddedTableStats> {
        let store = self.store()?;
        let stats = store.table.stats();
        let progress = store.progress();
        Ok(EmbeddedTableStats {
            sessions: stats.sessions as f64,
            bytes: stats.bytes as f64,
            expired: stats.expired as f64,
            evicted: stats.evicted as f64,
            refused: stats.refused as f64,
            flushes: progress.flushes as f64,
            failure: progress.failure.map(|failure| failure.reason),
        })
    }

    /// Writes the changes that the file has not got yet. Gives why it failed; null when it did not.
    #[napi(catch_unwind, ts_return_type = "Promise<string | null>")]
    pub fn flush(&self) -> AsyncTask<DiskWork> {
        AsyncTask::new(DiskWork { open: self.open.lock().clone(), closes: false })
    }

    /// Closes the table, and its file when nobody else has it open. Gives why it failed; null when it did not.
    #[napi(catch_unwind, ts_return_type = "Promise<string | null>")]
    pub fn close(&self) -> AsyncTask<DiskWork> {
        AsyncTask::new(DiskWork { open: self.open.lock().take(), closes: true })
    }

    fn store(&self) -> Result<Arc<Store>> {
        let closed = || napi::Error::new(Error::StoreClosed.code(), "");
        self.open.lock().as_ref().map(|(store, _)| Arc::clone(store)).ok_or_else(closed)
    }
}

impl Drop for EmbeddedTable {
    fn drop(&mut self) {
        let Some((store, key)) = self.open.get_mut().take() else {
            return;
        };
        if let Some(key) = key {
            SHARED.abandon(&key);
        }
        // To free many sessions takes a while, and JavaScript waits for this function.
        if let Ok(runtime) = runtime() {
            runtime.spawn_blocking(move || drop(store));
        }
    }
}

/// The content of a table, and its work since it was opened.
#[napi(object, object_from_js = false)]
pub struct EmbeddedTableStats {
    /// Sessions, those included that have ended and are not dropped yet.
    pub sessions: f64,
    /// Bytes, as `maxBytes` counts them.
    pub bytes: f64,
    /// Sessions dropped because they had ended.
    pub expired: f64,
    /// Sessions dropped to make room.
    pub evicted: f64,
    /// Writes refused.
    pub refused: f64,
    /// How often changes have been written to the file, and the disk has them.
    pub flushes: f64,
    /// Why the last attempt to write the file failed; absent when it did not.
    pub failure: Option<String>,
}

/// A flush or a close, which waits for the disk, on a thread beside JavaScript's.
pub struct DiskWork {
    open: Open,
    closes: bool,
}

impl Task for DiskWork {
    /// Why it failed.
    type Output = Option<String>;
    type JsValue = Option<String>;

    fn compute(&mut self) -> napi::Result<Option<String>> {
        // The store is freed here if nobody else has it: that takes a while.
        let done = match self.open.take() {
            Some((store, Some(key))) if self.closes => SHARED.close(&key, &store),
            Some((store, None)) if self.closes => store.close(),
            Some((store, _)) => store.flush(),
            None => Ok(()),
        };
        Ok(done.err().map(|failure| failure.reason))
    }

    fn resolve(&mut self, _env: Env, reason: Option<String>) -> napi::Result<Option<String>> {
        Ok(reason)
    }
}

/// Writes the changes of all stores with a path, as the process ends. It waits for the disk.
#[napi(catch_unwind)]
pub fn flush_stores() {
    SHARED.flush();
}

fn string<'env>(env: &'env Env, text: &str) -> Result<JsString<'env>> {
    env.create_string(text).map_err(|error| napi::Error::new(Error::StoreFailed.code(), error.reason))
}

/// Looks after a store in the background for as long as there is one: drops ended sessions, and writes the file.
fn tend(store: &Arc<Store>, options: &EmbeddedTableOptions) {
    let mut dropped = 0;
    every(options.sweep_interval, store, move |store| {
        dropped += store.table.sweep(clock::epoch());
        if dropped >= WORTH_GIVING_BACK.max(store.table.stats().bytes) {
            dropped = 0;
            store.table.shrink();
            give_back();
        }
    });
    if options.path.is_some() {
        // Half of it: a change then waits so long at most, and has the other half to be written.
        every(options.flush_interval / 2.0, store, |store| {
            // Changes that could not be written are kept, and `stats` tells of the failure.
            let _ = store.flush();
        });
    }
}

/// Does some work every so many ms, on a thread that may wait: the background's own has deadlines to look at.
fn every(ms: f64, store: &Arc<Store>, work: impl FnMut(&Store) + Send + 'static) {
    let (pause, store) = (Duration::from_micros((ms * 1000.0) as u64), Arc::downgrade(store));
    let work = Arc::new(Mutex::new(work));
    let task = async move {
        loop {
            tokio::time::sleep(pause).await;
            let (Some(store), work) = (store.upgrade(), Arc::clone(&work)) else {
                return;
            };
            // It ends early only when it panics, and then the next one tries again.
            let _ = tokio::task::spawn_blocking(move || (work.lock())(&store)).await;
        }
    };
    if let Ok(runtime) = runtime() {
        runtime.spawn(task);
    }
}

/// Has the allocator give free memory back to the system: glibc's keeps free blocks between used ones.
fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: it takes its own locks, and may be called at any time from any thread.
        unsafe { malloc_trim(0) };
    }
}

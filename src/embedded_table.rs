//! Embedded stores: opened, looked after and closed.
//!
//! A store with a name or a path belongs to the process, and every worker thread that opens it gets the same one. A store
//! with neither belongs to the object that opened it. What an environment has open is its own: it goes with its thread.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use napi::{Env, Task, bindgen_prelude::*};
use napi_derive::napi;
use parking_lot::Mutex;

use super::{embedded_hot::due, engine::engine, index, watch};
use crate::{
    error::Error,
    store::{Commit, Damage, Limits, Refused, Shape, Store, sid},
};

/// How a store is opened. Times are in ms.
#[napi(object, object_to_js = false)]
#[derive(Clone, PartialEq)]
pub struct StoreOptions {
    /// The name under which the threads of the process share it.
    pub name: Option<String>,
    /// The absolute path of its file.
    pub path: Option<String>,
    /// How long a session lives whose cookie has no end.
    pub ttl: f64,
    /// Most sessions.
    pub max_sessions: f64,
    /// Most bytes of all.
    pub max_bytes: f64,
    /// Most bytes of a session.
    pub max_session_bytes: f64,
    /// Whether the least recently used give way to new ones.
    pub evict: bool,
    /// How often what has ended is dropped.
    pub sweep_interval: f64,
    /// How late the file may be.
    pub flush_interval: f64,
}

/// What came of opening a store.
#[napi(object, object_from_js = false)]
pub struct Opened {
    /// Its number; -1 when it was not opened.
    pub store: i32,
    /// The index of the error; -1 when there is none, and the store is open with other options.
    pub error: i32,
    /// What the engine or the system says.
    pub reason: String,
}

/// A store of the process, open under a name or a path.
struct Shared {
    store: Arc<Store>,
    options: StoreOptions,
    /// How many have opened it and not closed it.
    users: usize,
}

/// A store that this environment has open.
#[derive(Clone)]
struct Open {
    store: Arc<Store>,
    key: Option<String>,
}

static SHARED: Mutex<Option<HashMap<String, Shared>>> = Mutex::new(None);

thread_local! {
    static OPEN: RefCell<Vec<Option<Open>>> = RefCell::default();
}

/// Milliseconds since 1970, which is what cookies count in.
pub fn now() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| {
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Runs with an open store; nothing when there is none of this number.
pub fn with<R>(store: f64, run: impl FnOnce(&Store) -> R) -> Option<R> {
    OPEN.with_borrow(|open| {
        open.get(store as usize)
            .and_then(Option::as_ref)
            .map(|open| run(&open.store))
    })
}

/// Opens a store, or one more time the store of the process that has this name or path.
#[napi(catch_unwind)]
#[must_use]
pub fn open_store(options: StoreOptions) -> Opened {
    match open(options) {
        Ok(open) => OPEN.with_borrow_mut(|all| {
            let free = all.iter().position(Option::is_none).unwrap_or_else(|| {
                all.push(None);
                all.len() - 1
            });
            all[free] = Some(open);
            Opened {
                store: i32::try_from(free).unwrap_or(-1),
                error: -1,
                reason: String::new(),
            }
        }),
        Err(damage) => Opened {
            store: -1,
            error: damage
                .as_ref()
                .map_or(-1, |damage| index(damage.error).cast_signed()),
            reason: damage.map_or_else(String::new, |damage| damage.reason),
        },
    }
}

/// Opens a store; the error is nothing when it is open with other options.
fn open(options: StoreOptions) -> std::result::Result<Open, Option<Damage>> {
    let named = options.name.as_ref().map(|name| format!("name {name}"));
    let key = named.or_else(|| options.path.as_ref().map(|path| format!("path {path}")));
    let mut shared = SHARED.lock();
    let shared = shared.get_or_insert_default();
    if let Some(known) = key.as_ref().and_then(|key| shared.get_mut(key)) {
        if known.options != options {
            return Err(None);
        }
        known.users += 1;
        let store = Arc::clone(&known.store);
        return Ok(Open { store, key });
    }
    let limits = Limits {
        sessions: options.max_sessions as usize,
        bytes: options.max_bytes as usize,
        session_bytes: options.max_session_bytes as usize,
        evict: options.evict,
        ttl: options.ttl as u64,
    };
    let store = Arc::new(match &options.path {
        Some(path) => Store::at(engine()?, path, limits, now())?,
        None => Store::in_memory(limits),
    });
    tend(&store, &options).map_err(|error| Damage {
        error: Error::StoreFailed,
        reason: error.to_string(),
    })?;
    if let Some(key) = &key {
        let shared_store = Shared {
            store: Arc::clone(&store),
            options,
            users: 1,
        };
        shared.insert(key.clone(), shared_store);
    }
    Ok(Open { store, key })
}

/// Has the background task look after a store for as long as there is one: drop what has ended, write what has changed.
fn tend(store: &Arc<Store>, options: &StoreOptions) -> napi::Result<()> {
    let store: Weak<Store> = Arc::downgrade(store);
    let sweep = Duration::from_millis(options.sweep_interval as u64);
    // Half of it: a change then waits so long at most, and has the other half to be written.
    let flush = Duration::from_millis(options.flush_interval as u64) / 2;
    let look = if options.path.is_some() {
        sweep.min(flush)
    } else {
        sweep
    };
    let task = async move {
        let mut swept = tokio::time::Instant::now();
        let mut turns = tokio::time::interval_at(swept + look, look);
        // After a turn that took longer, the next comes at once.
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let Some(store) = store.upgrade() else {
                return;
            };
            let due = swept.elapsed() >= sweep;
            if due {
                swept = tokio::time::Instant::now();
            }
            // On a thread that may wait for the disk: the deadlines of store calls are looked at on this one.
            let work = move || {
                if due && store.sweep(now()) {
                    give_back();
                }
                // What fails stays to be written, and `stats` tells.
                let _ = store.flush();
            };
            // It ends early only when it panics, and then the next turn tries again.
            let _ = tokio::task::spawn_blocking(work).await;
        }
    };
    watch::runtime()?.spawn(task);
    Ok(())
}

/// Has the allocator give free memory back to the system: glibc's keeps what lies between blocks in use.
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

/// Flushes a store beside JavaScript.
pub struct Flushing {
    open: Option<Open>,
    closing: bool,
}

impl Task for Flushing {
    type Output = Option<Damage>;
    type JsValue = Option<String>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let Some(open) = self.open.take() else {
            return Ok(None);
        };
        let done = if self.closing {
            close(&open)
        } else {
            open.store.flush()
        };
        Ok(done.err())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(output.map(|damage| damage.reason))
    }
}

/// Closes a store that one user less has open.
fn close(open: &Open) -> std::result::Result<(), Damage> {
    let Some(key) = &open.key else {
        return open.store.close();
    };
    let mut shared = SHARED.lock();
    let shared = shared.get_or_insert_default();
    let last = shared.get_mut(key).is_some_and(|known| {
        known.users -= 1;
        known.users == 0
    });
    if !last {
        return open.store.flush();
    }
    shared.remove(key);
    open.store.close()
}

/// Writes to a store's file what it has not got yet. Gives what failed; null when nothing did.
#[napi(catch_unwind, ts_return_type = "Promise<string | null>")]
#[must_use]
pub fn flush_store(store: u32) -> AsyncTask<Flushing> {
    let open = OPEN.with_borrow(|open| open.get(store as usize).cloned().flatten());
    AsyncTask::new(Flushing {
        open,
        closing: false,
    })
}

/// Closes a store: its number is free from now on, and its file when nobody else has it open. Gives what failed.
#[napi(catch_unwind, ts_return_type = "Promise<string | null>")]
#[must_use]
pub fn close_store(store: u32) -> AsyncTask<Flushing> {
    let open = OPEN.with_borrow_mut(|open| open.get_mut(store as usize).and_then(Option::take));
    AsyncTask::new(Flushing {
        open,
        closing: true,
    })
}

/// Nobody holds the object of a store any more: its number is free, and so is the store unless it has a name or a path.
#[napi(catch_unwind)]
pub fn release_store(store: u32) {
    let open = OPEN.with_borrow_mut(|open| open.get_mut(store as usize).and_then(Option::take));
    if let Some(key) = open.as_ref().and_then(|open| open.key.as_ref())
        && let Some(known) = SHARED.lock().get_or_insert_default().get_mut(key)
    {
        // One user stays for good: what has a name is there until it is closed or the process ends.
        known.users = known.users.saturating_sub(1).max(1);
    }
}

/// The process ends: writes what the files have not got yet.
#[napi(catch_unwind)]
pub fn flush_stores() {
    if let Some(shared) = SHARED.lock().as_ref() {
        for known in shared.values() {
            let _ = known.store.flush();
        }
    }
}

/// Registers the shape of a dated cookie (the texts before, between and after its `originalMaxAge` and its `expires`),
/// or of one without an end (its text). Gives the number for `touch` and `setShaped`; -1 when there are too many.
#[napi(catch_unwind)]
#[must_use]
pub fn cookie_shape(
    store: u32,
    before: String,
    between: Option<String>,
    after: Option<String>,
) -> i32 {
    let shape = match (between, after) {
        (Some(between), Some(after)) => Shape::dated(&before, &between, &after),
        _ => Shape::open(&before),
    };
    with(f64::from(store), |store| store.table.shapes.register(shape))
        .flatten()
        .and_then(|shape| i32::try_from(shape.get()).ok())
        .unwrap_or(-1)
}

/// What came of a merge.
#[napi(object, object_from_js = false)]
pub struct MergedSession {
    /// 0 written, 1 the session is gone; below 0 as the functions of `embeddedHot`.
    pub code: i32,
    /// What the session is now; absent when it is not written.
    pub text: Option<String>,
    /// Its version.
    pub version: f64,
}

/// Merges what a session has become, `mine`, since it was `base` at `version` (0 when that is not known), with what it is
/// by now, and writes that: one step that nobody comes between. `expires` and `renew` as `replace` takes them.
#[napi(catch_unwind)]
#[must_use]
pub fn merge_session(
    store: u32,
    id: Utf16String,
    version: f64,
    base: String,
    mine: String,
    expires: f64,
    renew: bool,
) -> MergedSession {
    let mut key = Vec::new();
    sid::write_key(&id, &mut key);
    let merged = with(f64::from(store), |store| {
        let renewal = (due(expires), renew);
        store
            .table
            .merge(&key, version as u64, &base, &mine, renewal, now())
    });
    let (code, text, version) = match merged {
        Some(Ok(Commit::Merged(text, version))) => (0, Some(text.to_string()), version),
        Some(Ok(_)) => (1, None, 0),
        Some(Err(Refused::Foreign)) => (-1000, None, 0),
        Some(Err(Refused::Limit(error))) => (-1 - index(error).cast_signed(), None, 0),
        None => (-1 - index(Error::StoreClosed).cast_signed(), None, 0),
    };
    MergedSession {
        code,
        text,
        version: version as f64,
    }
}

/// The sessions of a store: ids and texts in turn.
#[napi(catch_unwind)]
#[must_use]
pub fn all_sessions(store: u32) -> Vec<Utf16String> {
    let mut all = Vec::new();
    with(f64::from(store), |store| {
        store.table.each(now(), |id, text, _| {
            all.push(sid::units(id).into());
            all.push(text.encode_utf16().collect::<Vec<u16>>().into());
        });
    });
    all
}

/// How many sessions a store has.
#[napi(catch_unwind)]
#[must_use]
pub fn count_sessions(store: u32) -> f64 {
    with(f64::from(store), |store| store.table.len(now())).unwrap_or(0) as f64
}

/// Takes every session of a store away.
#[napi(catch_unwind)]
pub fn clear_sessions(store: u32) {
    with(f64::from(store), |store| store.table.clear());
}

/// What a store holds, and what it has done since it was opened.
#[napi(object, object_from_js = false)]
pub struct StoreStats {
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
    /// What the last attempt to write the file failed with; absent when it did not.
    pub failure: Option<String>,
}

/// What a store holds, and what it has done.
#[napi(catch_unwind)]
#[must_use]
pub fn store_stats(store: u32) -> Option<StoreStats> {
    with(f64::from(store), |store| {
        let stats = store.table.stats();
        let progress = store.progress();
        StoreStats {
            sessions: stats.sessions as f64,
            bytes: stats.bytes as f64,
            expired: stats.expired as f64,
            evicted: stats.evicted as f64,
            refused: stats.refused as f64,
            flushes: progress.flushes as f64,
            failure: progress.failure.map(|damage| damage.reason),
        }
    })
}

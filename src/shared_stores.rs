//! The embedded stores of the process: each name and each path is one store, whichever thread opens it.
//!
//! No lock of all stores is held while the disk is waited for. A thread that opens a file waits for another one that opens the
//! same file at that moment, and for nobody else. A store that is opened while it closes stays open.

use std::{collections::HashMap, path::Path, sync::Arc};

use embedded_store::{Failure, Store};
use parking_lot::Mutex;

use crate::{clock, embedded_table::EmbeddedTableOptions};

/// A store of the process.
struct Shared {
    options: EmbeddedTableOptions,
    /// How many objects have opened it and not closed it.
    users: usize,
    place: Arc<Place>,
}

/// The store of one name or path while it is open. Locked while its file is opened.
type Place = Mutex<Option<Arc<Store>>>;

static SHARED: Mutex<Option<HashMap<String, Shared>>> = Mutex::new(None);

/// A store that an object has open.
#[derive(Clone)]
pub struct Open {
    /// The store.
    pub store: Arc<Store>,
    /// Its name or path, where it has one.
    key: Option<String>,
}

/// Why a store was not opened.
pub enum NotOpened {
    /// It is open with other options.
    OtherOptions,
    /// Its file could not be opened.
    Failed(Failure),
}

impl Open {
    /// Opens a store, or once more the store of the process that has this name or path. Has `tend` look after a new one.
    pub fn new(options: EmbeddedTableOptions, tend: impl FnOnce(&Arc<Store>)) -> Result<Self, NotOpened> {
        let open = |options: &EmbeddedTableOptions| {
            let store = match &options.path {
                Some(path) => {
                    Store::at(Path::new(path), options.limits(), clock::epoch()).map_err(NotOpened::Failed)?
                }
                None => Store::in_memory(options.limits()),
            };
            let store = Arc::new(store);
            tend(&store);
            Ok(store)
        };
        let Some(key) = options.key() else {
            let store = open(&options)?;
            return Ok(Self { store, key: None });
        };
        let place = enlist(&key, &options)?;
        let mut place = place.lock();
        let opened = match &*place {
            Some(store) => Ok(Arc::clone(store)),
            None => open(&options),
        };
        match opened {
            Ok(store) => {
                *place = Some(Arc::clone(&store));
                let key = Some(key);
                Ok(Self { store, key })
            }
            Err(refused) => {
                drop(place);
                leave(&key);
                forget(&key);
                Err(refused)
            }
        }
    }

    /// Closes the store for its user: writes its changes, and closes the file when nobody else has it open. It waits for the
    /// disk.
    pub fn close(self) -> Result<(), Failure> {
        let Some(key) = &self.key else {
            return self.store.close();
        };
        let flushed = self.store.flush();
        let Some(place) = leave(key) else {
            return flushed;
        };
        // It takes a while, and whoever opens the store meanwhile shares it.
        self.store.close_database();
        let mut place = place.lock();
        if has_users(key) {
            return flushed;
        }
        let closed = self.store.close();
        *place = None;
        drop(place);
        forget(key);
        closed
    }

    /// Lets the store go without closing it, as its object was collected. A name or a path stays open until the process ends.
    pub fn release(self) -> Arc<Store> {
        if let Some(key) = &self.key
            && let Some(known) = SHARED.lock().get_or_insert_default().get_mut(key)
        {
            known.users = known.users.saturating_sub(1).max(1);
        }
        self.store
    }
}

/// Writes the changes of all files. It waits for the disk.
pub fn flush_all() {
    let places: Vec<_> = {
        let shared = SHARED.lock();
        let all = shared.iter().flat_map(HashMap::values);
        all.map(|known| Arc::clone(&known.place)).collect()
    };
    for place in places {
        let store = place.lock().clone();
        // A failure has nobody to be told to any more.
        let _ = store.map(|store| store.flush());
    }
}

/// Counts one more user of a store.
fn enlist(key: &str, options: &EmbeddedTableOptions) -> Result<Arc<Place>, NotOpened> {
    let mut shared = SHARED.lock();
    let known = shared.get_or_insert_default().entry(key.to_owned()).or_insert_with(|| Shared {
        options: options.clone(),
        users: 0,
        place: Arc::default(),
    });
    if known.options != *options {
        return Err(NotOpened::OtherOptions);
    }
    known.users += 1;
    Ok(Arc::clone(&known.place))
}

/// Counts one user of a store less. Gives its place when that was the last one.
fn leave(key: &str) -> Option<Arc<Place>> {
    let mut shared = SHARED.lock();
    let known = shared.as_mut()?.get_mut(key)?;
    known.users = known.users.saturating_sub(1);
    (known.users == 0).then(|| Arc::clone(&known.place))
}

fn has_users(key: &str) -> bool {
    let shared = SHARED.lock();
    let known = shared.as_ref().and_then(|all| all.get(key));
    known.is_some_and(|known| known.users > 0)
}

/// Removes a store that has no users.
fn forget(key: &str) {
    if let Some(all) = SHARED.lock().as_mut()
        && all.get(key).is_some_and(|known| known.users == 0)
    {
        all.remove(key);
    }
}

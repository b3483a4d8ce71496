//! Stores that threads share: each name and each path is one store, whichever thread opens it.
//!
//! No lock of all stores is held while the disk is waited for. A thread that opens a file waits for another one that opens the
//! same file at that moment, and for nobody else. A store that is opened while it closes stays open.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::{error::Failure, store::Store};

/// The stores of the process by key, such as a path, with the options `O` that each was opened with.
#[derive(Debug)]
pub struct SharedStores<O> {
    all: Mutex<BTreeMap<String, Shared<O>>>,
}

#[derive(Debug)]
struct Shared<O> {
    options: O,
    /// How many have opened it and not closed it.
    users: usize,
    place: Arc<Place>,
}

/// The store of one key while it is open. Locked while its file is opened.
type Place = Mutex<Option<Arc<Store>>>;

/// Why a store was not opened.
#[derive(Debug)]
pub enum NotOpened {
    /// It is open with other options.
    OtherOptions,
    /// Its file could not be opened.
    Failed(Failure),
}

impl<O: Clone + PartialEq> SharedStores<O> {
    /// No stores.
    #[expect(clippy::new_without_default, reason = "it is for a static, which takes no `default`")]
    #[must_use]
    pub const fn new() -> Self {
        Self { all: Mutex::new(BTreeMap::new()) }
    }

    /// Gives the store of a key to one more user. Has `open` open it where it is not open.
    ///
    /// # Errors
    /// [`NotOpened`]; [`NotOpened::Failed`] is the failure of `open`.
    pub fn open(
        &self,
        key: &str,
        options: &O,
        open: impl FnOnce() -> Result<Arc<Store>, Failure>,
    ) -> Result<Arc<Store>, NotOpened> {
        let place = self.join(key, options)?;
        let mut place = place.lock();
        if let Some(store) = &*place {
            return Ok(Arc::clone(store));
        }
        match open() {
            Ok(store) => {
                *place = Some(Arc::clone(&store));
                Ok(store)
            }
            Err(failure) => {
                drop(place);
                self.leave(key);
                self.forget(key);
                Err(NotOpened::Failed(failure))
            }
        }
    }

    /// Closes a store for one of its users: writes its changes, and closes its file when there is no other user. It waits for
    /// the disk.
    ///
    /// # Errors
    /// As [`Store::flush`]; it is closed all the same.
    pub fn close(&self, key: &str, store: &Store) -> Result<(), Failure> {
        let flushed = store.flush();
        let Some(place) = self.leave(key) else {
            return flushed;
        };
        // It takes a while. A user who opens the store meanwhile shares it.
        store.close_database();
        let mut place = place.lock();
        if self.has_users(key) {
            return flushed;
        }
        let closed = store.close();
        *place = None;
        drop(place);
        self.forget(key);
        closed
    }

    /// Forgets a user who did not close the store. The last one's stays open until the process ends.
    pub fn abandon(&self, key: &str) {
        if let Some(known) = self.all.lock().get_mut(key) {
            known.users = known.users.saturating_sub(1).max(1);
        }
    }

    /// Writes the changes of all stores. It waits for the disk.
    pub fn flush(&self) {
        let places: Vec<_> = self.all.lock().values().map(|known| Arc::clone(&known.place)).collect();
        for place in places {
            let store = place.lock().clone();
            // A failure is kept in the store's progress.
            let _ = store.map(|store| store.flush());
        }
    }

    fn join(&self, key: &str, options: &O) -> Result<Arc<Place>, NotOpened> {
        let mut all = self.all.lock();
        let known = all.entry(key.to_owned()).or_insert_with(|| Shared {
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

    /// Counts one user less. Gives the store's place when that was the last one.
    fn leave(&self, key: &str) -> Option<Arc<Place>> {
        let mut all = self.all.lock();
        let known = all.get_mut(key)?;
        known.users = known.users.saturating_sub(1);
        (known.users == 0).then(|| Arc::clone(&known.place))
    }

    fn has_users(&self, key: &str) -> bool {
        self.all.lock().get(key).is_some_and(|known| known.users > 0)
    }

    /// Removes a store that has no users.
    fn forget(&self, key: &str) {
        let mut all = self.all.lock();
        if all.get(key).is_some_and(|known| known.users == 0) {
            all.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Kind, limits::Limits, table::Due};

    const NOW: u64 = 1_795_439_783_000;

    #[expect(clippy::unnecessary_wraps, reason = "it is for `open`")]
    fn in_memory() -> Result<Arc<Store>, Failure> {
        Ok(Arc::new(Store::in_memory(Limits::default())))
    }

    #[test]
    fn a_key_is_one_store_until_all_its_users_have_closed_it() {
        let stores = SharedStores::new();
        let one = stores.open("name", &1, in_memory).unwrap();
        let same = stores.open("name", &1, in_memory).unwrap();
        let other = stores.open("other", &1, in_memory).unwrap();
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let refused = stores.open("name", &2, in_memory);
        assert!(matches!(refused, Err(NotOpened::OtherOptions)));
        stores.close("name", &one).unwrap();
        assert!(Arc::ptr_eq(&one, &stores.open("name", &1, in_memory).unwrap()));
        stores.close("name", &one).unwrap();
        stores.close("name", &one).unwrap();
        assert!(!Arc::ptr_eq(&one, &stores.open("name", &2, in_memory).unwrap()));
    }

    #[test]
    fn a_store_that_could_not_be_opened_may_be_opened_the_next_time() {
        let stores = SharedStores::new();
        let fails = || Err(Failure::new(Kind::Failed, "no such folder"));
        assert!(matches!(stores.open("path", &1, fails), Err(NotOpened::Failed(_))));
        assert!(stores.open("path", &2, in_memory).is_ok());
    }

    #[test]
    fn an_abandoned_store_stays_open() {
        let stores = SharedStores::new();
        let store = stores.open("name", &1, in_memory).unwrap();
        stores.abandon("name");
        assert!(Arc::ptr_eq(&store, &stores.open("name", &1, in_memory).unwrap()));
        stores.close("name", &store).unwrap();
        assert!(Arc::ptr_eq(&store, &stores.open("name", &1, in_memory).unwrap()));
    }

    #[test]
    fn threads_that_open_and_close_one_file_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let stores = SharedStores::new();
        let open = || Store::at(&path, Limits::default(), NOW).map(Arc::new);
        let work = |thread: u8| {
            for round in 0..40 {
                let store = stores.open("path", &(), open).expect("it is never in use by another store");
                let set = store.table.set(&[thread, round], "{}".into(), Due::At(NOW + 1), NOW);
                set.unwrap();
                stores.close("path", &store).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || work(thread));
            }
        });
        assert!(stores.all.lock().is_empty());
        assert_eq!(open().unwrap().table.len(NOW), 160);
    }

    #[test]
    fn a_store_that_is_opened_while_it_closes_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let stores = SharedStores::new();
        let open = || Store::at(&path, Limits::default(), NOW).map(Arc::new);
        let store = stores.open("path", &(), open).unwrap();
        // As in the middle of closing it.
        store.close_database();
        let same = stores.open("path", &(), open).unwrap();
        stores.close("path", &store).unwrap();
        same.table.set(b"a", "{}".into(), Due::At(NOW + 1), NOW).unwrap();
        stores.flush();
        assert!(!same.table.has_changes());
        stores.close("path", &same).unwrap();
        assert_eq!(open().unwrap().table.len(NOW), 1);
    }
}

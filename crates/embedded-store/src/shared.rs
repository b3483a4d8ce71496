//! Stores that threads share: each name and each path is one store, whichever thread opens it.
//!
//! A thread that opens or closes a store while another one does so waits for it, and for nobody else.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::error::Failure;
use crate::store::Store;

/// The stores of the process by key, such as a path, with the options `O` that each was opened with.
#[derive(Debug)]
pub struct SharedStores<O> {
    places: Mutex<BTreeMap<String, Place<O>>>,
}

/// The store of one key, while it is open. Locked while its file is opened and closed.
type Place<O> = Arc<Mutex<Option<Shared<O>>>>;

#[derive(Debug)]
struct Shared<O> {
    options: O,
    /// How many have opened it and not closed it.
    users: usize,
    store: Arc<Store>,
}

impl<O: Clone + PartialEq> SharedStores<O> {
    /// No stores.
    #[expect(clippy::new_without_default, reason = "it is for a static, which takes no `default`")]
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Mutex::new(BTreeMap::new()) }
    }

    /// Gives the store of a key to one more user, and has `open` open it first if need be. Nothing when it has other options.
    ///
    /// # Errors
    /// The failure of `open`.
    pub fn open(
        &self,
        key: &str,
        options: &O,
        open: impl FnOnce() -> Result<Arc<Store>, Failure>,
    ) -> Result<Option<Arc<Store>>, Failure> {
        let place = self.place(key);
        let mut place = place.lock();
        if let Some(shared) = &mut *place {
            if shared.options != *options {
                return Ok(None);
            }
            shared.users += 1;
            return Ok(Some(Arc::clone(&shared.store)));
        }
        let store = open()?;
        *place = Some(Shared { options: options.clone(), users: 1, store: Arc::clone(&store) });
        Ok(Some(store))
    }

    /// Closes a store for one of its users: writes its changes, and closes its file with the last one. It waits for the disk.
    ///
    /// # Errors
    /// As [`Store::flush`]; it is closed all the same.
    pub fn close(&self, key: &str, store: &Store) -> Result<(), Failure> {
        // It takes a while. A user who opens the store meanwhile shares it.
        let flushed = store.flush();
        let place = self.place(key);
        let mut place = place.lock();
        if let Some(shared) = &mut *place
            && shared.users > 1
        {
            shared.users -= 1;
            return flushed;
        }
        *place = None;
        store.close()
    }

    /// Forgets a user who did not close the store. The last one's stays open until the process ends.
    pub fn abandon(&self, key: &str) {
        if let Some(shared) = &mut *self.place(key).lock() {
            shared.users = shared.users.saturating_sub(1).max(1);
        }
    }

    /// Writes the changes of all stores. It waits for the disk.
    pub fn flush(&self) {
        let places: Vec<_> = self.places.lock().values().cloned().collect();
        for place in places {
            if let Some(shared) = &*place.lock() {
                // A failure is kept in the store's progress.
                let _ = shared.store.flush();
            }
        }
    }

    fn place(&self, key: &str) -> Place<O> {
        let mut places = self.places.lock();
        // Of a place that nobody else has, the store is closed or will stay open.
        places.retain(|_, place| Arc::strong_count(place) > 1 || place.lock().is_some());
        Arc::clone(places.entry(key.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use session_core::error::Error;

    use super::*;
    use crate::table::Limits;

    const NOW: u64 = 1_795_439_783_000;

    #[expect(clippy::unnecessary_wraps, reason = "it is for `open`")]
    fn in_memory() -> Result<Arc<Store>, Failure> {
        Ok(Arc::new(Store::in_memory(Limits::default())))
    }

    #[test]
    fn a_key_is_one_store_until_all_its_users_have_closed_it() {
        let stores = SharedStores::new();
        let one = stores.open("name", &1, in_memory).unwrap().unwrap();
        let same = stores.open("name", &1, in_memory).unwrap().unwrap();
        let other = stores.open("other", &1, in_memory).unwrap().unwrap();
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let refused = stores.open("name", &2, in_memory);
        assert!(refused.unwrap().is_none());
        stores.close("name", &one).unwrap();
        assert!(Arc::ptr_eq(&one, &stores.open("name", &1, in_memory).unwrap().unwrap()));
        stores.close("name", &one).unwrap();
        stores.close("name", &one).unwrap();
        assert!(!Arc::ptr_eq(&one, &stores.open("name", &2, in_memory).unwrap().unwrap()));
    }

    #[test]
    fn a_store_that_could_not_be_opened_may_be_opened_the_next_time() {
        let stores = SharedStores::new();
        let fails = || Err(Failure::new(Error::StoreFailed, "no such folder"));
        assert!(stores.open("path", &1, fails).is_err());
        assert!(stores.open("path", &2, in_memory).is_ok());
    }

    #[test]
    fn an_abandoned_store_stays_open() {
        let stores = SharedStores::new();
        let store = stores.open("name", &1, in_memory).unwrap().unwrap();
        stores.abandon("name");
        assert!(Arc::ptr_eq(&store, &stores.open("name", &1, in_memory).unwrap().unwrap()));
        stores.close("name", &store).unwrap();
        assert!(Arc::ptr_eq(&store, &stores.open("name", &1, in_memory).unwrap().unwrap()));
    }

    #[test]
    fn threads_that_open_and_close_one_file_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let stores = SharedStores::new();
        let open = || Store::at(&path, Limits::default(), NOW).map(Arc::new);
        let work = |thread: u8| {
            for round in 0..40 {
                let store =
                    stores.open("path", &(), open).expect("it is never in use by another store").unwrap();
                let set = store.table.set(&[thread, round], "{}".into(), NOW + 1, NOW);
                set.unwrap();
                stores.close("path", &store).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || work(thread));
            }
        });
        stores.place("other");
        assert_eq!(stores.places.lock().len(), 1);
        assert_eq!(open().unwrap().table.len(NOW), 160);
    }
}

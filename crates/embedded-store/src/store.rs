//! A store: a table of sessions, and the file that keeps them if one is named.

use std::path::Path;

use parking_lot::Mutex;
use session_core::error::Error;

use crate::error::Failure;
use crate::file::{Changes, File};
use crate::table::{Limits, Table};

/// Sessions in this process, and in a file if one is named.
#[derive(Debug)]
pub struct Store {
    /// The sessions.
    pub table: Table,
    behind: Mutex<Behind>,
    /// Apart from the file, which is locked while the disk is waited for.
    progress: Mutex<Progress>,
}

/// The file, and how far behind it is.
#[derive(Debug, Default)]
struct Behind {
    /// Nothing once it is closed.
    file: Option<File>,
    /// The changes that could not be written yet.
    changes: Changes,
}

/// The progress of writing the file.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How often changes have been written, and the disk has them.
    pub flushes: u64,
    /// Why the last attempt failed; nothing when it did not.
    pub failure: Option<Failure>,
}

impl Store {
    /// A store of this process alone.
    #[must_use]
    pub fn in_memory(limits: Limits) -> Self {
        Self { table: Table::new(limits, false), behind: Mutex::default(), progress: Mutex::default() }
    }

    /// A store with the file at `path`: with the sessions of the file that have not ended by `now` (ms since 1970).
    ///
    /// # Errors
    /// A [`Failure`]; [`Error::StoreFull`] when the file holds a session that `limits` refuse. The file is as it was then.
    pub fn at(path: &Path, limits: Limits, now: u64) -> Result<Self, Failure> {
        let table = Table::new(limits, true);
        let mut gone = Changes::new();
        let mut is_full = false;
        let file = File::open(path, &mut |sid, expires, text| {
            if expires <= now {
                gone.insert(sid.into(), None);
            } else if table.set(sid, text.to_owned(), expires, now).is_err() {
                is_full = true;
            }
        })?;
        if is_full {
            return Err(Failure::new(Error::StoreFull, "the file holds more than the limits allow"));
        }
        // The sessions that were written came from the file; those that had to give way to them are still in there.
        table.take_changes(|changes| {
            gone.extend(changes.into_iter().filter(|(_, state)| state.is_none()));
        });
        let behind = Mutex::new(Behind { file: Some(file), changes: gone });
        Ok(Self { table, behind, progress: Mutex::default() })
    }

    /// Writes the changes that the file has not got yet, and waits for the disk.
    ///
    /// # Errors
    /// [`Error::StoreFailed`], mostly. Changes that could not be written are kept for the next time.
    pub fn flush(&self) -> Result<(), Failure> {
        self.write(&mut self.behind.lock())
    }

    /// Writes the changes that the file has not got yet, and closes it.
    ///
    /// # Errors
    /// As [`Store::flush`]; it is closed all the same.
    pub fn close(&self) -> Result<(), Failure> {
        let mut behind = self.behind.lock();
        let flushed = self.write(&mut behind);
        behind.file = None;
        flushed
    }

    /// The progress of writing the file.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.lock().clone()
    }

    fn write(&self, behind: &mut Behind) -> Result<(), Failure> {
        let Some(file) = &mut behind.file else {
            return Ok(());
        };
        self.table.take_changes(|changes| behind.changes.extend(changes));
        if behind.changes.is_empty() {
            return Ok(());
        }
        let written = file.write(&behind.changes);
        if written.is_ok() {
            // To free them takes a while, and JavaScript reads the progress.
            behind.changes = Changes::new();
        }
        let mut progress = self.progress.lock();
        progress.flushes += u64::from(written.is_ok());
        progress.failure = written.clone().err();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_439_783_000;

    fn at_time(path: &Path, now: u64) -> Result<Store, Failure> {
        Store::at(path, Limits::default(), now)
    }

    fn at(path: &Path) -> Result<Store, Failure> {
        at_time(path, NOW)
    }

    fn set(store: &Store, sid: &[u8], text: &str, end: u64) {
        store.table.set(sid, text.into(), end, NOW).unwrap();
    }

    #[test]
    fn sessions_survive_in_the_file_and_ended_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let store = at(&path).unwrap();
        set(&store, b"a", r#"{"a":"\u00e9\u{2019}"}"#, NOW + 1000);
        set(&store, b"b", "{}", NOW + 1);
        set(&store, b"c", "{}", NOW + 1000);
        store.flush().unwrap();
        assert_eq!(store.progress().flushes, 1);
        // There is nothing to write.
        store.flush().unwrap();
        assert_eq!(store.progress().flushes, 1);
        store.table.destroy(b"c");
        store.close().unwrap();
        assert_eq!(store.progress().flushes, 2);
        let store = at_time(&path, NOW + 1).unwrap();
        assert!(store.table.get(b"a", NOW + 1).is_some());
        assert_eq!(store.table.len(NOW + 1), 1);
        store.flush().unwrap();
        store.table.take_changes(|changes| panic!("the file has not got {changes:?}"));
        store.close().unwrap();
        // Not even for a clock that goes wrong.
        assert_eq!(at(&path).unwrap().table.len(NOW), 1);
    }

    #[test]
    fn a_file_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let store = at(&path).unwrap();
        assert_eq!(at(&path).unwrap_err().error, Error::StorePathInUse);
        store.close().unwrap();
        at(&path).unwrap();
    }
}

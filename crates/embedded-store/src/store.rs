//! The embedded store: express-session's sessions as JSON texts in this process, and in a file if one is named.
//!
//! [`Table`] holds them, with limits and ends; [`File`] keeps them over a restart; [`Store`] is both. Time is the
//! caller's, so that tests have a clock of their own.

pub mod cookie;
mod damage;
pub mod limits;
mod queue;
pub mod shape;
mod shard;
pub mod sid;
pub mod table;

use parking_lot::Mutex;
use store_file::{Changes, Engine, File};

pub use damage::Damage;
pub use limits::Limits;
pub use shape::{Shape, Shaped};
pub use table::{Commit, Due, Refused, Stats, Table};

use crate::error::Error;

/// From so many bytes on, what a sweep has dropped is worth giving back to the system.
const WORTH_GIVING_BACK: usize = 16 * 1024 * 1024;

/// Sessions in this process, and in a file if one is named.
#[derive(Debug)]
pub struct Store {
    /// The sessions.
    pub table: Table,
    file: Option<Mutex<Behind>>,
    /// Apart from the file, which is locked while the disk is waited for.
    progress: Mutex<Progress>,
    /// Bytes that sweeps have dropped since memory was last given back.
    dropped: Mutex<usize>,
}

/// The file, and how far behind it is.
#[derive(Debug)]
struct Behind {
    /// Nothing once it is closed.
    file: Option<File>,
    /// What could not be written yet.
    changes: Changes,
}

/// How the writing of the file goes.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// How often changes have been written, and the disk has them.
    pub flushes: u64,
    /// What the last attempt failed with.
    pub failure: Option<Damage>,
}

impl Store {
    /// A store of this process alone.
    #[must_use]
    pub fn in_memory(limits: Limits) -> Self {
        Self {
            table: Table::new(limits, false),
            file: None,
            progress: Mutex::default(),
            dropped: Mutex::default(),
        }
    }

    /// A store that `engine` keeps in the file at `path`: with what the file holds and has not ended by `now` (ms since 1970).
    ///
    /// # Errors
    /// [`Error::StorePathInUse`], [`Error::StoreDamaged`] for a file that is damaged or is not a store's,
    /// [`Error::StoreFailed`] for what the system refuses: the file is as it was then. Also [`Error::StoreFull`] when the file holds more than `limits` and `evict` is off.
    pub fn at(
        engine: &'static Engine,
        path: &str,
        limits: Limits,
        now: u64,
    ) -> Result<Self, Damage> {
        let table = Table::new(limits, true);
        let mut gone = Changes::new();
        let mut refused = None;
        let file = File::open(engine, path, &mut |sid, expires, text| {
            if expires <= now {
                gone.insert(sid.into(), None);
            } else if let Err(Refused::Limit(error)) = table.set(sid, text, Due::At(expires), now) {
                refused = Some(error);
            }
        })?;
        if let Some(error) = refused {
            let reason = "the file holds more than the limits allow";
            return Err(Damage {
                error,
                reason: reason.into(),
            });
        }
        // What was written came from the file; what had to give way to it is still in there.
        table.take_changes(|changes| {
            gone.extend(changes.into_iter().filter(|(_, state)| state.is_none()));
        });
        Ok(Self {
            table,
            file: Some(Mutex::new(Behind {
                file: Some(file),
                changes: gone,
            })),
            progress: Mutex::default(),
            dropped: Mutex::default(),
        })
    }

    /// Drops what has ended by `now`, and gives memory back when that was much. Says whether it did.
    pub fn sweep(&self, now: u64) -> bool {
        let mut dropped = self.dropped.lock();
        *dropped += self.table.sweep(now);
        if *dropped < WORTH_GIVING_BACK || *dropped < self.table.stats().bytes {
            return false;
        }
        *dropped = 0;
        self.table.shrink();
        true
    }

    /// Writes to the file what it has not got yet, and waits for the disk.
    ///
    /// # Errors
    /// [`Error::StoreFailed`], mostly. What could not be written is kept for the next time.
    pub fn flush(&self) -> Result<(), Damage> {
        self.file.as_ref().map_or(Ok(()), |behind| {
            let mut behind = behind.lock();
            behind.flush(&self.table, &self.progress)
        })
    }

    /// Writes what the file has not got yet, and closes it.
    ///
    /// # Errors
    /// As [`Store::flush`]; it is closed all the same.
    pub fn close(&self) -> Result<(), Damage> {
        self.file.as_ref().map_or(Ok(()), |behind| {
            let mut behind = behind.lock();
            let flushed = behind.flush(&self.table, &self.progress);
            behind.file = None;
            flushed
        })
    }

    /// How the writing of the file goes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.lock().clone()
    }
}

impl Behind {
    fn flush(&mut self, table: &Table, progress: &Mutex<Progress>) -> Result<(), Damage> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        table.take_changes(|changes| self.changes.extend(changes));
        if self.changes.is_empty() {
            return Ok(());
        }
        let written = file.write(&self.changes).map_err(Damage::from);
        let mut progress = progress.lock();
        match &written {
            Ok(()) => {
                self.changes = Changes::new();
                progress.flushes += 1;
                progress.failure = None;
            }
            Err(damage) => {
                progress.failure = Some(Damage {
                    error: Error::StoreFailed,
                    reason: damage.reason.clone(),
                });
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store_engine::ENGINE;

    use super::*;

    const NOW: u64 = 1_795_439_783_000;

    fn at_time(path: &Path, now: u64) -> Result<Store, Damage> {
        let path = path.to_str().unwrap();
        Store::at(&ENGINE, path, Limits::default(), now)
    }

    fn at(path: &Path) -> Result<Store, Damage> {
        at_time(path, NOW)
    }

    fn set(store: &Store, sid: &[u8], text: &str, end: u64) {
        store.table.set(sid, text, Due::At(end), NOW).unwrap();
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
        assert!(!store.table.has_changes());
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

//! The embedded store: express-session's sessions as JSON texts in this process, and in a file if one is named.
//!
//! [`Table`] holds them, with limits and ends; [`File`] keeps them over a restart; [`Store`] is both. Time is the
//! caller's, so that tests have a clock of their own.

mod backend;
pub mod cookie;
mod file;
pub mod limits;
mod queue;
pub mod shape;
mod shard;
pub mod sid;
pub mod table;

use std::path::Path;

use parking_lot::Mutex;

pub use file::{Changes, Damage, File};
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
    failure: Option<Damage>,
}

impl Store {
    /// A store of this process alone.
    #[must_use]
    pub fn in_memory(limits: Limits) -> Self {
        Self {
            table: Table::new(limits, false),
            file: None,
            dropped: Mutex::default(),
        }
    }

    /// A store that is kept in the file at `path`: with what the file holds and has not ended by `now` (ms since 1970).
    ///
    /// # Errors
    /// See [`File::open`]. Also [`Error::StoreFull`] when the file holds more than `limits` and `evict` is off.
    pub fn at(path: &Path, limits: Limits, now: u64) -> Result<Self, Damage> {
        let table = Table::new(limits, true);
        let mut gone = Changes::new();
        let mut refused = None;
        let file = File::open(path, |sid, expires, text| {
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
                failure: None,
            })),
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
            behind.flush(&self.table)
        })
    }

    /// Writes what the file has not got yet, and closes it.
    ///
    /// # Errors
    /// As [`Store::flush`]; it is closed all the same.
    pub fn close(&self) -> Result<(), Damage> {
        self.file.as_ref().map_or(Ok(()), |behind| {
            let mut behind = behind.lock();
            let flushed = behind.flush(&self.table);
            behind.file = None;
            flushed
        })
    }

    /// What the last attempt to write the file failed with.
    #[must_use]
    pub fn failure(&self) -> Option<Damage> {
        self.file.as_ref()?.lock().failure.clone()
    }
}

impl Behind {
    fn flush(&mut self, table: &Table) -> Result<(), Damage> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        table.take_changes(|changes| self.changes.extend(changes));
        if self.changes.is_empty() {
            return Ok(());
        }
        let written = file.write(&self.changes);
        match &written {
            Ok(()) => {
                self.changes = Changes::new();
                self.failure = None;
            }
            Err(damage) => {
                self.failure = Some(Damage {
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
    use std::fs;

    use super::*;

    const NOW: u64 = 1_795_439_783_000;

    fn at(path: &Path) -> Result<Store, Damage> {
        Store::at(path, Limits::default(), NOW)
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
        store.table.destroy(b"c");
        store.close().unwrap();
        let store = Store::at(&path, Limits::default(), NOW + 1).unwrap();
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

    #[test]
    fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let mut foreign: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"{}".to_vec(),
            b"SQLite format 3\0".repeat(600),
            vec![0; 100_000],
            b"redb\x1A\x0A\xA9\x0D\x0A".repeat(10_000),
        ];
        let other = folder.path().join("other");
        let database = redb::Database::create(&other).unwrap();
        database.begin_write().unwrap().commit().unwrap();
        drop(database);
        foreign.push(fs::read(&other).unwrap());
        for bytes in foreign {
            fs::write(&path, &bytes).unwrap();
            let damage = at(&path).unwrap_err();
            assert_eq!(damage.error, Error::StoreDamaged, "{damage:?}");
            assert!(fs::read(&path).unwrap() == bytes);
        }
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_was_or_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let store = at(&path).unwrap();
        for number in 0..200u32 {
            set(
                &store,
                &number.to_le_bytes(),
                &format!(r#"{{"n":{number},"pad":"{}"}}"#, "x".repeat(300)),
                NOW + 1000,
            );
        }
        store.close().unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        let mut refused = 0;
        for cut in [100, 4096, whole.len() / 2, whole.len() - 4096] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(at(&path).unwrap_err().error, Error::StoreDamaged);
            assert!(fs::read(&path).unwrap() == whole[..cut]);
        }
        for at_byte in (0..whole.len()).step_by(whole.len() / 97) {
            let mut bytes = whole.clone();
            for byte in bytes.iter_mut().skip(at_byte).take(64) {
                *byte ^= 0x5A;
            }
            fs::write(&path, &bytes).unwrap();
            match at(&path) {
                Err(damage) => {
                    assert_eq!(damage.error, Error::StoreDamaged, "{damage:?} at {at_byte}");
                    assert!(fs::read(&path).unwrap() == bytes);
                    refused += 1;
                }
                // Bytes that nothing is in.
                Ok(store) => {
                    assert_eq!(store.table.len(NOW), 200);
                    store.table.each(NOW, |sid, text, _| {
                        let number = u32::from_le_bytes(sid.try_into().unwrap());
                        assert!(text.starts_with(&format!(r#"{{"n":{number},"#)));
                    });
                }
            }
        }
        assert!(refused > 0);
    }
}

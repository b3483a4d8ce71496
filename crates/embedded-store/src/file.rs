//! The file of a store: redb's, with a session's end and text under its id in one table.
//!
//! Another says that the file is ours, and in which format. Both are of one type: the engine's code is compiled once for each.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use redb::{Builder, Database, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, TableError};
use session_core::error::Error;

use crate::backend::Backend;
use crate::error::Failure;

type Table = TableDefinition<'static, &'static [u8], (u64, &'static str)>;

const SESSIONS: Table = TableDefinition::new("sessions");
/// Has the number of the format under its name.
const ABOUT: Table = TableDefinition::new("io-session");
const FORMAT_NAME: &[u8] = b"format";
const FORMAT: u64 = 1;
/// The engine's cache in bytes: the sessions are in the table anyway.
const CACHE: usize = 8 * 1024 * 1024;

/// The changes to be written, in the order of the file, where neighbours share a page. As in [`crate::table::Change`].
pub type Changes = BTreeMap<Box<[u8]>, Option<(u64, Arc<String>)>>;

/// The file of a store, locked while it is open.
#[derive(Debug)]
pub struct File {
    /// Nothing after a failure: a database that the system has refused something once (a full disk) refuses everything.
    database: Option<Database>,
    /// Has the lock meanwhile.
    backend: Backend,
}

impl File {
    /// Opens the file at `path`, or makes it, and visits each session's id, end and text. A failure leaves the file as it was.
    pub fn open(path: &Path, visit: &mut dyn FnMut(&[u8], u64, &str)) -> Result<Self, Failure> {
        if !fs::exists(path)? {
            create(path)?;
        }
        let backend = Backend::open(path)?;
        if backend.len()? == 0 {
            return Err(damaged("it is empty").into());
        }
        // The engine promises to report damage and not to panic on it; what it promises is not taken on trust here.
        let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Database, redb::Error> {
            let database = build(backend.clone(), true)?;
            load(&database, visit)?;
            Ok(database)
        }));
        let database = opened.unwrap_or_else(|_| Err(damaged("the engine panicked").into()))?;
        backend.trust()?;
        Ok(Self { database: Some(database), backend })
    }

    /// Writes changes, all or none, and waits until the disk has them. After a failure the next call tries anew.
    pub fn write(&mut self, changes: &Changes) -> Result<(), Failure> {
        let database = match self.database.take() {
            Some(database) => database,
            // Its content was verified when it was opened, and the file has been locked since.
            None => build(self.backend.clone(), false)?,
        };
        write(&database, changes)?;
        self.database = Some(database);
        Ok(())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::new(Error::StorePathInUse, "it is locked"),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::new(Error::StoreDamaged, error)
            }
            _ => Self::new(Error::StoreFailed, error),
        }
    }
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::DatabaseAlreadyOpen => Self::new(Error::StorePathInUse, error),
            redb::Error::PreviousIo => Self::new(Error::StoreFailed, error),
            error => Self::new(Error::StoreDamaged, error),
        }
    }
}

/// The error of a file that is not a whole one of ours.
fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

fn write(database: &Database, changes: &Changes) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    // So that a file that was not closed opens without a repair.
    transaction.set_quick_repair(true);
    let mut sessions = transaction.open_table(SESSIONS)?;
    for (sid, state) in changes {
        match state {
            Some((expires, text)) => drop(sessions.insert(&**sid, (*expires, text.as_str()))?),
            None => drop(sessions.remove(&**sid)?),
        }
    }
    drop(sessions);
    Ok(transaction.commit()?)
}

/// Makes a file that is whole from its first moment: elsewhere, and then given its name, unless somebody was faster.
fn create(path: &Path) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let made = make(&new).and_then(|()| match fs::hard_link(&new, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links.
        Err(_) if !path.exists() => Ok(fs::rename(&new, path)?),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&new);
    made?;
    // A new name is on the disk when its folder is.
    if let Some(Ok(folder)) = path.parent().map(fs::File::open) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn make(path: &Path) -> Result<(), redb::Error> {
    // What another process of this id has left behind when it was killed.
    let _ = fs::remove_file(path);
    let database = build(Backend::create(path)?, true)?;
    let transaction = database.begin_write()?;
    transaction.open_table(ABOUT)?.insert(FORMAT_NAME, (FORMAT, ""))?;
    transaction.open_table(SESSIONS)?;
    Ok(transaction.commit()?)
}

fn build(backend: Backend, verify: bool) -> Result<Database, redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(verify);
    Ok(builder.create_with_backend(backend)?)
}

fn load(database: &Database, visit: &mut dyn FnMut(&[u8], u64, &str)) -> Result<(), redb::Error> {
    let not_ours = |error: TableError| match error {
        TableError::Storage(error) => error.into(),
        error => redb::Error::Io(damaged(format!("it is not a session store's file: {error}"))),
    };
    let transaction = database.begin_read()?;
    let about = transaction.open_table(ABOUT).map_err(not_ours)?;
    match about.get(FORMAT_NAME)?.map(|format| format.value().0) {
        Some(FORMAT) => {}
        Some(other) => {
            let reason = format!("it has format {other}, and this version knows {FORMAT} only");
            return Err(damaged(reason).into());
        }
        None => return Err(damaged("it names no format").into()),
    }
    for session in transaction.open_table(SESSIONS).map_err(not_ours)?.iter()? {
        let (sid, state) = session?;
        let (expires, text) = state.value();
        visit(sid.value(), expires, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a file; gives it and how many sessions are in it.
    fn open(path: &Path) -> Result<(File, usize), Failure> {
        let mut sessions = 0;
        let file = File::open(path, &mut |sid, expires, text| {
            let number = u32::from_le_bytes(sid.try_into().unwrap());
            assert_eq!(expires, u64::from(number));
            assert!(text.starts_with(&format!(r#"{{"n":{number},"#)));
            sessions += 1;
        })?;
        Ok((file, sessions))
    }

    /// Makes a file of 200 sessions, and gives its bytes.
    fn filled(path: &Path) -> Vec<u8> {
        let (mut file, sessions) = open(path).unwrap();
        assert_eq!(sessions, 0);
        let pad = "x".repeat(300);
        let all = (0..200u32).map(|number| {
            let text = format!(r#"{{"n":{number},"pad":"{pad}"}}"#);
            let state = (u64::from(number), Arc::new(text));
            (number.to_le_bytes().into(), Some(state))
        });
        file.write(&all.collect()).unwrap();
        drop(file);
        fs::read(path).unwrap()
    }

    /// The ends of some sessions.
    fn gone(numbers: std::ops::Range<u32>) -> Changes {
        numbers.map(|number| (number.to_le_bytes().into(), None)).collect()
    }

    #[test]
    fn a_file_gives_back_what_was_written_and_not_what_was_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        filled(&path);
        let (mut file, sessions) = open(&path).unwrap();
        assert_eq!(sessions, 200);
        file.write(&gone(0..50)).unwrap();
        assert_eq!(open(&path).unwrap_err().error, Error::StorePathInUse);
        drop(file);
        assert_eq!(open(&path).unwrap().1, 150);
    }

    #[test]
    fn a_file_stays_locked_after_a_failure_and_is_written_the_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        filled(&path);
        let (mut file, _) = open(&path).unwrap();
        file.database = None;
        assert_eq!(open(&path).unwrap_err().error, Error::StorePathInUse);
        file.write(&gone(1..2)).unwrap();
        drop(file);
        assert_eq!(open(&path).unwrap().1, 199);
    }

    #[test]
    fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let mut files: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"{}".to_vec(),
            b"SQLite format 3\0".repeat(600),
            vec![0; 100_000],
            b"redb\x1A\x0A\xA9\x0D\x0A".repeat(10_000),
        ];
        // The engine's, and with a table of our name: of another type, without a format, and of a later one.
        let numbers: TableDefinition<'_, &str, u64> = TableDefinition::new("io-session");
        let ours: [fn(&redb::WriteTransaction); 3] = [
            |transaction| drop(transaction.open_table(ABOUT).unwrap()),
            |transaction| {
                let mut about = transaction.open_table(ABOUT).unwrap();
                about.insert(FORMAT_NAME, (FORMAT + 1, "")).unwrap();
            },
            |_| {},
        ];
        let other = folder.path().join("other");
        let mut write = |fill: &dyn Fn(&redb::WriteTransaction)| {
            let database = Database::create(&other).unwrap();
            let transaction = database.begin_write().unwrap();
            fill(&transaction);
            transaction.commit().unwrap();
            drop(database);
            files.push(fs::read(&other).unwrap());
            fs::remove_file(&other).unwrap();
        };
        write(&|transaction| drop(transaction.open_table(numbers).unwrap()));
        for fill in ours {
            write(&fill);
        }
        for bytes in files {
            fs::write(&path, &bytes).unwrap();
            let failure = open(&path).unwrap_err();
            assert_eq!(failure.error, Error::StoreDamaged, "{failure:?}");
            assert!(fs::read(&path).unwrap() == bytes);
        }
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_was_or_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let whole = filled(&path);
        for cut in [100, 4096, whole.len() / 2, whole.len() - 4096] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(open(&path).unwrap_err().error, Error::StoreDamaged);
            assert!(fs::read(&path).unwrap() == whole[..cut]);
        }
        let mut refused = 0;
        for at in (0..whole.len()).step_by(whole.len() / 97) {
            let mut bytes = whole.clone();
            for byte in bytes.iter_mut().skip(at).take(64) {
                *byte ^= 0x5A;
            }
            fs::write(&path, &bytes).unwrap();
            match open(&path) {
                Err(failure) => {
                    assert_eq!(failure.error, Error::StoreDamaged, "{failure:?} at {at}");
                    assert!(fs::read(&path).unwrap() == bytes);
                    refused += 1;
                }
                // Bytes that nothing is in.
                Ok((_, sessions)) => assert_eq!(sessions, 200),
            }
        }
        assert!(refused > 0);
    }
}

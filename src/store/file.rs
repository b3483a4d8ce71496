//! The file of a store: what the sessions are, kept through redb.
//!
//! One table has a session's end and text under its id; another says that the file is ours, and in which format.

use std::{
    collections::HashMap,
    fmt, fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Builder, Database, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use super::backend::Backend;
use crate::error::Error;

const SESSIONS: TableDefinition<'_, &[u8], (u64, &str)> = TableDefinition::new("sessions");
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("io-session");
const FORMAT: u64 = 1;
/// The engine's cache in bytes: the sessions are in the table anyway.
const CACHE: usize = 8 * 1024 * 1024;

/// What a file is to be told: the newest state of each session that has changed, nothing for one that is gone.
pub type Changes = HashMap<Box<[u8]>, Option<(u64, Arc<str>)>>;

/// Why a file could not be opened or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which kind of failure.
    pub error: Error,
    /// What the engine or the system says.
    pub reason: String,
}

impl Damage {
    fn new(error: Error, reason: impl fmt::Display) -> Self {
        Self {
            error,
            reason: reason.to_string(),
        }
    }

    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::new(Error::StorePathInUse, "it is locked"),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::new(Error::StoreDamaged, error)
            }
            _ => Self::new(Error::StoreFailed, error),
        }
    }
}

impl From<redb::Error> for Damage {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::of_io(&error),
            redb::Error::DatabaseAlreadyOpen => Self::new(Error::StorePathInUse, error),
            redb::Error::PreviousIo => Self::new(Error::StoreFailed, error),
            error => Self::new(Error::StoreDamaged, error),
        }
    }
}

impl From<StorageError> for Damage {
    fn from(error: StorageError) -> Self {
        redb::Error::from(error).into()
    }
}

/// The file of a store, locked while it is open.
#[derive(Debug)]
pub struct File {
    database: Database,
}

impl File {
    /// Opens the file at `path`, or makes it, and gives `visit` the id, end and text of every session in it.
    ///
    /// # Errors
    /// [`Error::StorePathInUse`], [`Error::StoreDamaged`] for a file that is damaged or is not a store's,
    /// [`Error::StoreFailed`] for what the system refuses. The file is as it was then.
    pub fn open(path: &Path, mut visit: impl FnMut(&[u8], u64, &str)) -> Result<Self, Damage> {
        match fs::metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(error) => return Err(Damage::of_io(&error)),
        }
        let backend = Backend::open(path).map_err(|error| Damage::of_io(&error))?;
        let length = redb::StorageBackend::len(&backend).map_err(|error| Damage::of_io(&error))?;
        if length == 0 {
            return Err(Damage::new(Error::StoreDamaged, "it is empty"));
        }
        // The engine promises to report damage and not to panic on it; what it promises is not taken on trust here.
        let opened = catch_unwind(AssertUnwindSafe(|| -> Result<Database, Damage> {
            let database = build(backend.clone())?;
            load(&database, &mut visit)?;
            Ok(database)
        }));
        let database = opened
            .unwrap_or_else(|_| Err(Damage::new(Error::StoreDamaged, "the engine panicked")))?;
        backend.trust().map_err(|error| Damage::of_io(&error))?;
        Ok(Self { database })
    }

    /// Writes changes, all or none, and waits until the disk has them.
    ///
    /// # Errors
    /// [`Error::StoreFailed`], mostly.
    pub fn write(&self, changes: &Changes) -> Result<(), Damage> {
        self.try_write(changes).map_err(Damage::from)
    }

    fn try_write(&self, changes: &Changes) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        // So that a file that was not closed opens at once.
        transaction.set_quick_repair(true);
        {
            let mut sessions = transaction.open_table(SESSIONS)?;
            for (sid, state) in changes {
                match state {
                    Some((expires, text)) => {
                        sessions.insert(sid.as_ref(), (*expires, text.as_ref()))?;
                    }
                    None => {
                        sessions.remove(sid.as_ref())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Makes a file that is whole from its first moment: elsewhere, and then given its name, unless somebody was faster.
fn create(path: &Path) -> Result<(), Damage> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let made = make(&new).and_then(|()| match fs::hard_link(&new, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links.
        Err(_) if !path.exists() => fs::rename(&new, path).map_err(|error| Damage::of_io(&error)),
        _ => Ok(()),
    });
    let _ = fs::remove_file(&new);
    made?;
    sync_folder(path);
    Ok(())
}

fn make(path: &Path) -> Result<(), Damage> {
    // What another process of this id has left behind when it was killed.
    let _ = fs::remove_file(path);
    let backend = Backend::create(path).map_err(|error| Damage::of_io(&error))?;
    let database = build(backend)?;
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
        transaction.open_table(SESSIONS)?;
        transaction.commit()?;
        Ok(())
    };
    Ok(write()?)
}

fn build(backend: Backend) -> Result<Database, Damage> {
    Builder::new()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(backend)
        .map_err(|error| redb::Error::from(error).into())
}

fn load(database: &Database, visit: &mut impl FnMut(&[u8], u64, &str)) -> Result<(), Damage> {
    let foreign = |error: redb::TableError| match error {
        redb::TableError::Storage(error) => Damage::from(error),
        error => Damage::new(
            Error::StoreDamaged,
            format!("it is not a session store's file: {error}"),
        ),
    };
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let about = transaction.open_table(ABOUT).map_err(foreign)?;
    match about.get("format")?.map(|format| format.value()) {
        Some(FORMAT) => {}
        Some(other) => {
            let reason = format!("it has format {other}, and this version knows {FORMAT} only");
            return Err(Damage::new(Error::StoreDamaged, reason));
        }
        None => return Err(Damage::new(Error::StoreDamaged, "it names no format")),
    }
    let sessions = transaction.open_table(SESSIONS).map_err(foreign)?;
    for session in sessions.iter()? {
        let (sid, state) = session?;
        let (expires, text) = state.value();
        visit(sid.value(), expires, text);
    }
    Ok(())
}

/// A new name is on the disk when its folder is.
fn sync_folder(path: &Path) {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

//! The file under the engine: locked, and not written to before what it holds has been verified.
//!
//! Opening a file that was not closed repairs it, which writes. A file that turns out to be damaged must stay as it was,
//! so those writes are held back until [`Backend::trust`], then made in their order.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{StorageBackend, backends::FileBackend};

#[derive(Debug)]
enum Write {
    Bytes(u64, Box<[u8]>),
    Length(u64),
    Sync,
}

#[derive(Debug)]
struct Held {
    file: FileBackend,
    /// The same file, for its lock.
    lock: File,
    /// What is held back; nothing once the file is trusted.
    writes: Mutex<Option<Vec<Write>>>,
}

/// A file that is locked until nobody has it any more.
#[derive(Clone, Debug)]
pub struct Backend(Arc<Held>);

impl Drop for Held {
    fn drop(&mut self) {
        // That it is closed is not enough: a child process that is being made has it for a moment, too.
        let _ = self.lock.unlock();
    }
}

impl Backend {
    /// Opens and locks a file that is there. `ErrorKind::WouldBlock` says that it is in use.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::lock(OpenOptions::new().read(true).write(true).open(path)?, Some(Vec::new()))
    }

    /// Makes and locks a file that is not there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        // Sessions are their owner's business.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Self::lock(options.open(path)?, None)
    }

    fn lock(file: File, writes: Option<Vec<Write>>) -> io::Result<Self> {
        file.try_lock()?;
        let lock = file.try_clone()?;
        let file = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Self(Arc::new(Held { file, lock, writes: Mutex::new(writes) })))
    }

    /// Makes the writes that were held back, now that the file's content is verified. Later writes are made immediately.
    pub fn trust(&self) -> io::Result<()> {
        let mut writes = self.0.writes.lock();
        for write in writes.iter().flatten() {
            match write {
                Write::Bytes(offset, bytes) => self.0.file.write(*offset, bytes)?,
                Write::Length(length) => self.0.file.set_len(*length)?,
                Write::Sync => self.0.file.sync_data()?,
            }
        }
        *writes = None;
        Ok(())
    }

    /// Holds a write back; false when the file is trusted and it has to be made now.
    fn hold(&self, write: impl FnOnce() -> Write) -> bool {
        let mut writes = self.0.writes.lock();
        writes.as_mut().map(|writes| writes.push(write())).is_some()
    }
}

// Its `close` does nothing, as that of the trait: the lock stays, since after a failure the engine begins anew on the same file.
impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        let length = self.0.file.len()?;
        let writes = self.0.writes.lock();
        Ok(writes.iter().flatten().fold(length, |length, write| match write {
            Write::Bytes(offset, bytes) => length.max(offset + bytes.len() as u64),
            Write::Length(length) => *length,
            Write::Sync => length,
        }))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.0.writes.lock().is_none() {
            return self.0.file.read(offset, out);
        }
        if offset + out.len() as u64 > self.len()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        // How far after the other one a place in the file is; 0 if before it.
        let after = |place: u64, other| usize::try_from(place.saturating_sub(other)).unwrap_or(usize::MAX);
        let there = after(self.0.file.len()?, offset).min(out.len());
        self.0.file.read(offset, &mut out[..there])?;
        for write in self.0.writes.lock().iter().flatten() {
            match write {
                Write::Bytes(at, bytes) => {
                    let out = out.get_mut(after(*at, offset)..).unwrap_or_default();
                    let bytes = bytes.get(after(offset, *at)..).unwrap_or_default();
                    let length = out.len().min(bytes.len());
                    out[..length].copy_from_slice(&bytes[..length]);
                }
                Write::Length(end) => out.get_mut(after(*end, offset)..).unwrap_or_default().fill(0),
                Write::Sync => {}
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.hold(|| Write::Length(len)) { Ok(()) } else { self.0.file.set_len(len) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.hold(|| Write::Sync) { Ok(()) } else { self.0.file.sync_data() }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.hold(|| Write::Bytes(offset, data.into())) { Ok(()) } else { self.0.file.write(offset, data) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn writes_are_seen_at_once_and_made_when_the_file_is_trusted() {
        let (_folder, path) = file(b"0123456789");
        let backend = Backend::open(&path).unwrap();
        backend.write(8, b"abcd").unwrap();
        backend.set_len(16).unwrap();
        backend.write(0, b"xy").unwrap();
        backend.sync_data().unwrap();
        let mut out = [9; 16];
        backend.read(0, &mut out).unwrap();
        assert_eq!(&out, b"xy234567abcd\0\0\0\0");
        let mut out = [9; 3];
        backend.read(1, &mut out).unwrap();
        assert_eq!(&out, b"y23");
        backend.read(9, &mut out).unwrap();
        assert_eq!(&out, b"bcd");
        assert!(backend.read(14, &mut out).is_err());
        assert_eq!(backend.len().unwrap(), 16);
        assert_eq!(std::fs::read(&path).unwrap(), b"0123456789");
        backend.trust().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"xy234567abcd\0\0\0\0");
        backend.write(15, b"!").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"xy234567abcd\0\0\0!");
    }

    #[test]
    fn what_was_cut_off_is_zero_when_the_file_grows_again() {
        let (_folder, path) = file(b"0123456789");
        let backend = Backend::open(&path).unwrap();
        backend.set_len(4).unwrap();
        backend.set_len(8).unwrap();
        let mut out = [9; 8];
        backend.read(0, &mut out).unwrap();
        assert_eq!(&out, b"0123\0\0\0\0");
    }

    #[test]
    fn a_file_in_use_is_not_opened() {
        let (_folder, path) = file(b"");
        let backend = Backend::open(&path).unwrap();
        let error = Backend::open(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        backend.close().unwrap();
        assert!(Backend::open(&path).is_err());
        drop(backend);
        Backend::open(&path).unwrap();
    }
}

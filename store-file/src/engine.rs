//! The layout of an engine: what the addon and the library agree on.
//!
//! Nothing that is allocated crosses: whoever is called reads what it is given while it runs, and answers by a
//! [`Callback`]. Neither side's panics cross.

use std::{ffi::c_void, slice, str};

use crate::{callback::Callback, failure::Kind};

/// The number of this layout: another one after each change in this file or in [`Callback`].
pub const LAYOUT: u32 = 1;

/// The version of the package that this side was built for.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of somebody else's, who keeps them until the call has ended.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bytes {
    start: *const u8,
    length: usize,
}

impl Bytes {
    /// Lends bytes.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self {
            start: bytes.as_ptr(),
            length: bytes.len(),
        }
    }

    /// The bytes.
    ///
    /// # Safety
    /// What they were lent from is there for as long as `'b`.
    #[must_use]
    pub const unsafe fn get<'b>(self) -> &'b [u8] {
        // SAFETY: of a slice, and the caller's word for the rest.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }

    /// The text that they are.
    ///
    /// # Safety
    /// As [`Bytes::get`]; and they were lent from a text.
    #[must_use]
    pub const unsafe fn text<'b>(self) -> &'b str {
        // SAFETY: the caller's word.
        unsafe { str::from_utf8_unchecked(self.get()) }
    }
}

/// A session in a file.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Session {
    /// Its id.
    pub sid: Bytes,
    /// Its text, lent from a text.
    pub text: Bytes,
    /// Its end, in ms since 1970.
    pub expires: u64,
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub enum Change {
    /// There is no more.
    End,
    /// A session is there, and is this.
    Kept(Session),
    /// The session with this id is gone.
    Gone(Bytes),
}

/// Why something failed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Reason {
    /// A [`Kind`], as its number.
    pub kind: u32,
    /// In the words of the engine or the system.
    pub words: Bytes,
}

impl Reason {
    /// Lends a reason.
    #[must_use]
    pub const fn of(kind: Kind, words: &str) -> Self {
        Self {
            kind: kind as u32,
            words: Bytes::of(words.as_bytes()),
        }
    }
}

/// A file that an engine has open; what is behind it is the engine's business.
pub type Handle = *mut c_void;

/// See [`Engine::new`].
pub type Open = unsafe extern "C" fn(Bytes, Callback<'_, Session>, Callback<'_, Reason>) -> Handle;
/// See [`Engine::new`].
pub type Write =
    unsafe extern "C" fn(Handle, Callback<'_, *mut Change>, Callback<'_, Reason>) -> bool;
/// See [`Engine::new`].
pub type Close = unsafe extern "C" fn(Handle);

/// An engine: what keeps the files of stores.
#[derive(Debug)]
#[repr(C)]
pub struct Engine {
    /// Its [`LAYOUT`]. This and the version stand first in every layout, so that each knows the other at least.
    layout: u32,
    version: Bytes,
    pub(crate) open: Open,
    pub(crate) write: Write,
    pub(crate) close: Close,
}

// SAFETY: nothing changes in it, and its functions may be called from any thread.
unsafe impl Sync for Engine {}

impl Engine {
    /// An engine for this version and this layout.
    ///
    /// `open` opens the file at a path, which is a text, or makes it, and tells the first callback of each session in it.
    /// It gives null when it cannot, and has told the second one why then.
    ///
    /// `write` writes what the first callback gives, all or none, and waits for the disk. It is false when it cannot, and
    /// has told the second one why then. A file is written by one thread at a time.
    ///
    /// `close` closes a file; its handle is void from then on.
    ///
    /// Where a callback has panicked, the first two give up, and need no reason.
    #[must_use]
    pub const fn new(open: Open, write: Write, close: Close) -> Self {
        Self {
            layout: LAYOUT,
            version: Bytes::of(VERSION.as_bytes()),
            open,
            write,
            close,
        }
    }

    /// Whether this engine was built for what it is used by; else why not.
    pub(crate) fn check(&self) -> Result<(), String> {
        // SAFETY: each engine lends its version for good, and as a text.
        let version = unsafe { self.version.text() };
        if version != VERSION {
            Err(format!(
                "it is of version {version}, and the addon of {VERSION}"
            ))
        } else if self.layout != LAYOUT {
            let layout = self.layout;
            Err(format!("its layout is {layout}, and the addon's {LAYOUT}"))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn open(
        _: Bytes,
        _: Callback<'_, Session>,
        _: Callback<'_, Reason>,
    ) -> Handle {
        std::ptr::null_mut()
    }

    unsafe extern "C" fn write(
        _: Handle,
        _: Callback<'_, *mut Change>,
        _: Callback<'_, Reason>,
    ) -> bool {
        false
    }

    unsafe extern "C" fn close(_: Handle) {}

    #[test]
    fn an_engine_of_another_version_or_layout_is_refused_by_name() {
        let same = Engine::new(open, write, close);
        assert_eq!(same.check(), Ok(()));
        let version = Bytes::of(b"9.8.7");
        let other = Engine { version, ..same };
        let reason = other.check().unwrap_err();
        assert!(reason.contains("version 9.8.7"), "{reason}");
        let layout = LAYOUT + 1;
        let other = Engine { layout, ..same };
        assert!(other.check().unwrap_err().contains("layout"));
    }
}

//! The file of a store, as the store knows it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    callback::Caught,
    engine::{Bytes, Change, Engine, Handle, Reason, Session},
    failure::{Failure, Kind},
};

/// What a file is to be told: the newest state of each session that has changed, nothing for one that is gone. In the order of
/// the file: neighbours share a page there, which is changed once then.
pub type Changes = BTreeMap<Box<[u8]>, Option<(u64, Arc<str>)>>;

/// The file of a store, locked while it is open.
#[derive(Debug)]
pub struct File {
    engine: &'static Engine,
    handle: Handle,
}

// SAFETY: the handle is used by whoever has this, and an engine does not mind by which thread.
unsafe impl Send for File {}

impl File {
    /// Opens the file at `path`, or makes it, and gives `visit` the id, end and text of every session in it.
    ///
    /// # Errors
    /// A [`Failure`] of any [`Kind`]. The file is as it was then.
    pub fn open(
        engine: &'static Engine,
        path: &str,
        visit: &mut dyn FnMut(&[u8], u64, &str),
    ) -> Result<Self, Failure> {
        let mut visited = Caught::new(|session: Session| {
            // SAFETY: they are lent for this call, and the text from a text.
            let (sid, text) = unsafe { (session.sid.get(), session.text.text()) };
            visit(sid, session.expires, text);
        });
        let handle = told(|fail| {
            let path = Bytes::of(path.as_bytes());
            // SAFETY: of an engine that has been checked, or is linked.
            let handle = unsafe { (engine.open)(path, visited.callback(), fail.callback()) };
            (!handle.is_null()).then_some(handle)
        });
        let file = handle.map(|handle| Self { engine, handle });
        visited.resume();
        file
    }

    /// Writes changes, all or none, and waits until the disk has them.
    ///
    /// # Errors
    /// [`Kind::Failed`], mostly.
    pub fn write(&mut self, changes: &Changes) -> Result<(), Failure> {
        let mut changes = changes.iter();
        let mut asked = Caught::new(|change: *mut Change| {
            let next = match changes.next() {
                None => Change::End,
                Some((sid, None)) => Change::Gone(Bytes::of(sid)),
                Some((sid, Some((expires, text)))) => Change::Kept(Session {
                    sid: Bytes::of(sid),
                    text: Bytes::of(text.as_bytes()),
                    expires: *expires,
                }),
            };
            // SAFETY: the engine asks with a place for it.
            unsafe { change.write(next) };
        });
        let written = told(|fail| {
            // SAFETY: the handle is this engine's, and nobody else has it.
            let written =
                unsafe { (self.engine.write)(self.handle, asked.callback(), fail.callback()) };
            written.then_some(())
        });
        asked.resume();
        written
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the handle is this engine's, and nobody has it from now on.
        unsafe { (self.engine.close)(self.handle) };
    }
}

/// Runs a call of the engine; what it does not give, it has told why.
fn told<T>(
    call: impl FnOnce(&mut Caught<&mut dyn FnMut(Reason)>) -> Option<T>,
) -> Result<T, Failure> {
    let mut failure = Failure::new(Kind::Failed, "the engine gives no reason");
    let mut tell = |reason: Reason| {
        // SAFETY: lent for this call, and from a text.
        let words = unsafe { reason.words.text() };
        failure = Failure::new(Kind::from_number(reason.kind), words);
    };
    let mut fail = Caught::<&mut dyn FnMut(Reason)>::new(&mut tell);
    let given = call(&mut fail);
    fail.resume();
    given.ok_or(failure)
}

//! The engine that keeps the file of a store: redb, behind the C functions of [`ENGINE`].
//!
//! A package of its own so that all of this code can be optimised for its size, nothing of it standing on the path of an
//! event; and beside the library that has it, so that tests can link it.

mod backend;
mod file;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    ptr,
};

use store_file::{Bytes, Callback, Change, Engine, Failure, Handle, Kind, Reason, Session};

use file::File;

/// The engine.
pub static ENGINE: Engine = Engine::new(open, write, close);

unsafe extern "C" fn open(
    path: Bytes,
    mut visit: Callback<'_, Session>,
    fail: Callback<'_, Reason>,
) -> Handle {
    // SAFETY: the path is a text, lent for this call.
    let path = unsafe { path.text() };
    let opened = guard(fail, || {
        File::open(Path::new(path), &mut |sid, expires, text| {
            went_on(visit.call(Session {
                sid: Bytes::of(sid),
                text: Bytes::of(text.as_bytes()),
                expires,
            }))
        })
    });
    opened.map_or(ptr::null_mut(), |file| Box::into_raw(Box::new(file)).cast())
}

unsafe extern "C" fn write(
    file: Handle,
    mut next: Callback<'_, *mut Change>,
    fail: Callback<'_, Reason>,
) -> bool {
    // SAFETY: `open` has made it, and nobody else uses it meanwhile.
    let file = unsafe { &mut *file.cast::<File>() };
    let written = guard(fail, || {
        file.write(&mut || {
            let mut change = Change::End;
            went_on(next.call(&raw mut change))?;
            // SAFETY: what a change has is lent until this call ends, and its text from a text.
            Ok(match change {
                Change::End => None,
                Change::Gone(sid) => Some((unsafe { sid.get() }, None)),
                Change::Kept(Session { sid, text, expires }) => unsafe {
                    Some((sid.get(), Some((expires, text.text()))))
                },
            })
        })
    });
    written.is_some()
}

unsafe extern "C" fn close(file: Handle) {
    // SAFETY: `open` has made it, and nobody uses it any more.
    let file = unsafe { Box::from_raw(file.cast::<File>()) };
    // What cannot be closed is locked until the process ends; there is nobody to be told.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(file)));
}

/// Gives up where a callback has.
fn went_on(went_on: bool) -> Result<(), Failure> {
    if went_on {
        Ok(())
    } else {
        Err(Failure::new(Kind::Failed, "the caller gave up"))
    }
}

/// Runs what must not panic across the border; says why when it gives nothing.
fn guard<T>(mut fail: Callback<'_, Reason>, run: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
    let ran = catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::new(Kind::Failed, "the engine panicked")));
    ran.map_err(|failure| {
        // Who cannot even take a reason has given up.
        let _ = fail.call(Reason::of(failure.kind, &failure.reason));
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use store_file::{Changes, File};

    use super::*;

    fn changes<const N: usize>(sessions: [(&[u8], u64, &str); N]) -> Changes {
        let kept =
            |(sid, expires, text): (&[u8], u64, &str)| (sid.into(), Some((expires, text.into())));
        sessions.map(kept).into()
    }

    /// Opens a file across the border; gives it and what is in it.
    fn open_file(path: &str) -> Result<(File, Changes), Failure> {
        let mut sessions = Changes::new();
        let file = File::open(&ENGINE, path, &mut |sid, expires, text| {
            sessions.insert(sid.into(), Some((expires, text.into())));
        })?;
        Ok((file, sessions))
    }

    #[test]
    fn what_is_written_across_the_border_is_read_across_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let path = path.to_str().unwrap();
        let (mut file, sessions) = open_file(path).unwrap();
        assert_eq!(sessions, Changes::new());
        let long = "\u{2019}".repeat(100_000);
        let all = changes([(b"", 0, ""), (b"a\0\xff", u64::MAX, "{}"), (b"b", 1, &long)]);
        file.write(&all).unwrap();
        file.write(&[(b"b".as_slice().into(), None)].into())
            .unwrap();
        file.write(&Changes::new()).unwrap();
        assert_eq!(open_file(path).unwrap_err().kind, Kind::InUse);
        drop(file);
        let (_, mut sessions) = open_file(path).unwrap();
        sessions.extend(changes([(b"b", 1, &long)]));
        assert_eq!(sessions, all);
    }

    #[test]
    fn what_fails_is_told_across_the_border() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no").join("folder");
        let failure = open_file(path.to_str().unwrap()).unwrap_err();
        assert_eq!(failure.kind, Kind::Failed);
        assert!(failure.reason.contains("os error"), "{failure:?}");
    }

    #[test]
    fn a_panic_of_the_caller_stays_the_callers_and_the_file_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions");
        let path = path.to_str().unwrap();
        let (mut file, _) = open_file(path).unwrap();
        let all = changes([(b"a", 1, "{}"), (b"b", 1, "{}")]);
        file.write(&all).unwrap();
        drop(file);
        let mut visits = 0;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _ = File::open(&ENGINE, path, &mut |_, _, _| {
                visits += 1;
                panic!("the caller's");
            });
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the caller's"));
        assert_eq!(visits, 1);
        assert_eq!(open_file(path).unwrap().1, all);
    }

    #[test]
    fn a_panic_of_the_engine_is_a_failure() {
        unsafe extern "C" fn open(
            _: Bytes,
            _: Callback<'_, Session>,
            fail: Callback<'_, Reason>,
        ) -> Handle {
            guard(fail, || panic!("the engine's")).unwrap_or(ptr::null_mut())
        }
        static PANICS: Engine = Engine::new(open, write, close);
        let failure = File::open(&PANICS, "", &mut |_, _, _| {}).unwrap_err();
        assert_eq!(failure, Failure::new(Kind::Failed, "the engine panicked"));
    }
}

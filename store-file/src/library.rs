//! An engine in a library of its own.

use std::path::Path;

use libloading::{Library, Symbol};

use crate::engine::Engine;

/// The name of the function that gives a library's engine.
pub const SYMBOL: &str = "io_session_store_engine";

/// Loads the engine that is in the library at `path`, for as long as the process lives.
///
/// # Errors
/// Why it cannot be used: it is not there, the system refuses it, it is no engine, or it is one of another version.
pub fn load(path: &Path) -> Result<&'static Engine, String> {
    if !path.exists() {
        return Err("it is not there".into());
    }
    // SAFETY: what runs when an engine is loaded is what runs when any library of Rust's is.
    let library = unsafe { Library::new(path) }.map_err(|error| error.to_string())?;
    // SAFETY: nobody else has a function of this name, and an engine's has no other type.
    let engine = unsafe { library.get::<unsafe extern "C" fn() -> *const Engine>(SYMBOL) };
    let engine: Symbol<'_, _> =
        engine.map_err(|_| "it is not an engine of io-session's".to_owned())?;
    // SAFETY: it gives a table that is there for as long as the library, which stays from here on.
    let engine: &'static Engine = unsafe { &*engine() };
    engine.check()?;
    std::mem::forget(library);
    Ok(engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    // What can be: store-engine.test.js, with the library as it is built for an app.
    #[test]
    fn what_cannot_be_loaded_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine");
        assert_eq!(load(&path).unwrap_err(), "it is not there");
        std::fs::write(&path, "not a library").unwrap();
        let reason = load(&path).unwrap_err();
        assert!(!reason.is_empty() && reason != "it is not there");
    }
}

//! The engine of stores with a path: a library of its own, loaded for the first of them.

use std::{path::Path, sync::OnceLock};

use napi::Env;
use napi_derive::napi;
use store_file::Engine;

use crate::{error::Error, store::Damage};

/// The process's, whoever has loaded it: a store belongs to all of its threads.
static ENGINE: OnceLock<&Engine> = OnceLock::new();

/// The file that this addon was loaded from, as a URL: the engine is beside it.
#[napi(catch_unwind)]
pub fn addon_url(env: Env) -> napi::Result<String> {
    env.get_module_file_name()
}

/// Loads the engine in a file, if none is loaded yet. Gives why it cannot be used; null when it can.
#[napi(catch_unwind)]
#[must_use]
pub fn load_engine(file: String) -> Option<String> {
    if ENGINE.get().is_some() {
        return None;
    }
    match store_file::load(Path::new(&file)) {
        Ok(engine) => {
            // Where another thread was faster, it is the same one.
            let _ = ENGINE.set(engine);
            None
        }
        Err(reason) => Some(reason),
    }
}

/// The engine that has been loaded.
pub fn engine() -> Result<&'static Engine, Damage> {
    ENGINE.get().copied().ok_or_else(|| Damage {
        error: Error::StoreEngineNotLoaded,
        reason: "it was not asked for".into(),
    })
}

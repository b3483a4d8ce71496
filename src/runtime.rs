//! The background: one tokio runtime on one thread for the whole process.
//!
//! It is started when it is first needed, and sleeps while no timer is due. Nothing of it keeps the process alive.

use std::{io, sync::LazyLock, thread};

use tokio::runtime::{Builder, Handle};

/// The runtime of the process.
pub fn runtime() -> napi::Result<&'static Handle> {
    // Tokio's own for many threads would make the addon larger for nothing.
    static RUNTIME: LazyLock<io::Result<Handle>> = LazyLock::new(|| {
        let name = "io-session";
        let runtime = Builder::new_current_thread().thread_name(name).enable_time().build()?;
        let handle = runtime.handle().clone();
        let drive = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name(name.into()).spawn(drive)?;
        Ok(handle)
    });
    RUNTIME.as_ref().map_err(|error| {
        napi::Error::from_reason(format!("io-session: the background thread did not start: {error}"))
    })
}

//! The background: one tokio runtime on one thread for the whole process.
//!
//! It is started when it is first needed, and sleeps while no timer is due. Nothing of it keeps the process alive.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle};

/// The runtime of the process.
pub fn runtime() -> napi::Result<&'static Handle> {
    static RUNTIME: OnceLock<std::io::Result<Handle>> = OnceLock::new();
    RUNTIME.get_or_init(start).as_ref().map_err(|error| {
        napi::Error::from_reason(format!("io-session: the background thread did not start: {error}"))
    })
}

/// Starts the thread that drives the runtime. Tokio's own for many threads would make the addon larger for nothing.
fn start() -> std::io::Result<Handle> {
    let name = "io-session";
    let runtime = Builder::new_current_thread().thread_name(name).enable_time().build()?;
    let handle = runtime.handle().clone();
    let drive = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name(name.into()).spawn(drive)?;
    Ok(handle)
}

//! The engine of a store's file as a library of its own.

use store_engine::ENGINE;
use store_file::Engine;

/// The one function that this library has, under the name of [`store_file::SYMBOL`].
#[unsafe(no_mangle)]
pub extern "C" fn io_session_store_engine() -> *const Engine {
    &raw const ENGINE
}

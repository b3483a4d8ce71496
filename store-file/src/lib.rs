//! The file of a store, and the border to the engine that keeps it.
//!
//! The engine is large, and only a store with a path needs it. So it is a library of its own ([`load`]), and what the
//! two have in common is here: a table of three C functions ([`Engine`]), which a test may as well link.

mod callback;
mod engine;
mod failure;
mod file;
mod library;

pub use callback::Callback;
pub use engine::{Bytes, Change, Close, Engine, Handle, LAYOUT, Open, Reason, Session, Write};
pub use failure::{Failure, Kind};
pub use file::{Changes, File};
pub use library::{SYMBOL, load};

//! io-session's embedded store: express-session's sessions as JSON texts in this process, and in a file if one is named.
//!
//! [`Table`] holds the sessions, with limits and ends; a file keeps them over a restart; [`Store`] is both. The caller
//! passes the time, so that tests have a clock of their own, and the end of each session that it writes.

mod backend;
mod cookie;
mod error;
mod file;
mod shared;
pub mod sid;
mod store;
mod table;

pub use error::Failure;
pub use shared::SharedStores;
pub use store::{Progress, Store};
pub use table::{CompareAndSet, Limits, Stats, Table};

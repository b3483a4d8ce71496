//! The Express session of the browser, in every Socket.IO handler.
//!
//! The crate has two halves. The *domain* decides: keys, records, bindings, what a handshake may do, tickets for
//! store calls, versions, and the merging of session texts. It knows no Node.js and is tested with
//! `cargo test --no-default-features`. The *addon* (feature `addon`) is the border: the only code that names napi.
//! JavaScript holds what only JavaScript can touch: requests, responses, sockets, stores and `Session` objects.

// Not in unit tests: there is no Node.js to link against.
#[cfg(all(feature = "addon", not(test)))]
mod addon;
pub mod adoption;
pub mod allowance;
pub mod binding;
pub mod channel;
pub mod date;
mod digest;
pub mod document;
pub mod error;
mod groups;
pub mod handshake;
mod index;
pub mod key;
pub mod keyring;
mod pages;
pub mod record;
mod roll;
pub mod shelf;
pub mod store;
pub mod ticket;
pub mod version;

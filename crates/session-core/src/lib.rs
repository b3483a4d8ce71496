//! The decisions of io-session: keys, records, handshakes, bindings, tickets, versions, due times and the merge of session texts.
//!
//! It knows no Node.js and does no input or output. JavaScript holds requests, sockets, stores and `Session` objects; the
//! addon in `src/` passes its facts to this crate, and the decisions back.

pub mod adoption;
pub mod allowance;
pub mod binding;
mod by_session;
pub mod channel;
pub mod due_times;
pub mod error;
pub mod handshake;
pub mod key;
pub mod keyring;
pub mod merge;
pub mod record;
pub mod ticket;
pub mod version;

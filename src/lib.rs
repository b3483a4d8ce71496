//! The addon of io-session for Node.js: plain functions and classes over `session-core` and `embedded-store`.
//!
//! One file per noun. Each function catches panics, which would end the process otherwise. JavaScript names an adopted store
//! by a number; a number that does not exist does no harm.

#![allow(clippy::needless_pass_by_value, reason = "napi hands strings, objects and functions over owned")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers are f64: `as` saturates one way, and ours stay below 2^53 the other way"
)]
#![cfg_attr(test, allow(dead_code, reason = "under `test` napi registers nothing, so nothing is used"))]

mod adoption;
mod clock;
mod due_times;
mod embedded_table;
mod error;
mod handshake;
mod merge;
mod runtime;
mod tickets;
mod timer;

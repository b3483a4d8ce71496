//! The library that Node.js loads: `src/addon` of the package `io-session`, linked.

extern crate io_session;

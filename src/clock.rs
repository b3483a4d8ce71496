//! The two clocks: one that never jumps, and the one that cookies count in.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime},
};

/// Milliseconds since the library was first used: a clock that never jumps.
pub fn monotonic() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970.
pub fn epoch() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    passed.map_or(0, |passed| u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

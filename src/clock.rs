//! The two clocks: one that never jumps, and the one that cookies count in.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

/// Milliseconds since the library was first used: a clock that never jumps.
pub fn monotonic() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64
}

/// Milliseconds since 1970.
pub fn epoch() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}

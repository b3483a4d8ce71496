//! The limits of a store: how much it may hold.

/// The bytes that an entry counts beside its texts: for itself, its places in the index and the queues, and the allocator.
pub const ENTRY_COST: usize = 192;

/// The limits of one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most sessions.
    pub sessions: usize,
    /// Most bytes, of session ids, texts and [`ENTRY_COST`] each.
    pub bytes: usize,
    /// Most bytes of one session's text.
    pub session_bytes: usize,
    /// Whether the least recently used sessions give way to new ones; otherwise what does not fit is refused.
    pub evict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { sessions: usize::MAX, bytes: usize::MAX, session_bytes: usize::MAX, evict: true }
    }
}

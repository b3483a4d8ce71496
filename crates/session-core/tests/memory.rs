//! What the sockets of a crowd take of the memory outside of V8, as the allocator counts it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::adoption::Adoption;
use session_core::handshake::{self, Visit};
use session_core::keyring::Issue;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

/// What a block takes of a 64-bit system: 8 bytes beside it, and all of it a multiple of 16.
fn cost(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(cost(layout), Ordering::Relaxed);
        // SAFETY: as for this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(cost(layout), Ordering::Relaxed);
        // SAFETY: as for this function.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A session that is saved, gets a key and has one socket.
fn arrives(adoption: &mut Adoption, number: usize) {
    let sid = sid(number);
    adoption.versions.written(&sid, 0);
    let visit = Visit {
        sid: Some(&sid),
        channel: "__local",
        memo: None,
        channels: 0,
        max_channels: 32,
        max_keys: 10,
        one_time: false,
    };
    let Ok(Issue::Make(key)) = handshake::visit(visit, adoption, 0) else {
        panic!("expected a new key");
    };
    adoption.keyring.made(&key, 0, 86_400_000);
    adoption.bindings.bind(&socket(number), &sid).unwrap();
}

/// As long as those of express-session.
fn sid(number: usize) -> String {
    format!("{number:032}")
}

/// As long as those of Socket.IO.
fn socket(number: usize) -> String {
    format!("{number:020}")
}

// One test, as the count is of the process.
#[test]
fn a_bound_socket_takes_little_and_a_crowd_gives_all_of_it_back() {
    // A map of 16,384 places takes 14,336: the second crowd has just outgrown that.
    for sockets in [10_000, 14_400] {
        let before = IN_USE.load(Ordering::Relaxed);
        let each = || IN_USE.load(Ordering::Relaxed).saturating_sub(before) / sockets;
        let mut adoption = Adoption::default();
        for number in 0..sockets {
            arrives(&mut adoption, number);
        }
        // The measure works: the ids alone have 20 and 32 characters.
        assert!((100..=1_000).contains(&each()), "new: {}", each());

        adoption.sweep(60_000);
        assert!(each() <= 900, "after a minute: {}", each());
        adoption.sweep(600_001);
        assert!(each() <= 800, "after ten minutes: {}", each());

        for number in 0..sockets {
            adoption.bindings.unbind(&socket(number));
        }
        adoption.sweep(86_400_000);
        assert!(each() <= 40, "gone: {}", each());
    }
}

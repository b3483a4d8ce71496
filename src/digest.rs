//! The digest of an id: sixteen bytes that stand for it in what is remembered of thousands.

use std::sync::OnceLock;

use siphasher::sip128::SipHasher24;

/// A keyed hash of 128 bits of a session id, or of a channel's name: one size for all of them, and no secret.
///
/// Two ids count as one where their digests are the same. The key is random, another one in each process, and never
/// leaves it: nobody can choose two such ids, and by chance two of four million have one digest once in 10^25 processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u64, u64);

impl Digest {
    /// The digest of an id.
    ///
    /// # Panics
    /// If the system has no random source at all.
    #[must_use]
    pub fn of(id: &str) -> Self {
        static KEYED: OnceLock<SipHasher24> = OnceLock::new();
        let keyed = KEYED.get_or_init(|| {
            let mut key = [0; 16];
            getrandom::fill(&mut key).expect("the system has a random source");
            SipHasher24::new_with_key(&key)
        });
        let (high, low) = keyed.hash(id.as_bytes()).as_u64();
        Self(high, low)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_has_one_digest_and_no_other_id_has_it() {
        let ids: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let digests: HashSet<Digest> = ids.iter().map(|id| Digest::of(id)).collect();
        assert_eq!(digests.len(), ids.len());
        assert!(ids.iter().all(|id| digests.contains(&Digest::of(id))));
    }

    #[test]
    fn what_differs_in_length_only_differs() {
        let ids = ["", "\0", "\0\0", "a", "a\0"];
        let digests: HashSet<Digest> = ids.into_iter().map(Digest::of).collect();
        assert_eq!(digests.len(), ids.len());
    }
}

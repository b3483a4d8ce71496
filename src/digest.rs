//! The digest of an id: sixteen bytes that stand for it in what is remembered of thousands.

use std::sync::OnceLock;

use siphasher::sip128::SipHasher24;

/// A keyed hash of 128 bits of a session id, or of a channel's name: one size for all of them, and no secret.
///
/// Two ids count as one where their digests are the same. The key is random, another one in each process, and never
/// leaves it: nobody can choose two such ids, and by chance two of four million have one digest once in 10^25 processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64, u64);

impl Digest {
    /// The digest of an id.
    pub fn of(id: &str) -> Self {
        Self::of_bytes(id.as_bytes())
    }

    /// The digest of an id in bytes.
    pub fn of_bytes(id: &[u8]) -> Self {
        static KEYED: OnceLock<SipHasher24> = OnceLock::new();
        let keyed = KEYED.get_or_init(|| {
            let mut key = [0; 16];
            getrandom::fill(&mut key).expect("the system has a random source");
            SipHasher24::new_with_key(&key)
        });
        let (high, low) = keyed.hash(id).as_u64();
        Self(high, low)
    }

    /// Half of it: a hash where others are told apart by what they are of.
    pub const fn half(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_different(ids: &[&str]) -> bool {
        let mut digests: Vec<_> = ids
            .iter()
            .map(|id| Digest::of(id))
            .map(|digest| (digest.0, digest.1))
            .collect();
        digests.sort_unstable();
        digests.dedup();
        digests.len() == ids.len()
    }

    #[test]
    fn an_id_has_one_digest_and_no_other_id_has_it() {
        let ids: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        assert!(are_different(&ids));
        assert!(ids.iter().all(|id| Digest::of(id) == Digest::of(id)));
    }

    #[test]
    fn what_differs_in_its_length_only_differs() {
        assert!(are_different(&["", "\0", "\0\0", "a", "a\0"]));
    }
}

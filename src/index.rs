//! An index: the places of entries by the hash of what they are found by, four bytes each.

use hashbrown::HashTable;

use crate::digest::Digest;

/// So few places are not worth giving room back.
const SHORT: usize = 1024;

/// What something is found by.
pub trait Name: Eq {
    /// Its hash, which nobody outside of the process can foresee.
    fn hash(&self) -> u64;
}

impl Name for Digest {
    fn hash(&self) -> u64 {
        self.half()
    }
}

impl Name for [u8] {
    fn hash(&self) -> u64 {
        Digest::of_bytes(self).half()
    }
}

/// Places by hash. What is at a place the caller knows, who is asked for it: so there is one index for all kinds of entries.
#[derive(Debug, Default)]
pub struct Index {
    places: HashTable<u32>,
}

impl Index {
    /// The place with this hash where `is_it`.
    pub fn find(&self, hash: u64, is_it: &dyn Fn(u32) -> bool) -> Option<u32> {
        self.places.find(hash, |place| is_it(*place)).copied()
    }

    /// Adds a place that is not there yet; `hash_of` gives the hashes of those that are there.
    pub fn add(&mut self, hash: u64, place: u32, hash_of: &dyn Fn(u32) -> u64) {
        self.places
            .insert_unique(hash, place, |place| hash_of(*place));
    }

    /// Puts a place where another one of this hash is; does nothing where that is not there.
    pub fn replace(&mut self, hash: u64, former: u32, place: u32) {
        let found = self.places.find_mut(hash, |other| *other == former);
        if let Some(found) = found {
            *found = place;
        }
    }

    /// Takes a place away; does nothing where it is not there.
    pub fn remove(&mut self, hash: u64, place: u32) {
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
    }

    /// Gives room back where a crowd has gone; `hash_of` as for [`Index::add`].
    pub fn shrink(&mut self, hash_of: &dyn Fn(u32) -> u64) {
        let room = self.places.capacity();
        if room > SHORT && self.places.len() < room / 4 {
            self.places.shrink_to(room / 2, |place| hash_of(*place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bad hash: most have another one's.
    fn hash_of(place: u32) -> u64 {
        u64::from(place / 4).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn places_of_one_hash_are_told_apart_by_what_is_there() {
        let mut index = Index::default();
        (0..100).for_each(|place| index.add(hash_of(place), place, &hash_of));
        for place in 0..100 {
            assert_eq!(
                index.find(hash_of(place), &|other| other == place),
                Some(place)
            );
            assert_eq!(index.find(hash_of(place), &|_| false), None);
        }
        index.replace(hash_of(7), 7, 107);
        index.remove(hash_of(6), 6);
        index.remove(hash_of(6), 6);
        let found = |place| index.find(hash_of(6), &|other| other == place);
        assert_eq!((found(6), found(7), found(107)), (None, None, Some(107)));
    }

    #[test]
    fn what_a_crowd_has_taken_is_given_back() {
        let mut index = Index::default();
        (0..10_000).for_each(|place| index.add(hash_of(place), place, &hash_of));
        for place in 10..10_000 {
            index.remove(hash_of(place), place);
            index.shrink(&hash_of);
        }
        assert!(index.places.capacity() <= 2 * SHORT);
        assert!((0..10).all(|place| {
            index
                .find(hash_of(place), &|other| other == place)
                .is_some()
        }));
    }
}

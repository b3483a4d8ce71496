//! A roll: thousands of small entries by their id, in little room.
//!
//! The entries lie side by side, and the index has four bytes for each. A `HashMap` has room for up to twice as many
//! entries as there are, and keeps it when they have gone.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

/// So few entries are not worth giving room back.
const SHORT: usize = 1024;

/// What is on a roll.
pub trait Entry {
    /// What an entry is found by.
    type Id: Eq + Hash + ?Sized;

    /// The entry's id, which does not change.
    fn id(&self) -> &Self::Id;
}

/// Entries by their id. Each has a place, which is another one's when it has gone.
#[derive(Debug)]
pub struct Roll<T> {
    entries: Vec<T>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<T: Entry> Roll<T> {
    /// The place of the entry of this id.
    pub fn find(&self, id: &T::Id) -> Option<u32> {
        let is_it = |place: &u32| self.entries[*place as usize].id() == id;
        self.index.find(self.hasher.hash_one(id), is_it).copied()
    }

    /// The entry of this id.
    pub fn get(&self, id: &T::Id) -> Option<&T> {
        Some(self.at(self.find(id)?))
    }

    /// The entry of this id, to be changed.
    pub fn get_mut(&mut self, id: &T::Id) -> Option<&mut T> {
        let place = self.find(id)?;
        Some(self.at_mut(place))
    }

    /// The entry at a place that is taken.
    pub fn at(&self, place: u32) -> &T {
        &self.entries[place as usize]
    }

    /// The entry at a place that is taken, to be changed.
    pub fn at_mut(&mut self, place: u32) -> &mut T {
        &mut self.entries[place as usize]
    }

    /// Adds an entry whose id is not there yet, at the last place, and gives that.
    pub fn add(&mut self, entry: T) -> u32 {
        let hash = self.hasher.hash_one(entry.id());
        if self.entries.len() == self.entries.capacity() {
            // Twice as much, as a `Vec` takes by itself, is room for nobody most of the time.
            self.entries.reserve_exact(self.entries.len() / 8 + 8);
        }
        self.entries.push(entry);
        let place =
            u32::try_from(self.entries.len() - 1).expect("a roll has less than 2^32 entries");
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, place, |place| {
            hasher.hash_one(entries[*place as usize].id())
        });
        place
    }

    /// Takes away the entry at a place. The last one has that place from now on.
    pub fn remove(&mut self, place: u32) -> T {
        let last = self.places() - 1;
        let hash = self.hasher.hash_one(self.at(place).id());
        let indexed = self.index.find_entry(hash, |other| *other == place);
        indexed.expect("each entry is in the index").remove();
        if last != place {
            let hash = self.hasher.hash_one(self.at(last).id());
            let moved = self.index.find_mut(hash, |other| *other == last);
            *moved.expect("each entry is in the index") = place;
        }
        let removed = self.entries.swap_remove(place as usize);
        if let Some(room) = spare(self.entries.len(), self.entries.capacity()) {
            self.entries.shrink_to(room);
            let (entries, hasher) = (&self.entries, &self.hasher);
            self.index
                .shrink_to(room, |place| hasher.hash_one(entries[*place as usize].id()));
        }
        removed
    }

    /// Takes the entry of this id away.
    pub fn remove_id(&mut self, id: &T::Id) -> Option<T> {
        let place = self.find(id)?;
        Some(self.remove(place))
    }

    /// Takes away all entries but those to `keep`.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        // From the end: what moves to a place has been looked at.
        for place in (0..self.places()).rev() {
            if !keep(self.at(place)) {
                self.remove(place);
            }
        }
    }

    /// How many places there are, each of them taken.
    pub fn places(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("a roll has less than 2^32 entries")
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }
}

/// The room to be kept where a crowd has gone and left most of it empty.
pub fn spare(taken: usize, room: usize) -> Option<usize> {
    (room > SHORT && taken < room / 4).then_some(room / 2)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Numbered(String, u8);

    impl Entry for Numbered {
        type Id = str;

        fn id(&self) -> &str {
            &self.0
        }
    }

    #[test]
    fn what_a_crowd_has_taken_is_given_back() {
        let mut roll = Roll::default();
        for number in 0..10_000 {
            roll.add(Numbered(number.to_string(), 0));
        }
        assert!(roll.entries.capacity() < 11_500);
        roll.retain(|entry| entry.0.len() == 1);
        assert_eq!(roll.len(), 10);
        assert!(roll.entries.capacity() <= SHORT && roll.index.capacity() <= 2 * SHORT);
        assert!((0..10).all(|number| roll.find(&number.to_string()).is_some()));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, u8),
        Remove(u8),
        Keep(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..16u8, any::<u8>()).prop_map(|(id, value)| Step::Put(id, value)),
            2 => (0..16u8).prop_map(Step::Remove),
            1 => any::<u8>().prop_map(Step::Keep),
        ]
    }

    proptest! {
        #[test]
        fn it_has_what_a_plain_map_has(steps in proptest::collection::vec(step(), 0..80)) {
            let mut roll: Roll<Numbered> = Roll::default();
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Put(id, value) => {
                        if let Some(entry) = roll.get_mut(&id.to_string()) {
                            entry.1 = value;
                        } else {
                            let place = roll.add(Numbered(id.to_string(), value));
                            prop_assert_eq!(place, roll.places() - 1);
                        }
                        model.insert(id.to_string(), value);
                    }
                    Step::Remove(id) => {
                        let removed = roll.remove_id(&id.to_string()).map(|entry| entry.1);
                        prop_assert_eq!(removed, model.remove(&id.to_string()));
                    }
                    Step::Keep(most) => {
                        roll.retain(|entry| entry.1 <= most);
                        model.retain(|_, value| *value <= most);
                    }
                }
                prop_assert_eq!(roll.len(), model.len());
                for id in (0..16).map(|id: u8| id.to_string()) {
                    prop_assert_eq!(roll.get(&id).map(|entry| entry.1), model.get(&id).copied());
                }
                prop_assert_eq!(roll.iter().count(), model.len());
            }
        }
    }
}

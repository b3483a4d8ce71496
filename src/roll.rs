//! A roll: thousands of small entries by their id, in little room.
//!
//! The entries lie side by side, and the index has four bytes for each. A `HashMap` has room for up to twice as many
//! entries as there are, and keeps it when they have gone.

use crate::{
    index::{Index, Name},
    pages::Pages,
};

/// What is on a roll.
pub trait Entry {
    /// What an entry is found by.
    type Id: Name + ?Sized;

    /// The entry's id, which does not change.
    fn id(&self) -> &Self::Id;
}

/// Entries by their id. Each has a place, which is another one's when it has gone.
#[derive(Debug)]
pub struct Roll<T> {
    entries: Pages<T>,
    index: Index,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self {
            entries: Pages::default(),
            index: Index::default(),
        }
    }
}

impl<T: Entry> Roll<T> {
    /// The place of the entry of this id.
    pub fn find(&self, id: &T::Id) -> Option<u32> {
        let is_it = |place| self.at(place).id() == id;
        self.index.find(id.hash(), &is_it)
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
        self.entries.at(place as usize)
    }

    /// The entry at a place that is taken, to be changed.
    pub fn at_mut(&mut self, place: u32) -> &mut T {
        self.entries.at_mut(place as usize)
    }

    /// Adds an entry whose id is not there yet, at the last place, and gives that.
    pub fn add(&mut self, entry: T) -> u32 {
        let hash = entry.id().hash();
        let place = self.places();
        self.entries.push(entry);
        let entries = &self.entries;
        self.index
            .add(hash, place, &|place| entries.at(place as usize).id().hash());
        place
    }

    /// Takes away the entry at a place. The last one has that place from now on.
    pub fn remove(&mut self, place: u32) -> T {
        let last = self.places() - 1;
        self.index.remove(self.at(place).id().hash(), place);
        if last != place {
            self.index.replace(self.at(last).id().hash(), last, place);
        }
        let removed = self.entries.swap_remove(place as usize);
        let entries = &self.entries;
        self.index
            .shrink(&|place| entries.at(place as usize).id().hash());
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Numbered(String, u8);

    impl Entry for Numbered {
        type Id = [u8];

        fn id(&self) -> &[u8] {
            self.0.as_bytes()
        }
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
                        if let Some(entry) = roll.get_mut(id.to_string().as_bytes()) {
                            entry.1 = value;
                        } else {
                            let place = roll.add(Numbered(id.to_string(), value));
                            prop_assert_eq!(place, roll.places() - 1);
                        }
                        model.insert(id.to_string(), value);
                    }
                    Step::Remove(id) => {
                        let removed = roll.remove_id(id.to_string().as_bytes()).map(|entry| entry.1);
                        prop_assert_eq!(removed, model.remove(&id.to_string()));
                    }
                    Step::Keep(most) => {
                        roll.retain(|entry| entry.1 <= most);
                        model.retain(|_, value| *value <= most);
                    }
                }
                prop_assert_eq!(roll.len(), model.len());
                for id in (0..16).map(|id: u8| id.to_string()) {
                    prop_assert_eq!(roll.get(id.as_bytes()).map(|entry| entry.1), model.get(&id).copied());
                }
                prop_assert_eq!(roll.iter().count(), model.len());
            }
        }
    }
}

//! Groups: the entries of a [`Roll`], found by what they have in common, too.

use crate::{
    index::{Index, Name},
    roll::{Entry, Roll},
};

/// What belongs to a group.
pub trait Grouped: Entry {
    /// What a group is found by.
    type Group: Name + ?Sized;

    /// The entry's group, which does not change.
    fn group(&self) -> &Self::Group;
}

/// An entry, in the ring of its group: the last member is before the first.
#[derive(Debug)]
struct Member<T> {
    entry: T,
    next: u32,
    before: u32,
}

impl<T: Entry> Entry for Member<T> {
    type Id = T::Id;

    fn id(&self) -> &T::Id {
        self.entry.id()
    }
}

/// Entries by their id and by their group.
#[derive(Debug)]
pub struct Groups<T> {
    roll: Roll<Member<T>>,
    /// The first member of each group.
    first: Index,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self {
            roll: Roll::default(),
            first: Index::default(),
        }
    }
}

impl<T: Grouped> Groups<T> {
    /// The entry of this id.
    pub fn get(&self, id: &T::Id) -> Option<&T> {
        self.roll.get(id).map(|member| &member.entry)
    }

    /// The entry of this id, to be changed; neither its id nor its group.
    pub fn get_mut(&mut self, id: &T::Id) -> Option<&mut T> {
        self.roll.get_mut(id).map(|member| &mut member.entry)
    }

    /// The members of a group, in the order in which they were added.
    pub fn group(&self, group: &T::Group) -> impl Iterator<Item = &T> {
        let first = self.first_of(group);
        let mut next = first;
        std::iter::from_fn(move || {
            let member = self.roll.at(next?);
            next = Some(member.next).filter(|next| Some(*next) != first);
            Some(&member.entry)
        })
    }

    /// Adds an entry whose id is not there yet, as the last of its group.
    pub fn add(&mut self, entry: T) {
        let first = self.first_of(entry.group());
        let place = self.roll.places();
        let (next, before) =
            first.map_or((place, place), |first| (first, self.roll.at(first).before));
        self.roll.add(Member {
            entry,
            next,
            before,
        });
        if first.is_some() {
            self.link(before, place);
            self.link(place, next);
        } else {
            let roll = &self.roll;
            let hash_of = |place| roll.at(place).entry.group().hash();
            self.first.add(hash_of(place), place, &hash_of);
        }
    }

    /// Takes the entry of this id away.
    pub fn remove(&mut self, id: &T::Id) -> Option<T> {
        let place = self.roll.find(id)?;
        Some(self.remove_at(place))
    }

    /// Takes a group away: gives its members, in the order in which they were added.
    pub fn remove_group(&mut self, group: &T::Group) -> Vec<T> {
        let mut removed = Vec::new();
        while let Some(first) = self.first_of(group) {
            removed.push(self.remove_at(first));
        }
        removed
    }

    /// Takes away all entries but those to `keep`.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        // From the end: what moves to a place has been looked at.
        for place in (0..self.roll.places()).rev() {
            if !keep(&self.roll.at(place).entry) {
                self.remove_at(place);
            }
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.roll.len()
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.roll.iter().map(|member| &member.entry)
    }

    fn first_of(&self, group: &T::Group) -> Option<u32> {
        let is_it = |place| self.roll.at(place).entry.group() == group;
        self.first.find(group.hash(), &is_it)
    }

    fn hash_at(&self, place: u32) -> u64 {
        self.roll.at(place).entry.group().hash()
    }

    fn link(&mut self, one: u32, next: u32) {
        self.roll.at_mut(one).next = next;
        self.roll.at_mut(next).before = one;
    }

    fn remove_at(&mut self, place: u32) -> T {
        self.leave_ring(place);
        let last = self.roll.places() - 1;
        let removed = self.roll.remove(place);
        if last != place {
            self.moved(last, place);
        }
        let roll = &self.roll;
        self.first
            .shrink(&|place| roll.at(place).entry.group().hash());
        removed.entry
    }

    fn leave_ring(&mut self, place: u32) {
        let Member { next, before, .. } = *self.roll.at(place);
        let hash = self.hash_at(place);
        if next == place {
            self.first.remove(hash, place);
        } else {
            self.first.replace(hash, place, next);
            self.link(before, next);
        }
    }

    /// The member at `place` was at `former` until now.
    fn moved(&mut self, former: u32, place: u32) {
        let Member { next, before, .. } = *self.roll.at(place);
        // Alone in its ring it is its own neighbour.
        let here = |neighbour| {
            if neighbour == former {
                place
            } else {
                neighbour
            }
        };
        self.link(here(before), place);
        self.link(place, here(next));
        self.first.replace(self.hash_at(place), former, place);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Person {
        name: [u8; 1],
        house: [u8; 1],
    }

    impl Entry for Person {
        type Id = [u8];

        fn id(&self) -> &[u8] {
            &self.name
        }
    }

    impl Grouped for Person {
        type Group = [u8];

        fn group(&self) -> &[u8] {
            &self.house
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(Person),
        Remove(u8),
        RemoveGroup(u8),
        Keep(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..24u8, 0..4u8).prop_map(|(name, house)| Step::Add(Person { name: [name], house: [house] })),
            4 => (0..24u8).prop_map(Step::Remove),
            1 => (0..4u8).prop_map(Step::RemoveGroup),
            1 => (0..24u8).prop_map(Step::Keep),
        ]
    }

    proptest! {
        #[test]
        fn they_have_what_a_plain_list_has_in_its_order(steps in proptest::collection::vec(step(), 0..100)) {
            let mut groups = Groups::default();
            let mut model: Vec<Person> = Vec::new();
            for step in steps {
                match step {
                    Step::Add(person) => {
                        if groups.get(person.id()).is_none() {
                            groups.add(person.clone());
                            model.push(person);
                        }
                    }
                    Step::Remove(name) => {
                        let at = model.iter().position(|person| person.name == [name]);
                        prop_assert_eq!(groups.remove(&[name]), at.map(|at| model.remove(at)));
                    }
                    Step::RemoveGroup(house) => {
                        let (gone, left) = model.into_iter().partition(|person| person.house == [house]);
                        model = left;
                        prop_assert_eq!(groups.remove_group(&[house]), gone);
                    }
                    Step::Keep(most) => {
                        groups.retain(|person| person.name <= [most]);
                        model.retain(|person| person.name <= [most]);
                    }
                }
                prop_assert_eq!(groups.len(), model.len());
                for house in 0..4 {
                    let expected: Vec<&Person> = model.iter().filter(|person| person.house == [house]).collect();
                    prop_assert_eq!(groups.group(&[house]).collect::<Vec<_>>(), expected);
                }
                prop_assert_eq!(groups.iter().count(), model.len());
            }
        }
    }
}

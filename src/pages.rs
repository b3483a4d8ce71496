//! Pages: a list that grows by small blocks.
//!
//! A `Vec` that grows moves to a larger block, and leaves a hole where it was that nothing as large ever fits: those of a
//! crowd were a third of what all its lists took.

/// How many entries a page has. One of the least lists is not to take much more than it needs.
const PAGE: usize = 64;

/// A list whose entries stay where they are while it grows.
#[derive(Debug)]
pub struct Pages<T> {
    /// All of them full, but the last.
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        let last = self.pages.last();
        last.map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    /// The entry at an index below the length.
    pub fn at(&self, index: usize) -> &T {
        &self.pages[index / PAGE][index % PAGE]
    }

    /// The entry at an index below the length, to be changed.
    pub fn at_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE][index % PAGE]
    }

    /// Adds an entry as the last one.
    pub fn push(&mut self, entry: T) {
        match self.pages.last_mut() {
            Some(last) if last.len() < PAGE => last.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
    }

    /// Takes the last entry away.
    pub fn pop(&mut self) -> Option<T> {
        let entry = self.pages.last_mut()?.pop();
        self.pages.pop_if(|last| last.is_empty());
        entry
    }

    /// Takes away the entry at an index below the length. The last one is there from now on.
    pub fn swap_remove(&mut self, index: usize) -> T {
        let last = self.pop().expect("an index below the length");
        if index == self.len() {
            last
        } else {
            std::mem::replace(self.at_mut(index), last)
        }
    }

    /// The entries, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_crowd_has_taken_is_given_back() {
        let mut pages = Pages::default();
        for number in 0..10_000 {
            pages.push(number);
        }
        while pages.len() > 10 {
            pages.pop();
        }
        assert_eq!(pages.pages.len(), 1);
        assert!(pages.iter().copied().eq(0..10));
    }

    #[test]
    fn an_entry_stays_where_it_is_while_others_come() {
        let mut pages = Pages::default();
        pages.push(0);
        let place = std::ptr::from_ref(pages.at(0));
        for number in 1..10_000 {
            pages.push(number);
        }
        assert_eq!(std::ptr::from_ref(pages.at(0)), place);
    }

    proptest! {
        #[test]
        fn it_has_what_a_plain_list_has(
            steps in prop::collection::vec(prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)], 0..600),
        ) {
            let mut pages = Pages::default();
            let mut model = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(index) = step.filter(|_| !model.is_empty()) {
                    let index = index.index(model.len());
                    prop_assert_eq!(pages.swap_remove(index), model.swap_remove(index));
                } else {
                    pages.push(number);
                    model.push(number);
                }
                prop_assert_eq!(pages.len(), model.len());
                prop_assert!(pages.iter().eq(&model));
            }
        }
    }
}

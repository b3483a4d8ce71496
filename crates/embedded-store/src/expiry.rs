//! A lazy queue: slots in the order of a number that mostly grows, such as the moment of a session's end or of its last use.
//!
//! A slot is in it once, at the number that it had when it was queued. When the number grows, the slot stays there, and is
//! queued again when it comes first. So a use and a touch, which let the number grow, cost nothing here.

use std::{cmp::Reverse, collections::BinaryHeap};

use slab::Slab;

/// A queue of so few slots is not worth tidying.
const SHORT: usize = 1024;

/// The place of a session in a queue.
#[derive(Debug)]
pub struct Place {
    /// The number that orders it.
    pub due: u64,
    /// That number when it was queued.
    queued: u64,
}

impl Place {
    /// The place of a session that is queued at `due`.
    pub const fn new(due: u64) -> Self {
        Self { due, queued: due }
    }
}

/// Slots in the order of their number.
#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Queue {
    /// Queues a slot, as [`Place::new`] says.
    pub fn push(&mut self, due: u64, slot: u32) {
        self.heap.push(Reverse((due, slot)));
    }

    /// Gives a slot another number, which costs something only when it is less than before.
    pub fn set(&mut self, slot: u32, place: &mut Place, due: u64) {
        place.due = due;
        if due < place.queued {
            place.queued = due;
            self.push(due, slot);
        }
    }

    /// The slot with the least number, if that is `by` at most, and its number; it stays in the queue. `place` gives the
    /// place of a slot's session.
    pub fn first<T>(
        &mut self,
        by: u64,
        slots: &mut Slab<T>,
        place: fn(&mut T) -> &mut Place,
    ) -> Option<(u32, u64)> {
        while let Some(&Reverse((at, slot))) = self.heap.peek() {
            if at > by {
                break;
            }
            // Otherwise the slot is empty, or has another session by now, whose place is elsewhere.
            let place = slots.get_mut(slot as usize).map(place).filter(|place| place.queued == at);
            if place.as_ref().is_some_and(|place| place.due == at) {
                return Some((slot, at));
            }
            self.heap.pop();
            if let Some(place) = place {
                place.queued = place.due;
                self.push(place.due, slot);
            }
        }
        None
    }

    /// Whether most of its slots are empty by now; `live` slots are not.
    pub fn is_untidy(&self, live: usize) -> bool {
        self.heap.len() >= SHORT && self.heap.len() / 2 >= live
    }

    /// Makes it anew from the places of the slots that are not empty.
    pub fn tidy<'p>(&mut self, places: impl Iterator<Item = (usize, &'p Place)>) {
        self.heap = places
            .filter_map(|(slot, place)| Some(Reverse((place.queued, u32::try_from(slot).ok()?))))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_in_the_order_of_the_numbers_they_have_by_now() {
        let mut queue = Queue::default();
        let mut places: Slab<Place> = Slab::new();
        for due in [10, 20, 30] {
            places.insert(Place::new(due));
        }
        for (slot, due) in [(0, 10), (1, 20), (2, 30)] {
            queue.push(due, slot);
        }
        queue.set(0, &mut places[0], 25);
        queue.set(2, &mut places[2], 5);
        let mut order = Vec::new();
        while let Some((slot, due)) = queue.first(u64::MAX, &mut places, |place| place) {
            order.push((slot, due));
            places.remove(slot as usize);
        }
        assert_eq!(order, [(2, 5), (1, 20), (0, 25)]);
    }

    #[test]
    fn a_slot_that_is_not_due_stays() {
        let mut queue = Queue::default();
        let mut places: Slab<Place> = Slab::new();
        places.insert(Place::new(10));
        queue.push(10, 0);
        assert_eq!(queue.first(9, &mut places, |place| place), None);
        queue.set(0, &mut places[0], 50);
        assert_eq!(queue.first(49, &mut places, |place| place), None);
        assert_eq!(queue.first(50, &mut places, |place| place), Some((0, 50)));
    }
}

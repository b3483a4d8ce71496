//! Tickets: one for each call to a session store, answered once, in time, and in the order of its socket's events.
//!
//! A store may answer never, twice, or out of order. Each call takes a [`Ticket`]. The first answer uses the ticket up, and
//! an answer with a used ticket is ignored. The tickets of a socket's events are in that socket's queue: an early answer
//! is held until the tickets in front of it have been answered or have timed out.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::error::Error;

/// How many bits of a ticket name its slot; the rest is the slot's generation.
const SLOT_BITS: u32 = u16::BITS;
/// The largest number of store calls in flight in one copy of the JavaScript.
pub const MAX_IN_FLIGHT: usize = 1 << SLOT_BITS;
/// So many deadlines are not worth tidying.
const SHORT: usize = 1_024;

/// One call to a session store. Below 2^53, so that it is exact as a JavaScript number; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    fn new(slot: u16, generation: u64) -> Self {
        Self(generation << SLOT_BITS | u64::from(slot))
    }

    const fn slot(self) -> u16 {
        let [low, second, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, second])
    }

    /// The ticket as the number that JavaScript keeps.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The ticket that JavaScript gives back. Any number is safe: one that was never handed out counts as used.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// The number of a socket's queue.
pub type QueueNumber = u32;

/// What to do with a store's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Drop it: it is a second answer, or one after the deadline.
    Ignore,
    /// Keep it: an earlier event of this socket still waits.
    Hold,
    /// Go on with it.
    Run,
    /// Go on with it; then call [`Tickets::release`] until it gives nothing more.
    RunAndRelease,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    /// The store has not answered.
    Waiting,
    /// The deadline has passed, and JavaScript has been told. Its word or a late answer counts, whichever is first.
    Due,
    /// Answered, while a ticket in front of it waits.
    Held,
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    state: State,
    queue: Option<QueueNumber>,
}

/// The tickets of one copy of the JavaScript.
#[derive(Debug, Default)]
pub struct Tickets {
    slots: Vec<Slot>,
    free: Vec<u16>,
    /// The tickets in each queue, first to last; nothing for a closed queue.
    queues: Vec<Option<VecDeque<Ticket>>>,
    free_queues: Vec<QueueNumber>,
    /// Deadlines in ms, with those of tickets that are used up by now.
    deadlines: BinaryHeap<Reverse<(u64, Ticket)>>,
}

impl Tickets {
    /// Opens the queue of a socket.
    pub fn open_queue(&mut self) -> QueueNumber {
        if let Some(number) = self.free_queues.pop() {
            self.queues[number as usize] = Some(VecDeque::new());
            return number;
        }
        self.queues.push(Some(VecDeque::new()));
        u32::try_from(self.queues.len() - 1).unwrap_or(u32::MAX)
    }

    /// Closes a socket's queue. Tickets that are still in it are used up.
    pub fn close_queue(&mut self, number: QueueNumber) {
        let queue = self.queues.get_mut(number as usize);
        let Some(waiting) = queue.and_then(Option::take) else {
            return;
        };
        for ticket in waiting {
            self.free_slot(ticket.slot());
        }
        self.free_queues.push(number);
    }

    /// Takes a ticket for a store call that is due at `due` (ms on the caller's clock), in a socket's queue or in none. A
    /// queue that is closed holds nothing back.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when [`MAX_IN_FLIGHT`] calls wait already.
    pub fn open(&mut self, queue: Option<QueueNumber>, due: u64) -> Result<Ticket, Error> {
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            let slot = u16::try_from(self.slots.len()).map_err(|_| Error::Overloaded)?;
            self.slots.push(Slot { generation: 1, state: State::Free, queue: None });
            slot
        };
        let queue = queue.filter(|number| self.queue(*number).is_some());
        let entry = &mut self.slots[usize::from(slot)];
        entry.state = State::Waiting;
        entry.queue = queue;
        let ticket = Ticket::new(slot, entry.generation);
        if let Some(waiting) = queue.and_then(|number| self.queue(number)) {
            waiting.push_back(ticket);
        }
        self.tidy();
        self.deadlines.push(Reverse((due, ticket)));
        Ok(ticket)
    }

    /// A store answered, or its deadline passed: the caller treats the two alike, and only the first counts.
    pub fn answer(&mut self, ticket: Ticket) -> Answer {
        if !matches!(self.state(ticket), State::Waiting | State::Due) {
            return Answer::Ignore;
        }
        let slot = &mut self.slots[usize::from(ticket.slot())];
        let Some(queue) = slot.queue else {
            self.free_slot(ticket.slot());
            return Answer::Run;
        };
        let first = self.queue(queue).and_then(|waiting| waiting.front());
        if first != Some(&ticket) {
            self.slots[usize::from(ticket.slot())].state = State::Held;
            return Answer::Hold;
        }
        self.leave(queue);
        if self.first_held(queue).is_some() { Answer::RunAndRelease } else { Answer::Run }
    }

    /// The next held ticket of a queue that may go on, or nothing.
    pub fn release(&mut self, queue: QueueNumber) -> Option<Ticket> {
        let ticket = self.first_held(queue)?;
        self.leave(queue);
        Some(ticket)
    }

    /// The tickets whose deadline has passed by `now` (ms), each told once.
    pub fn due(&mut self, now: u64) -> Vec<Ticket> {
        let mut passed = Vec::new();
        while let Some(Reverse((due, ticket))) = self.deadlines.peek().copied()
            && due <= now
        {
            self.deadlines.pop();
            if self.state(ticket) == State::Waiting {
                self.slots[usize::from(ticket.slot())].state = State::Due;
                passed.push(ticket);
            }
        }
        passed
    }

    /// When [`Tickets::due`] may have something to tell (ms on the caller's clock); nothing when no ticket waits. It may be
    /// the deadline of a ticket that is used up by now.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.deadlines.peek().map(|Reverse((due, _))| *due)
    }

    /// How many store calls are in flight or held.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn queue(&mut self, number: QueueNumber) -> Option<&mut VecDeque<Ticket>> {
        self.queues.get_mut(number as usize)?.as_mut()
    }

    /// The state of a ticket's slot; [`State::Free`] for a ticket that is used up.
    fn state(&self, ticket: Ticket) -> State {
        let slot = self.slots.get(usize::from(ticket.slot()));
        slot.filter(|slot| Ticket::new(ticket.slot(), slot.generation) == ticket)
            .map_or(State::Free, |slot| slot.state)
    }

    /// The first ticket of a queue, where it has been held.
    fn first_held(&mut self, queue: QueueNumber) -> Option<Ticket> {
        let first = *self.queue(queue)?.front()?;
        (self.state(first) == State::Held).then_some(first)
    }

    /// The first ticket leaves a queue, and is used up.
    fn leave(&mut self, queue: QueueNumber) {
        if let Some(ticket) = self.queue(queue).and_then(VecDeque::pop_front) {
            self.free_slot(ticket.slot());
        }
    }

    fn free_slot(&mut self, index: u16) {
        let slot = &mut self.slots[usize::from(index)];
        slot.state = State::Free;
        slot.queue = None;
        slot.generation += 1;
        self.free.push(index);
    }

    /// Removes the deadlines of used tickets when they are most of the deadlines.
    fn tidy(&mut self) {
        if self.deadlines.len() < SHORT.max(4 * self.in_flight()) {
            return;
        }
        let mut deadlines = std::mem::take(&mut self.deadlines);
        deadlines.retain(|Reverse((_, ticket))| self.state(*ticket) == State::Waiting);
        self.deadlines = deadlines;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_answer_is_ignored() {
        let mut tickets = Tickets::default();
        let ticket = tickets.open(None, 10).unwrap();
        assert_eq!(tickets.answer(ticket), Answer::Run);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
    }

    #[test]
    fn a_used_ticket_does_not_answer_for_the_next_call_in_its_slot() {
        let mut tickets = Tickets::default();
        let first = tickets.open(None, 10).unwrap();
        tickets.answer(first);
        let second = tickets.open(None, 10).unwrap();
        assert_eq!(tickets.answer(first), Answer::Ignore);
        assert_eq!(tickets.answer(second), Answer::Run);
    }

    #[test]
    fn an_answer_before_its_turn_is_held_and_then_released_in_order() {
        let mut tickets = Tickets::default();
        let queue = tickets.open_queue();
        let [a, b, c] = [(); 3].map(|()| tickets.open(Some(queue), 10).unwrap());
        assert_eq!(tickets.answer(c), Answer::Hold);
        assert_eq!(tickets.answer(b), Answer::Hold);
        assert_eq!(tickets.answer(a), Answer::RunAndRelease);
        assert_eq!(tickets.release(queue), Some(b));
        assert_eq!(tickets.release(queue), Some(c));
        assert_eq!(tickets.release(queue), None);
        assert_eq!(tickets.in_flight(), 0);
    }

    #[test]
    fn a_passed_deadline_is_told_once_and_counts_as_the_answer() {
        let mut tickets = Tickets::default();
        let ticket = tickets.open(None, 10).unwrap();
        assert_eq!(tickets.next_due(), Some(10));
        assert_eq!(tickets.due(9), []);
        assert_eq!(tickets.due(10), [ticket]);
        assert_eq!(tickets.due(11), []);
        assert_eq!(tickets.answer(ticket), Answer::Run);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
    }

    #[test]
    fn the_deadlines_of_answered_calls_are_forgotten() {
        let mut tickets = Tickets::default();
        let slow = tickets.open(None, 10).unwrap();
        for _ in 0..10 * SHORT {
            let ticket = tickets.open(None, 9).unwrap();
            tickets.answer(ticket);
        }
        assert!(tickets.deadlines.len() <= 2 * SHORT);
        assert_eq!(tickets.due(10), [slow]);
        assert_eq!(tickets.next_due(), None);
    }

    #[test]
    fn a_closed_queue_uses_up_what_was_in_it() {
        let mut tickets = Tickets::default();
        let queue = tickets.open_queue();
        let ticket = tickets.open(Some(queue), 10).unwrap();
        tickets.close_queue(queue);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
        assert_eq!(tickets.in_flight(), 0);
        let late = tickets.open(Some(queue), 10).unwrap();
        assert_eq!(tickets.answer(late), Answer::Run);
    }

    #[test]
    fn beyond_the_limit_a_call_is_refused_and_nothing_is_lost() {
        let mut tickets = Tickets::default();
        let all: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| tickets.open(None, 1).unwrap()).collect();
        assert_eq!(tickets.open(None, 1), Err(Error::Overloaded));
        assert_eq!(tickets.answer(all[7]), Answer::Run);
        assert!(tickets.open(None, 1).is_ok());
    }

    #[test]
    fn numbers_that_were_never_tickets_are_ignored() {
        let mut tickets = Tickets::default();
        for number in [0, 1, u64::MAX, 1 << 52] {
            assert_eq!(tickets.answer(Ticket::from_number(number)), Answer::Ignore);
        }
        assert_eq!(tickets.release(9), None);
    }

    proptest! {
        #[test]
        fn whatever_order_a_store_answers_in_events_run_in_the_order_they_were_sent(
            order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut tickets = Tickets::default();
            let queue = tickets.open_queue();
            let opened: Vec<_> = (0..20).map(|_| tickets.open(Some(queue), 1).unwrap()).collect();
            let mut ran = Vec::new();
            for index in order {
                match tickets.answer(opened[index]) {
                    Answer::Run => ran.push(opened[index]),
                    Answer::RunAndRelease => {
                        ran.push(opened[index]);
                        while let Some(next) = tickets.release(queue) {
                            ran.push(next);
                        }
                    }
                    Answer::Hold => {}
                    Answer::Ignore => prop_assert!(false, "a first answer was ignored"),
                }
            }
            prop_assert_eq!(ran, opened);
        }
    }
}

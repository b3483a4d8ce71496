//! Tickets: one for each call to a session store, answered once, and in the order of its socket's events.
//!
//! A store may answer never, twice, or out of order. Each call takes a ticket. The first answer uses the ticket up, and an
//! answer with a used ticket is ignored. The tickets of a socket's events are in that socket's queue: an early answer is held
//! until the tickets in front of it have been answered. A deadline that has passed counts as an answer: the caller has
//! [`DueTimes`](crate::due_times::DueTimes) for that.

use std::collections::{HashMap, VecDeque};

use crate::adoption::shrink;

/// The largest number of store calls in flight in one copy of the JavaScript.
pub const MAX_IN_FLIGHT: usize = 65_536;

/// The number of a call to a session store, used once; never 0.
pub type Ticket = u64;

/// The number of a socket's queue; never 0.
pub type QueueNumber = u64;

/// What to do with a store's answer; JavaScript gets the number.
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

#[derive(Debug)]
struct Call {
    queue: Option<QueueNumber>,
    /// Answered, while a ticket in front of it waits.
    is_held: bool,
}

/// The tickets of one copy of the JavaScript.
#[derive(Debug, Default)]
pub struct Tickets {
    /// The last number that was given to a ticket or a queue.
    last: u64,
    calls: HashMap<Ticket, Call>,
    /// The tickets in each queue, first to last.
    queues: HashMap<QueueNumber, VecDeque<Ticket>>,
}

impl Tickets {
    /// Opens the queue of a socket.
    pub fn open_queue(&mut self) -> QueueNumber {
        self.last += 1;
        self.queues.insert(self.last, VecDeque::new());
        self.last
    }

    /// Closes a socket's queue. Gives the tickets that were still in it: they are used up.
    pub fn close_queue(&mut self, number: QueueNumber) -> VecDeque<Ticket> {
        let tickets = self.queues.remove(&number).unwrap_or_default();
        for ticket in &tickets {
            self.calls.remove(ticket);
        }
        shrink(&mut self.queues);
        tickets
    }

    /// Takes a ticket for a store call; nothing when [`MAX_IN_FLIGHT`] calls wait already. A queue that is not open, such as 0,
    /// holds nothing back.
    pub fn open(&mut self, queue: QueueNumber) -> Option<Ticket> {
        if self.calls.len() >= MAX_IN_FLIGHT {
            return None;
        }
        self.last += 1;
        let ticket = self.last;
        let waiting = self.queues.get_mut(&queue);
        let queue = waiting.map(|waiting| {
            waiting.push_back(ticket);
            queue
        });
        self.calls.insert(ticket, Call { queue, is_held: false });
        Some(ticket)
    }

    /// A store answered, or its deadline passed: the caller treats the two alike, and only the first counts.
    pub fn answer(&mut self, ticket: Ticket) -> Answer {
        let Some(call) = self.calls.get_mut(&ticket).filter(|call| !call.is_held) else {
            return Answer::Ignore;
        };
        let Some(queue) = call.queue else {
            self.calls.remove(&ticket);
            return Answer::Run;
        };
        call.is_held = true;
        if self.first_held(queue) != Some(ticket) {
            return Answer::Hold;
        }
        self.release(queue);
        if self.first_held(queue).is_some() { Answer::RunAndRelease } else { Answer::Run }
    }

    /// The next held ticket of a queue that may go on, or nothing. It is used up.
    pub fn release(&mut self, queue: QueueNumber) -> Option<Ticket> {
        let ticket = self.first_held(queue)?;
        self.calls.remove(&ticket);
        self.queues.get_mut(&queue)?.pop_front()
    }

    /// The first ticket of a queue, where it has been held.
    fn first_held(&self, queue: QueueNumber) -> Option<Ticket> {
        let first = *self.queues.get(&queue)?.front()?;
        self.calls.get(&first)?.is_held.then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_answer_is_ignored() {
        let mut tickets = Tickets::default();
        let ticket = tickets.open(0).unwrap();
        assert_eq!(tickets.answer(ticket), Answer::Run);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
    }

    #[test]
    fn an_answer_before_its_turn_is_held_and_then_released_in_order() {
        let mut tickets = Tickets::default();
        let queue = tickets.open_queue();
        let [a, b, c] = [(); 3].map(|()| tickets.open(queue).unwrap());
        assert_eq!(tickets.answer(c), Answer::Hold);
        assert_eq!(tickets.answer(b), Answer::Hold);
        assert_eq!(tickets.answer(a), Answer::RunAndRelease);
        assert_eq!(tickets.release(queue), Some(b));
        assert_eq!(tickets.release(queue), Some(c));
        assert_eq!(tickets.release(queue), None);
        assert_eq!(tickets.calls.len(), 0);
    }

    #[test]
    fn a_closed_queue_uses_up_what_was_in_it() {
        let mut tickets = Tickets::default();
        let queue = tickets.open_queue();
        let ticket = tickets.open(queue).unwrap();
        assert_eq!(tickets.close_queue(queue), [ticket]);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
        assert_eq!(tickets.calls.len(), 0);
        let late = tickets.open(queue).unwrap();
        assert_eq!(tickets.answer(late), Answer::Run);
    }

    #[test]
    fn beyond_the_limit_a_call_is_refused_and_nothing_is_lost() {
        let mut tickets = Tickets::default();
        let all: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| tickets.open(0).unwrap()).collect();
        assert_eq!(tickets.open(0), None);
        assert_eq!(tickets.answer(all[7]), Answer::Run);
        assert!(tickets.open(0).is_some());
    }

    #[test]
    fn numbers_that_were_never_tickets_are_ignored() {
        let mut tickets = Tickets::default();
        for number in [0, 1, u64::MAX, 1 << 52] {
            assert_eq!(tickets.answer(number), Answer::Ignore);
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
            let opened: Vec<_> = (0..20).map(|_| tickets.open(queue).unwrap()).collect();
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

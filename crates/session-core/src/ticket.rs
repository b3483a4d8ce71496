//! Tickets: one for each call to a session store, answered once, in time, and in the order of its socket.
//!
//! A store may answer never, twice, or out of order. Each call takes a [`Ticket`]; the first answer uses it up, and
//! what arrives with a used ticket is ignored. The tickets of a socket's events stand in that socket's *line*: an
//! answer that comes before its turn is held until those in front of it have been answered (or have timed out).

use crate::error::Error;

/// How many bits of a ticket name its slot; the rest is the slot's generation.
const SLOT_BITS: u32 = u16::BITS;
/// The largest number of store calls in flight at once in one JavaScript environment.
pub const MAX_IN_FLIGHT: usize = 1 << SLOT_BITS;

/// One call to a session store. Below 2^53, so that it is exact as a JavaScript number; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

impl Ticket {
    fn new(slot: u16, generation: u64) -> Self {
        Self(generation << SLOT_BITS | u64::from(slot))
    }

    const fn slot(self) -> u16 {
        let [low, second, ..] = self.0.to_le_bytes();
        u16::from_le_bytes([low, second])
    }

    fn generation(self) -> u64 {
        self.0 >> SLOT_BITS
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

/// The line of one socket's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line(u32);

impl Line {
    /// The line as a number for JavaScript.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The line that JavaScript gives back.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// What to do with a store's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The ticket is used: a second answer, or one after the deadline. Drop it.
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
    /// The store has not answered. `due` is in ms on the caller's clock.
    Waiting {
        due: u64,
    },
    /// The deadline has passed and the JavaScript side has been told; the first of its word or a late answer counts.
    Due,
    /// Answered before its turn.
    Held,
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    state: State,
    line: Option<Line>,
    /// The slot behind it in its line, where there is one.
    next: u16,
}

/// Who stands in a line: the slots, of which each knows the next one. A line takes the same few bytes, whoever stands in it:
/// there is one for each quiet socket.
#[derive(Clone, Copy, Debug)]
enum Queue {
    Closed,
    Empty,
    Waiting { first: u16, last: u16 },
}

/// The tickets of one JavaScript environment.
#[derive(Debug, Default)]
pub struct Tickets {
    slots: Vec<Slot>,
    free: Vec<u16>,
    lines: Vec<Queue>,
    free_lines: Vec<u32>,
    opened: u64,
}

impl Tickets {
    /// Opens the line of a socket.
    pub fn open_line(&mut self) -> Line {
        if let Some(number) = self.free_lines.pop() {
            self.lines[number as usize] = Queue::Empty;
            return Line(number);
        }
        self.lines.push(Queue::Empty);
        Line(u32::try_from(self.lines.len() - 1).unwrap_or(u32::MAX))
    }

    /// Closes a socket's line. Tickets that still stand in it are used up.
    pub fn close_line(&mut self, line: Line) {
        if let Queue::Closed = self.queue(line) {
            return;
        }
        while let Queue::Waiting { first, .. } = self.queue(line) {
            self.leave(line);
            self.free_slot(first);
        }
        self.lines[line.0 as usize] = Queue::Closed;
        self.free_lines.push(line.0);
    }

    /// Takes a ticket for a store call that is due at `due` (ms on the caller's clock), in a socket's line or in none.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when [`MAX_IN_FLIGHT`] calls wait already.
    pub fn open(&mut self, line: Option<Line>, due: u64) -> Result<Ticket, Error> {
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            let slot = u16::try_from(self.slots.len()).map_err(|_| Error::Overloaded)?;
            self.slots.push(Slot {
                generation: 1,
                state: State::Free,
                line: None,
                next: 0,
            });
            slot
        };
        self.opened += 1;
        // A line that was closed meanwhile holds nothing back.
        let line = line.filter(|line| self.enter(*line, slot));
        let entry = &mut self.slots[usize::from(slot)];
        entry.state = State::Waiting { due };
        entry.line = line;
        Ok(Ticket::new(slot, entry.generation))
    }

    /// A store answered, or its deadline passed: the caller treats the two alike, and only the first counts.
    pub fn answer(&mut self, ticket: Ticket) -> Answer {
        let Some(slot) = self.slots.get_mut(usize::from(ticket.slot())) else {
            return Answer::Ignore;
        };
        if slot.generation != ticket.generation()
            || !matches!(slot.state, State::Waiting { .. } | State::Due)
        {
            return Answer::Ignore;
        }
        let Some(line) = slot.line else {
            self.free_slot(ticket.slot());
            return Answer::Run;
        };
        if self.first(line) != Some(ticket.slot()) {
            self.slots[usize::from(ticket.slot())].state = State::Held;
            return Answer::Hold;
        }
        self.leave(line);
        self.free_slot(ticket.slot());
        if self.first_held(line).is_some() {
            Answer::RunAndRelease
        } else {
            Answer::Run
        }
    }

    /// The next held event of a line whose turn has come, or nothing.
    pub fn release(&mut self, line: Line) -> Option<Ticket> {
        let slot = self.first_held(line)?;
        let ticket = Ticket::new(slot, self.slots[usize::from(slot)].generation);
        self.leave(line);
        self.free_slot(slot);
        Some(ticket)
    }

    /// The tickets whose deadline has passed by `now` (ms), each told once.
    pub fn due(&mut self, now: u64) -> Vec<Ticket> {
        let mut passed = Vec::new();
        for (index, slot) in (0..).zip(&mut self.slots) {
            if matches!(slot.state, State::Waiting { due } if due <= now) {
                slot.state = State::Due;
                passed.push(Ticket::new(index, slot.generation));
            }
        }
        passed
    }

    /// When the earliest waiting ticket is due (ms on the caller's clock); nothing when no ticket waits.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        self.slots
            .iter()
            .filter_map(|slot| match slot.state {
                State::Waiting { due } => Some(due),
                _ => None,
            })
            .min()
    }

    /// How many tickets have been opened so far.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// How many store calls are in flight or held.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn queue(&self, line: Line) -> Queue {
        let queue = self.lines.get(line.0 as usize);
        queue.copied().unwrap_or(Queue::Closed)
    }

    /// The slot that stands first in a line.
    fn first(&self, line: Line) -> Option<u16> {
        match self.queue(line) {
            Queue::Waiting { first, .. } => Some(first),
            Queue::Closed | Queue::Empty => None,
        }
    }

    /// The slot that stands first in a line, where it has been answered before its turn.
    fn first_held(&self, line: Line) -> Option<u16> {
        let is_held = |slot: &u16| self.slots[usize::from(*slot)].state == State::Held;
        self.first(line).filter(is_held)
    }

    /// A slot takes its stand at the end of a line. Gives whether that is open.
    fn enter(&mut self, line: Line, slot: u16) -> bool {
        let first = match self.queue(line) {
            Queue::Closed => return false,
            Queue::Empty => slot,
            Queue::Waiting { first, last } => {
                self.slots[usize::from(last)].next = slot;
                first
            }
        };
        self.lines[line.0 as usize] = Queue::Waiting { first, last: slot };
        true
    }

    /// The first slot leaves a line.
    fn leave(&mut self, line: Line) {
        let Queue::Waiting { first, last } = self.queue(line) else {
            return;
        };
        self.lines[line.0 as usize] = if first == last {
            Queue::Empty
        } else {
            let first = self.slots[usize::from(first)].next;
            Queue::Waiting { first, last }
        };
    }

    fn free_slot(&mut self, index: u16) {
        let slot = &mut self.slots[usize::from(index)];
        slot.state = State::Free;
        slot.line = None;
        slot.generation += 1;
        self.free.push(index);
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
        let line = tickets.open_line();
        let [a, b, c] = [(); 3].map(|()| tickets.open(Some(line), 10).unwrap());
        assert_eq!(tickets.answer(c), Answer::Hold);
        assert_eq!(tickets.answer(b), Answer::Hold);
        assert_eq!(tickets.answer(a), Answer::RunAndRelease);
        assert_eq!(tickets.release(line), Some(b));
        assert_eq!(tickets.release(line), Some(c));
        assert_eq!(tickets.release(line), None);
        assert_eq!(tickets.in_flight(), 0);
    }

    #[test]
    fn a_line_takes_as_little_with_many_in_it_as_with_none() {
        assert!(size_of::<Queue>() <= 8);
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
    fn a_closed_line_uses_up_what_stood_in_it() {
        let mut tickets = Tickets::default();
        let line = tickets.open_line();
        let ticket = tickets.open(Some(line), 10).unwrap();
        tickets.close_line(line);
        assert_eq!(tickets.answer(ticket), Answer::Ignore);
        assert_eq!(tickets.in_flight(), 0);
        let late = tickets.open(Some(line), 10).unwrap();
        assert_eq!(tickets.answer(late), Answer::Run);
    }

    #[test]
    fn beyond_the_limit_a_call_is_refused_and_nothing_is_lost() {
        let mut tickets = Tickets::default();
        let all: Vec<_> = (0..MAX_IN_FLIGHT)
            .map(|_| tickets.open(None, 1).unwrap())
            .collect();
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
        assert_eq!(tickets.release(Line::from_number(9)), None);
    }

    proptest! {
        #[test]
        fn whatever_order_a_store_answers_in_events_run_in_the_order_they_were_sent(
            order in Just((0..20usize).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut tickets = Tickets::default();
            let line = tickets.open_line();
            let opened: Vec<_> = (0..20).map(|_| tickets.open(Some(line), 1).unwrap()).collect();
            let mut ran = Vec::new();
            for index in order {
                match tickets.answer(opened[index]) {
                    Answer::Run => ran.push(opened[index]),
                    Answer::RunAndRelease => {
                        ran.push(opened[index]);
                        while let Some(next) = tickets.release(line) {
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

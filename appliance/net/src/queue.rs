//! What each connection waits for, and since when.
//!
//! Every place for a connection is in exactly one list, and each list is in the
//! order of time: who begins to wait goes to its end. So only the front of a
//! list can be over time, and it is also the one to let go when there is no
//! room. That is all that timers have to do above TCP, at a few writes each.
//!
//! Free places alone are a stack: who was freed last is taken first, so that
//! memory that nobody has touched stays that way for as long as it can.

use alloc::vec;
use alloc::vec::Vec;

/// What a place waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Waiting {
    /// A connection: it is free.
    Free,
    /// That the handshake completes.
    Handshake,
    /// A request.
    Idle,
    /// The rest of a request.
    Request,
    /// That the client acknowledges what it was sent.
    Send,
    /// That the client closes, after the last answer.
    Linger,
    /// That duplicates of its segments are gone.
    TimeWait,
}

/// Keys in the order in which they came, each at most once.
#[derive(Debug)]
pub struct Line {
    keys: Vec<u16>,
    first: usize,
    /// How many there are.
    pub length: usize,
}

impl Line {
    /// With room for so many.
    pub fn new(keys: usize) -> Self {
        Self {
            keys: vec![0; keys],
            first: 0,
            length: 0,
        }
    }

    /// Puts one at the end. There is room for all.
    pub fn append(&mut self, key: u16) {
        let at = self.first + self.length;
        let at = at.checked_sub(self.keys.len()).unwrap_or(at);
        if let Some(place) = self.keys.get_mut(at) {
            *place = key;
            self.length += 1;
        }
    }

    /// Takes the first.
    pub fn take(&mut self) -> Option<u16> {
        self.length = self.length.checked_sub(1)?;
        let key = self.keys.get(self.first).copied();
        self.first += 1;
        if self.first == self.keys.len() {
            self.first = 0;
        }
        key
    }
}

const LISTS: usize = 7;
const NONE: u16 = u16::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    since: u64,
    before: u16,
    after: u16,
    waiting: Waiting,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u16,
    last: u16,
    length: u16,
}

/// The lists.
#[derive(Debug)]
pub struct Queues {
    links: Vec<Link>,
    lists: [List; LISTS],
}

impl Queues {
    /// All of `places` are free.
    pub fn new(places: u16) -> Self {
        let mut queues = Self {
            links: vec![
                Link {
                    since: 0,
                    before: NONE,
                    after: NONE,
                    waiting: Waiting::Free,
                };
                places.into()
            ],
            lists: [List {
                first: NONE,
                last: NONE,
                length: 0,
            }; LISTS],
        };
        for key in 0..places {
            queues.append(key, Waiting::Free, 0);
        }
        queues
    }

    /// What a place waits for.
    pub fn waiting(&self, key: u16) -> Waiting {
        self.links
            .get(usize::from(key))
            .map_or(Waiting::Free, |link| link.waiting)
    }

    /// Since when a place has waited.
    pub fn since(&self, key: u16) -> u64 {
        let link = self.links.get(usize::from(key));
        link.map_or(0, |link| link.since)
    }

    /// How many wait for this.
    pub fn count(&self, waiting: Waiting) -> u16 {
        self.list(waiting).length
    }

    /// Who has waited for this for longest, and since when.
    pub fn oldest(&self, waiting: Waiting) -> Option<(u16, u64)> {
        let key = self.list(waiting).first;
        let link = self.links.get(usize::from(key))?;
        Some((key, link.since))
    }

    /// From `now` on it waits for this.
    pub fn wait(&mut self, key: u16, waiting: Waiting, now: u64) {
        self.unlink(key);
        if waiting == Waiting::Free {
            self.prepend(key, waiting, now);
        } else {
            self.append(key, waiting, now);
        }
    }

    fn list(&self, waiting: Waiting) -> List {
        self.lists[waiting as usize]
    }

    fn prepend(&mut self, key: u16, waiting: Waiting, now: u64) {
        let list = &mut self.lists[waiting as usize];
        let Some(link) = self.links.get_mut(usize::from(key)) else {
            return;
        };
        *link = Link {
            since: now,
            before: NONE,
            after: list.first,
            waiting,
        };
        match self.links.get_mut(usize::from(list.first)) {
            Some(first) => first.before = key,
            None => list.last = key,
        }
        list.first = key;
        list.length += 1;
    }

    fn append(&mut self, key: u16, waiting: Waiting, now: u64) {
        let list = &mut self.lists[waiting as usize];
        let Some(link) = self.links.get_mut(usize::from(key)) else {
            return;
        };
        *link = Link {
            since: now,
            before: list.last,
            after: NONE,
            waiting,
        };
        match self.links.get_mut(usize::from(list.last)) {
            Some(last) => last.after = key,
            None => list.first = key,
        }
        list.last = key;
        list.length += 1;
    }

    fn unlink(&mut self, key: u16) {
        let Some(link) = self.links.get(usize::from(key)).copied() else {
            return;
        };
        let list = &mut self.lists[link.waiting as usize];
        match self.links.get_mut(usize::from(link.before)) {
            Some(before) => before.after = link.after,
            None => list.first = link.after,
        }
        match self.links.get_mut(usize::from(link.after)) {
            Some(after) => after.before = link.before,
            None => list.last = link.before,
        }
        list.length = list.length.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn order(queues: &Queues, waiting: Waiting) -> Vec<u16> {
        let mut order = vec![];
        let mut key = queues.list(waiting).first;
        while let Some(link) = queues.links.get(usize::from(key)) {
            assert_eq!(link.waiting, waiting);
            order.push(key);
            key = link.after;
        }
        assert_eq!(order.len(), usize::from(queues.count(waiting)));
        order
    }

    #[test]
    fn lists_are_in_the_order_of_time() {
        let mut queues = Queues::new(4);
        assert_eq!(order(&queues, Waiting::Free), [0, 1, 2, 3]);
        for key in [2, 0, 1] {
            queues.wait(key, Waiting::Idle, 10 + u64::from(key));
        }
        queues.wait(0, Waiting::Send, 20);
        assert_eq!(order(&queues, Waiting::Idle), [2, 1]);
        queues.wait(2, Waiting::Idle, 30);
        assert_eq!(order(&queues, Waiting::Idle), [1, 2]);
        assert_eq!(queues.oldest(Waiting::Idle), Some((1, 11)));
        assert_eq!(queues.oldest(Waiting::Send), Some((0, 20)));
        assert_eq!(queues.oldest(Waiting::Linger), None);
        queues.wait(0, Waiting::Free, 40);
        assert_eq!(order(&queues, Waiting::Free), [0, 3]);
        assert_eq!(order(&queues, Waiting::Send), []);
    }

    #[test]
    fn a_key_that_is_nobodys_changes_nothing() {
        let mut queues = Queues::new(2);
        queues.wait(2, Waiting::Idle, 1);
        queues.wait(NONE, Waiting::Idle, 1);
        assert_eq!(order(&queues, Waiting::Idle), []);
        assert_eq!(order(&queues, Waiting::Free), [0, 1]);
    }
}

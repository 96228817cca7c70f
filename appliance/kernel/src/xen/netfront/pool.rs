//! Which of up to 255 buffers are free.

/// Buffer numbers below a limit, each free or taken.
#[derive(Debug)]
pub(super) struct Pool {
    free: [u8; 255],
    count: u8,
    /// A bit for each number that is taken.
    taken: [u64; 4],
}

impl Pool {
    /// All numbers below `size` free; at most 255 of them.
    pub fn new(size: usize) -> Self {
        let size = u8::try_from(size).unwrap_or(u8::MAX);
        let mut free = [0; 255];
        for (place, number) in free.iter_mut().zip((0..size).rev()) {
            *place = number;
        }
        Self {
            free,
            count: size,
            taken: [0; 4],
        }
    }

    /// How many are free.
    pub fn free(&self) -> u8 {
        self.count
    }

    /// Takes a free one: the one that was given back last, which the cache
    /// knows best.
    pub fn take(&mut self) -> Option<u8> {
        let count = self.count.checked_sub(1)?;
        let number = *self.free.get(usize::from(count))?;
        self.count = count;
        *self.word(number) |= 1 << (number % 64);
        Some(number)
    }

    /// Gives one back; whether it was taken. One that was not changes nothing.
    pub fn give(&mut self, number: u8) -> bool {
        let bit = 1 << (number % 64);
        let word = self.word(number);
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        if let Some(place) = self.free.get_mut(usize::from(self.count)) {
            *place = number;
            self.count += 1;
        }
        true
    }

    fn word(&mut self, number: u8) -> &mut u64 {
        let [a, b, c, d] = &mut self.taken;
        match number / 64 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn each_is_taken_once_and_given_back_once() {
        for size in [0, 1, 64, 255, 1000] {
            let mut pool = Pool::new(size);
            let mut all: Vec<u8> = std::iter::from_fn(|| pool.take()).collect();
            assert_eq!(all.len(), size.min(255));
            assert!(all.iter().all(|number| pool.give(*number)));
            assert!(all.iter().all(|number| !pool.give(*number)));
            all.sort();
            all.dedup();
            assert_eq!(all.len(), size.min(255));
            assert_eq!(usize::from(pool.free()), size.min(255));
        }
    }
}

//! Which lines a step lights up: `1-2|3,5`.

/// The steps of a code block, of which there is always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Steps(Vec<String>);

impl Steps {
    /// Takes a `data-line-numbers` apart; spaces mean nothing.
    pub fn parse(spec: &str) -> Self {
        let spec: String = spec.chars().filter(|c| !c.is_whitespace()).collect();
        Self(spec.split('|').map(str::to_owned).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Those after the first.
    pub fn later(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).map(String::as_str)
    }

    /// For each of so many lines, whether the first step lights it up.
    pub fn first(&self, lines: usize) -> Vec<bool> {
        let mut on = vec![false; lines];
        let ranges = self.0.first().into_iter().flat_map(|step| step.split(','));
        for range in ranges {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) else {
                continue;
            };
            let lit = on.iter_mut().take(to).skip(from.saturating_sub(1));
            lit.for_each(|line| *line = true);
        }
        on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_ranges() {
        let steps = Steps::parse("1, 3-4 | 5 |");
        assert_eq!(steps.len(), 3);
        assert_eq!(steps.later().collect::<Vec<_>>(), ["5", ""]);
        assert_eq!(steps.first(5), [true, false, true, true, false]);
        assert_eq!(Steps::parse("").first(2), [false, false]);
        assert_eq!(Steps::parse("2-99999999999").first(3), [false, true, true]);
        assert_eq!(
            Steps::parse("3-1,x,-,99999999999999999999").first(1),
            [false]
        );
    }
}

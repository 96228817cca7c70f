//! `$GENERATE`: one record for each number of a range (BIND 9 ARM, "Zone File").
//!
//! `$` in owner and data is the number; `${OFFSET,WIDTH,BASE}` the number plus
//! an offset, padded, in the base `d`, `o`, `x`, `X`, or in nibbles `n`, `N` as
//! reverse zones of IPv6 have them. `\$` is a dollar sign.

use super::lexer::{Mistake, Token};

/// The most records that one range makes.
const MAX_NUMBERS: u32 = 1 << 20;

/// A range, and what is made of each of its numbers.
#[derive(Debug)]
pub struct Generate {
    start: u32,
    stop: u32,
    step: u32,
    owner: Vec<u8>,
    /// TTL, class and type.
    middle: Vec<u8>,
    data: Vec<u8>,
}

impl Generate {
    /// Reads `RANGE OWNER [TTL] [CLASS] TYPE DATA`.
    pub fn parse(text: &[u8], first: &Token, rest: &[Token]) -> Result<Self, Mistake> {
        let word = |token: &Token| text.get(token.span.clone()).unwrap_or_default();
        let missing = || {
            Mistake::new(
                first.span.clone(),
                "`$GENERATE` wants a range, an owner, a type and data",
                "write it like `$GENERATE 1-9 host-$ A 192.0.2.$`",
            )
        };
        let [range, owner, more @ ..] = rest else {
            return Err(missing());
        };
        let (start, stop, step) = Self::range(word(range)).ok_or_else(|| {
            Mistake::new(
                range.span.clone(),
                "this is no range",
                "write `START-STOP` or `START-STOP/STEP`, START not above STOP",
            )
        })?;
        if (stop - start) / step >= MAX_NUMBERS {
            return Err(Mistake::new(
                range.span.clone(),
                format!("this range makes more than {MAX_NUMBERS} records"),
                "make it shorter, or its step longer",
            ));
        }
        // TTL and class come before the type, and neither begins as a type does.
        let is_before = |token: &&Token| {
            let word = word(token);
            word.first().is_some_and(u8::is_ascii_digit) || word.eq_ignore_ascii_case(b"IN")
        };
        let middle = more.iter().take_while(is_before).count() + 1;
        if more.len() <= middle {
            return Err(missing());
        }
        let (middle, data) = more.split_at(middle);
        let join = |tokens: &[Token]| {
            let words: Vec<Vec<u8>> = tokens
                .iter()
                .map(|token| match token.quoted && tokens.len() > 1 {
                    true => [b"\"", word(token), b"\""].concat(),
                    // One string in quotes is all of the data.
                    false => word(token).to_vec(),
                })
                .collect();
            words.join(&b' ')
        };
        Ok(Self {
            start,
            stop,
            step,
            owner: word(owner).to_vec(),
            middle: join(middle),
            data: join(data),
        })
    }

    fn range(word: &[u8]) -> Option<(u32, u32, u32)> {
        let word = std::str::from_utf8(word).ok()?;
        let (range, step) = match word.split_once('/') {
            Some((range, step)) => (range, step.parse().ok()?),
            None => (word, 1),
        };
        let (start, stop) = range.split_once('-')?;
        let (start, stop) = (start.parse().ok()?, stop.parse().ok()?);
        let most = i32::MAX as u32;
        (start <= stop && stop <= most && step > 0).then_some((start, stop, step))
    }

    /// The numbers of the range.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        (self.start..=self.stop).step_by(self.step as usize)
    }

    /// The record for a number, as a line.
    pub fn line(&self, number: u32) -> Result<Vec<u8>, String> {
        let mut line = substitute(&self.owner, number)?;
        for part in [&self.middle[..], &substitute(&self.data, number)?] {
            line.push(b' ');
            line.extend(part);
        }
        Ok(line)
    }
}

fn substitute(text: &[u8], number: u32) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len() + 8);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let rest = &text[at..];
        at += match byte {
            b'\\' if rest.get(1) == Some(&b'$') => {
                out.extend(b"\\$");
                2
            }
            b'\\' if rest.len() > 1 => {
                out.extend(&rest[..2]);
                2
            }
            b'$' if rest.get(1) == Some(&b'$') => {
                out.extend(b"\\$");
                2
            }
            b'$' if rest.get(1) == Some(&b'{') => {
                let end = rest.iter().position(|&byte| byte == b'}');
                let end = end.ok_or("`${` is not closed")?;
                let inner = String::from_utf8_lossy(&rest[2..end]).into_owned();
                let made =
                    format(&inner, number).ok_or_else(|| format!("`${{{inner}}}` is no format"))?;
                out.extend(made.bytes());
                end + 1
            }
            b'$' => {
                out.extend(number.to_string().bytes());
                1
            }
            _ => {
                out.push(byte);
                1
            }
        };
    }
    Ok(out)
}

fn format(inner: &str, number: u32) -> Option<String> {
    let mut parts = inner.split(',');
    let offset: i64 = parts.next()?.parse().ok()?;
    let width: usize = parts.next().map_or(Some(0), |width| width.parse().ok())?;
    let base = parts.next().unwrap_or("d");
    let value = i64::from(number) + offset;
    if parts.next().is_some() || width > 255 {
        return None;
    }
    // Below zero in the bases of digits: the two's complement, as BIND prints it.
    let whole = u32::try_from(value).ok();
    let whole = whole.or_else(|| i32::try_from(value).ok().map(|value| value as u32));
    Some(match base {
        "d" => match value < 0 {
            true => format!("{value:0width$}"),
            false => format!("{value:0>width$}"),
        },
        "o" => format!("{:0>width$o}", whole?),
        "x" => format!("{:0>width$x}", whole?),
        "X" => format!("{:0>width$X}", whole?),
        "n" => nibbles(whole?, width),
        "N" => nibbles(whole?, width).to_ascii_uppercase(),
        _ => return None,
    })
}

/// Hexadecimal digits from the last to the first, with dots between them; the
/// width counts both.
fn nibbles(mut value: u32, mut width: usize) -> String {
    let mut out = String::new();
    loop {
        out.extend(char::from_digit(value & 15, 16));
        value >>= 4;
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return out;
        }
        out.push('.');
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (text, number, made) in [
            ("a$", 7, "a7"),
            ("a${10}", 7, "a17"),
            ("${-1,3}", 7, "006"),
            ("${0,2,x}", 10, "0a"),
            ("${0,0,X}", 10, "A"),
            ("${0,3,o}", 8, "010"),
            ("${0,3,n}", 0x12, "2.1"),
            ("${0,7,N}", 0xab, "B.A.0.0"),
            ("\\$${0}", 1, "\\$1"),
            ("$$", 1, "\\$"),
            ("$-\\065", 1, "1-\\065"),
            ("${-9,2,x}", 1, "fffffff8"),
            ("${-9,2,o}", 1, "37777777770"),
            ("${-9,2,n}", 1, "8.f.f.f.f.f.f.f"),
            ("${-9,9}", 1, "-00000008"),
        ] {
            let out = substitute(text.as_bytes(), number).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), made, "{text}");
        }
        for text in ["${", "${x}", "${1,2,q}", "${1,2,d,3}"] {
            assert!(substitute(text.as_bytes(), 1).is_err(), "{text}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(Generate::range(b"1-9/2"), Some((1, 9, 2)));
        for text in ["9-1", "1-2/0", "1", "-1-2", "a-b", "1-4294967295"] {
            assert_eq!(Generate::range(text.as_bytes()), None, "{text}");
        }
    }
}

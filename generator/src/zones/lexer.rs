//! Master-file syntax (RFC 1035 §5.1): entries of tokens, with their places.
//!
//! Our own, and not hickory-proto's, because that reader has no `$GENERATE` and
//! no `TYPEn \# …`, refuses DNAME, DS, LOC, APL, URI and others, opens the files
//! that `$INCLUDE` names wherever they are, and says of a mistake neither line
//! nor column. NLnet Labs' `domain` lacks the same types and `$GENERATE`. Both
//! are decoders first; what is written here is only the text side.

use std::ops::Range;

/// A word, or a string in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Where it is in the text, without its quotes.
    pub span: Range<usize>,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// A line, or several within parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it begins with white space: the owner is the one before.
    pub indented: bool,
    /// Its tokens; at least one.
    pub tokens: Vec<Token>,
}

/// What is wrong with the text at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub span: Range<usize>,
    /// What: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Mistake {
    /// A mistake.
    pub fn new(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Cuts a text into entries.
#[derive(Debug)]
pub struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Lexer<'t> {
    /// At the beginning of a text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next entry that has a token; `None` at the end. After a mistake it
    /// goes on with the next line.
    pub fn next_entry(&mut self) -> Option<Result<Entry, Mistake>> {
        loop {
            if self.at >= self.text.len() {
                return None;
            }
            match self.entry() {
                Ok(entry) if entry.tokens.is_empty() => {}
                Ok(entry) => return Some(Ok(entry)),
                Err(mistake) => {
                    self.skip_line();
                    return Some(Err(mistake));
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_line(&mut self) {
        while let Some(byte) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                break;
            }
        }
    }

    fn entry(&mut self) -> Result<Entry, Mistake> {
        let indented = matches!(self.peek(), Some(b' ' | b'\t'));
        let mut tokens = Vec::new();
        // Where the parenthesis is that is open.
        let mut open: Option<usize> = None;
        loop {
            let start = self.at;
            match self.peek() {
                None => match open {
                    Some(at) => {
                        return Err(Mistake::new(
                            at..at + 1,
                            "this parenthesis is not closed before the end of the file",
                            "add `)` at the end of the record",
                        ));
                    }
                    None => break,
                },
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\n') => {
                    self.at += 1;
                    if open.is_none() {
                        break;
                    }
                }
                Some(b';') => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                Some(b'(') if open.is_some() => {
                    return Err(Mistake::new(
                        start..start + 1,
                        "a parenthesis within parentheses",
                        "one pair is enough for any number of lines",
                    ));
                }
                Some(b'(') => {
                    open = Some(start);
                    self.at += 1;
                }
                Some(b')') if open.is_none() => {
                    return Err(Mistake::new(
                        start..start + 1,
                        "this parenthesis was never opened",
                        "remove it, or write `(` before what belongs to the record",
                    ));
                }
                Some(b')') => {
                    open = None;
                    self.at += 1;
                }
                Some(b'"') => tokens.push(self.quoted()?),
                Some(_) => tokens.push(self.word()?),
            }
        }
        Ok(Entry { indented, tokens })
    }

    fn quoted(&mut self) -> Result<Token, Mistake> {
        let quote = self.at;
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                None => {
                    self.at = quote;
                    return Err(Mistake::new(
                        quote..quote + 1,
                        "this quotation mark is not closed",
                        "add `\"` at the end of the string; one inside is written `\\\"`",
                    ));
                }
                Some(_) => self.at += 1,
            }
        }
        let span = start..self.at;
        self.at += 1;
        Ok(Token { span, quoted: true })
    }

    fn word(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' if matches!(self.text.get(self.at + 1), None | Some(b'\n')) => {
                    return Err(Mistake::new(
                        self.at..self.at + 1,
                        "nothing follows this backslash on the line",
                        "write `\\\\` for a backslash, `\\DDD` for the byte of that number",
                    ));
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        Ok(Token {
            span: start..self.at,
            quoted: false,
        })
    }
}

/// The bytes that text with escapes stands for: `\DDD` is a byte, `\X` is X.
/// Says where an escape is wrong.
pub fn unescape(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' {
            let (escaped, length) = escape(&text[at..]).ok_or(at)?;
            bytes.push(escaped);
            at += length;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    Ok(bytes)
}

/// The byte that an escape at the start of `text` stands for, and its length.
pub fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let &first = text.get(1)?;
    if !first.is_ascii_digit() {
        return Some((first, 2));
    }
    let digits = text.get(1..4)?;
    let mut number = 0_u32;
    for &digit in digits {
        number = number * 10 + char::from(digit).to_digit(10)?;
    }
    Some((u8::try_from(number).ok()?, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<Result<Vec<String>, String>> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut list = Vec::new();
        while let Some(entry) = lexer.next_entry() {
            list.push(match entry {
                Ok(entry) => {
                    let words = entry.tokens.iter().map(|token| {
                        let word = &text[token.span.clone()];
                        if token.quoted {
                            format!("\"{word}\"")
                        } else {
                            word.to_owned()
                        }
                    });
                    let indent = entry.indented.then(|| ">".to_owned());
                    Ok(indent.into_iter().chain(words).collect())
                }
                Err(mistake) => Err(mistake.message),
            });
        }
        list
    }

    #[test]
    fn entries_are_lines_or_parentheses() {
        let text = "a IN A 1 ; c\r\n\n ( b\n ;x\n c ) \"d ; \\\" (\" e\n;\n\\( \\;x";
        assert_eq!(
            entries(text),
            [
                Ok(vec!["a".to_owned(), "IN".into(), "A".into(), "1".into()]),
                Ok(vec![
                    ">".into(),
                    "b".into(),
                    "c".into(),
                    "\"d ; \\\" (\"".into(),
                    "e".into()
                ]),
                Ok(vec!["\\(".into(), "\\;x".into()]),
            ]
        );
    }

    #[test]
    fn mistakes_end_with_their_line() {
        let list = entries("a )\nb ( (\nc \\\nd \"x\n");
        assert_eq!(list.len(), 4);
        assert!(list.iter().all(Result::is_err), "{list:?}");
        assert!(entries("a ( b\nc").pop().unwrap().is_err());
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(b"a\\.b\\065\\\\"), Ok(b"a.bA\\".to_vec()));
        assert_eq!(unescape(b"ab\\256"), Err(2));
        assert_eq!(unescape(b"\\1"), Err(0));
    }
}

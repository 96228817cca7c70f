//! From master files to records: owners, TTLs, classes, and the directives
//! `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE`.
//!
//! The mistakes of a zone are told together, not the first alone.

use super::{
    generate::Generate,
    lexer::{Entry, Lexer, Mistake, Token},
    name, rdata,
    source::{Sources, Where},
    types,
};
use crate::report::{Diagnostic, Diagnostics};
use std::path::{Path, PathBuf};

/// Files within files.
const MAX_DEPTH: usize = 16;

/// Files of one zone, each counted as often as it is included.
const MAX_FILES: usize = 4096;

/// Mistakes of one zone that are told.
const MAX_MISTAKES: usize = 100;

/// Records of one site's zone; what is beyond is a mistake in `$GENERATE`.
const MAX_RECORDS: usize = 8_000_000;

/// What records have that say no TTL where no `$TTL` does, in seconds: as NSD
/// and Knot have it.
pub const DEFAULT_TTL: u32 = 3600;

/// The largest TTL (RFC 2181 §8).
const MAX_TTL: u32 = 0x7fff_ffff;

/// A record, and where it is written.
#[derive(Debug, Clone)]
pub struct Located {
    /// Its owner in wire form.
    pub owner: Vec<u8>,
    /// Its type.
    pub kind: u16,
    /// Its TTL in seconds.
    pub ttl: u32,
    /// Its data in wire form.
    pub data: Vec<u8>,
    /// Where it is written.
    pub place: Where,
}

/// Reads a zone from its file and what that includes.
#[derive(Debug)]
pub struct Reader<'a> {
    /// Nothing outside of this directory is read.
    root: &'a Path,
    /// The texts that were read.
    pub sources: Sources,
    /// The records so far.
    pub records: Vec<Located>,
    diagnostics: &'a mut Diagnostics,
    /// `$TTL`
    default_ttl: Option<u32>,
    told_default: bool,
    /// Whether anything stops the build.
    pub failed: bool,
    mistakes: usize,
}

/// What changes from line to line, and is restored after an included file.
#[derive(Debug, Clone)]
struct Context {
    origin: Vec<u8>,
    owner: Option<Vec<u8>>,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader that opens files below `root`, which is canonical.
    pub fn new(root: &'a Path, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            root,
            sources: Sources::default(),
            records: Vec::new(),
            diagnostics,
            default_ttl: None,
            told_default: false,
            failed: false,
            mistakes: 0,
        }
    }

    /// Reads a zone's file.
    pub fn read(&mut self, path: &Path, shown: &str, bytes: Vec<u8>, origin: &[u8]) {
        let source = self.sources.add(path, shown, bytes);
        let context = Context {
            origin: origin.to_vec(),
            owner: None,
            depth: 0,
        };
        self.file(source, context);
    }

    fn file(&mut self, source: usize, mut context: Context) {
        let bytes = self.sources.bytes(source);
        if bytes.starts_with(b"\xef\xbb\xbf") {
            let text = "the file begins with a byte order mark, which name servers take for a name";
            let hint = "save it as UTF-8 without one";
            self.tell(source, Mistake::new(0..3, text, hint));
            return;
        }
        let mut lexer = Lexer::new(&bytes);
        while let Some(entry) = lexer.next_entry() {
            let result = entry.and_then(|entry| self.entry(source, &bytes, &entry, &mut context));
            if let Err(mistake) = result {
                self.tell(source, mistake);
            }
            if self.mistakes >= MAX_MISTAKES {
                // A file of another kind has nothing but mistakes.
                if self.mistakes == MAX_MISTAKES {
                    self.mistakes += 1;
                    let text = format!("{MAX_MISTAKES} mistakes: the rest is not read");
                    let place = self.sources.place(&Where::of(source, 0..0));
                    let hint = "is this a zone file?";
                    self.diagnostics
                        .push(Diagnostic::error(text).at(place).hint(hint));
                }
                return;
            }
            if self.records.len() > MAX_RECORDS {
                let place = Where::of(source, 0..0);
                let text = format!("the zone has more than {MAX_RECORDS} records");
                self.diagnostics
                    .push(Diagnostic::error(text).at(self.sources.place(&place)));
                self.failed = true;
                return;
            }
        }
    }

    fn tell(&mut self, source: usize, mistake: Mistake) {
        self.failed = true;
        self.mistakes += 1;
        let place = self.sources.place(&Where::of(source, mistake.span));
        let diagnostic = Diagnostic::error(mistake.message).at(place);
        self.diagnostics.push(diagnostic.hint(mistake.hint));
    }

    fn entry(
        &mut self,
        source: usize,
        text: &[u8],
        entry: &Entry,
        context: &mut Context,
    ) -> Result<(), Mistake> {
        let Some((first, rest)) = entry.tokens.split_first() else {
            return Ok(());
        };
        let word = text.get(first.span.clone()).unwrap_or_default();
        if !first.quoted && !entry.indented && word.starts_with(b"$") {
            return self.directive(source, text, first, rest, context);
        }
        let tokens = if entry.indented {
            &entry.tokens
        } else {
            context.owner = Some(self.name(text, first, &context.origin)?);
            rest
        };
        let Some(owner) = context.owner.clone() else {
            return Err(Mistake::new(
                first.span.clone(),
                "this record has no owner: there is none before it to take over",
                "begin the line with a name, or with `@` for the origin",
            ));
        };
        let place = Where::of(source, first.span.start..entry_end(entry));
        self.record(text, first, tokens, owner, &context.origin, place)
    }

    fn name(&self, text: &[u8], token: &Token, origin: &[u8]) -> Result<Vec<u8>, Mistake> {
        let word = text.get(token.span.clone()).unwrap_or_default();
        name::parse(word, origin).map_err(|error| {
            let shown = String::from_utf8_lossy(word).into_owned();
            Mistake::new(
                token.span.clone(),
                format!("`{shown}` is no name: {}", error.message()),
                "labels are parted by dots; a dot within one is written `\\.`",
            )
        })
    }

    /// `[TTL] [CLASS] TYPE DATA`, the first two in either order.
    fn record(
        &mut self,
        text: &[u8],
        first: &Token,
        tokens: &[Token],
        owner: Vec<u8>,
        origin: &[u8],
        place: Where,
    ) -> Result<(), Mistake> {
        let word = |token: &Token| text.get(token.span.clone()).unwrap_or_default();
        let mut ttl = None;
        let mut class = false;
        let mut rest = tokens;
        let token = loop {
            let Some((token, behind)) = rest.split_first() else {
                return Err(Mistake::new(
                    first.span.clone(),
                    "this line has no type of record",
                    "a record is written `NAME TTL IN TYPE DATA`",
                ));
            };
            rest = behind;
            let word = word(token);
            if token.quoted {
                return Err(self.no_type(text, token));
            }
            if ttl.is_none() && word.first().is_some_and(u8::is_ascii_digit) {
                ttl = Some(self.ttl(text, token)?);
            } else if !class && is_class(word) {
                if !is_internet(word) {
                    return Err(Mistake::new(
                        token.span.clone(),
                        "records of this class cannot be served",
                        "the class is `IN`, and may be left out",
                    ));
                }
                class = true;
            } else {
                break token;
            }
        };
        let kind = types::parse(word(token)).ok_or_else(|| self.no_type(text, token))?;
        // NSD, Knot and BIND load the others when they are written `TYPEn`.
        let numbered = matches!(kind, 249..=255)
            && word(token)
                .get(..4)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"TYPE"));
        if types::is_meta(kind) && !numbered {
            return Err(Mistake::new(
                token.span.clone(),
                format!("{} is no type that a zone can hold", types::show(kind)),
                "remove the record",
            ));
        }
        let data = rdata::parse(kind, text, rest, token.span.clone(), origin)?;
        let ttl = ttl.or(self.default_ttl).unwrap_or_else(|| {
            self.no_ttl(&place);
            DEFAULT_TTL
        });
        self.records.push(Located {
            owner,
            kind,
            ttl,
            data,
            place,
        });
        Ok(())
    }

    fn no_type(&self, text: &[u8], token: &Token) -> Mistake {
        let word = text.get(token.span.clone()).unwrap_or_default();
        let shown = String::from_utf8_lossy(word).into_owned();
        let names = types::KINDS.iter().map(|kind| kind.name);
        let close = crate::report::did_you_mean(&shown.to_ascii_uppercase(), names);
        Mistake::new(
            token.span.clone(),
            format!("`{shown}` is no type of record"),
            match close {
                Some(close) => format!("did you mean `{close}`?"),
                None => "a type without a name is written `TYPEn`".to_owned(),
            },
        )
    }

    fn no_ttl(&mut self, place: &Where) {
        if !self.told_default {
            self.told_default = true;
            let text = format!("no TTL is said, here or before: {DEFAULT_TTL} seconds are taken");
            self.diagnostics.push(
                Diagnostic::warning(text)
                    .at(self.sources.place(place))
                    .hint("begin the file with `$TTL 3600`, or what you want"),
            );
        }
    }

    fn ttl(&mut self, text: &[u8], token: &Token) -> Result<u32, Mistake> {
        let word = text.get(token.span.clone()).unwrap_or_default();
        rdata::period(word)
            .filter(|&ttl| ttl <= MAX_TTL)
            .ok_or_else(|| {
                let shown = String::from_utf8_lossy(word).into_owned();
                Mistake::new(
                    token.span.clone(),
                    format!("`{shown}` is no TTL"),
                    "write seconds, at most 2147483647, or a time like `1h30m`",
                )
            })
    }

    fn directive(
        &mut self,
        source: usize,
        text: &[u8],
        first: &Token,
        rest: &[Token],
        context: &mut Context,
    ) -> Result<(), Mistake> {
        let word = text.get(first.span.clone()).unwrap_or_default();
        let name = word.to_ascii_uppercase();
        let most = match name.as_slice() {
            b"$ORIGIN" | b"$TTL" => 1,
            b"$INCLUDE" => 2,
            _ => usize::MAX,
        };
        let missing = |what: &str| {
            Mistake::new(
                first.span.clone(),
                format!("{what} is missing"),
                format!("write it behind `{}`", String::from_utf8_lossy(&name)),
            )
        };
        if let Some(more) = rest.get(most) {
            return Err(Mistake::new(
                more.span.clone(),
                "the directive ends before this",
                "remove it",
            ));
        }
        match name.as_slice() {
            b"$ORIGIN" => {
                let token = rest.first().ok_or_else(|| missing("a name"))?;
                let shown = text.get(token.span.clone()).unwrap_or_default();
                context.origin = self.name(text, token, &context.origin)?;
                if !shown.ends_with(b".") && shown != b"@" {
                    let place = self.sources.place(&Where::of(source, token.span.clone()));
                    let whole = name::show(&context.origin);
                    let message =
                        format!("the new origin is `{whole}`, relative to the one before");
                    self.diagnostics.push(
                        Diagnostic::warning(message)
                            .at(place)
                            .hint("write it with a dot at its end: NSD and Knot take no other"),
                    );
                }
            }
            b"$TTL" => {
                let token = rest.first().ok_or_else(|| missing("a TTL"))?;
                self.default_ttl = Some(self.ttl(text, token)?);
            }
            b"$INCLUDE" => {
                let token = rest.first().ok_or_else(|| missing("a file"))?;
                let mut inner = context.clone();
                inner.depth += 1;
                if let Some(origin) = rest.get(1) {
                    inner.origin = self.name(text, origin, &context.origin)?;
                }
                let included = self.include(source, text, token, inner.depth)?;
                self.file(included, inner);
            }
            b"$GENERATE" => self.generate(source, text, first, rest, context)?,
            _ => {
                let shown = String::from_utf8_lossy(word).into_owned();
                return Err(Mistake::new(
                    first.span.clone(),
                    format!("there is no directive `{shown}`"),
                    "there are `$ORIGIN`, `$TTL`, `$INCLUDE` and `$GENERATE`; a name that begins with `$` is written `\\$`",
                ));
            }
        }
        Ok(())
    }

    /// Opens an included file: its name is relative to the file that it stands
    /// in, or else to the site.
    fn include(
        &mut self,
        source: usize,
        text: &[u8],
        token: &Token,
        depth: usize,
    ) -> Result<usize, Mistake> {
        let word = text.get(token.span.clone()).unwrap_or_default();
        let shown = String::from_utf8_lossy(word).into_owned();
        let refuse = |why: &str, hint: &str| {
            Mistake::new(
                token.span.clone(),
                format!("`{shown}` cannot be included: {why}"),
                hint,
            )
        };
        if depth > MAX_DEPTH {
            return Err(refuse(
                "files include files too deep",
                "does a file include itself?",
            ));
        }
        if self.sources.count() >= MAX_FILES {
            return Err(refuse(
                "the zone includes too many files",
                "do files include each other in a circle?",
            ));
        }
        let beside = self.sources.path(source).parent().map(Path::to_path_buf);
        let candidates = [beside.unwrap_or_default(), self.root.to_path_buf()];
        let path: Option<PathBuf> = candidates
            .iter()
            .map(|directory| directory.join(&shown))
            .find_map(|path| std::fs::canonicalize(path).ok());
        let Some(path) = path else {
            return Err(refuse(
                "there is no such file",
                "name it relative to this file, or to the site directory",
            ));
        };
        if !path.starts_with(self.root) {
            return Err(refuse(
                "it lies outside of the site directory",
                "copy it into the site",
            ));
        }
        if !path.is_file() {
            return Err(refuse("it is no regular file", "name a file"));
        }
        let bytes = std::fs::read(&path)
            .map_err(|error| refuse(&error.to_string(), "check its permissions"))?;
        let shown = self.sources.beside(source, &path, self.root);
        Ok(self.sources.add(&path, &shown, bytes))
    }

    fn generate(
        &mut self,
        source: usize,
        text: &[u8],
        first: &Token,
        rest: &[Token],
        context: &mut Context,
    ) -> Result<(), Mistake> {
        let generate = Generate::parse(text, first, rest)?;
        let last = rest.last().unwrap_or(first);
        let whole = first.span.start..last.span.end;
        for number in generate.numbers() {
            let line = generate.line(number).map_err(|message| {
                Mistake::new(
                    whole.clone(),
                    message,
                    "within `${…}` are an offset, a width and a base: `${0,3,d}`",
                )
            })?;
            let Some(entry) = Lexer::new(&line).next_entry() else {
                continue;
            };
            let made = entry.and_then(|entry| {
                let Some((owner, tokens)) = entry.tokens.split_first() else {
                    return Ok(());
                };
                let name = self.name(&line, owner, &context.origin)?;
                let place = Where::of(source, whole.clone());
                self.record(&line, owner, tokens, name, &context.origin, place)
            });
            // The place is in the generated line, which is nowhere.
            made.map_err(|mistake| {
                let line = String::from_utf8_lossy(&line).into_owned();
                Mistake::new(
                    whole.clone(),
                    format!("for {number}: `{line}`: {}", mistake.message),
                    mistake.hint,
                )
            })?;
            if self.records.len() > MAX_RECORDS {
                break;
            }
        }
        Ok(())
    }
}

fn entry_end(entry: &Entry) -> usize {
    entry.tokens.last().map_or(0, |token| token.span.end)
}

fn is_internet(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"IN") || word.eq_ignore_ascii_case(b"CLASS1")
}

fn is_class(word: &[u8]) -> bool {
    let numbered = word
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"CLASS"))
        && word.len() > 5
        && word.iter().skip(5).all(u8::is_ascii_digit);
    let named: [&[u8]; 4] = [b"IN", b"CH", b"HS", b"CS"];
    numbered || named.iter().any(|name| word.eq_ignore_ascii_case(name))
}

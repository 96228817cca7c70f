//! Choosing a representation by `Accept-Encoding` (RFC 9110 §12.5.3).
//!
//! Each encoding that the bundle has gets the weight that the client gives it:
//! by name (`x-gzip` is `gzip`), else by `*`. The greatest weight wins; equal
//! weights go to `br` before `gzip` before identity. Identity that is not
//! named comes after everything that is, but is there: without an
//! `Accept-Encoding`, or when nothing else is acceptable, even if the client
//! refuses it too. A 406 would help nobody (§12.5.3 allows this).
//!
//! Every answer that could have been another says `Vary: Accept-Encoding`; the
//! bundle's header lines do so.

use crate::list::{elements, weight};
use crate::request::{Field, Request};
use applgen_bundle::http::{Encoding, Entry, Representation};

/// What a client thinks of each encoding, in thousandths.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Weights {
    identity: Option<u16>,
    gzip: Option<u16>,
    brotli: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    fn take(&mut self, value: &[u8]) {
        for element in elements(value) {
            let end = element.iter().position(|&byte| byte == b';');
            let (name, parameters) = element
                .split_at_checked(end.unwrap_or(element.len()))
                .unwrap_or_default();
            // What cannot be read was not said.
            let Some(weight) = weight(parameters) else {
                continue;
            };
            let name = name.trim_ascii();
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            let place = match name.len() {
                1 if is("*") => &mut self.any,
                2 if is("br") => &mut self.brotli,
                4 if is("gzip") => &mut self.gzip,
                6 if is("x-gzip") => &mut self.gzip,
                8 if is("identity") => &mut self.identity,
                _ => continue,
            };
            *place = Some(weight);
        }
    }

    /// Weight and, where that is equal, rank.
    fn of(&self, encoding: Encoding) -> (u16, Encoding) {
        let named = match encoding {
            Encoding::Identity => self.identity,
            Encoding::Gzip => self.gzip,
            Encoding::Brotli => self.brotli,
        };
        (named.or(self.any).unwrap_or(0), encoding)
    }
}

const BROWSERS: &[u8] = b"gzip, deflate, br, zstd";
const BROWSERS_WITHOUT_ZSTD: &[u8] = b"gzip, deflate, br";

/// The representation that the request gets.
pub fn choose<'b>(request: &Request<'_, '_>, entry: &Entry<'b>) -> Option<Representation<'b>> {
    if !entry.varies() || !request.has(Field::AcceptEncoding) {
        return entry.representation(Encoding::Identity);
    }
    let mut weights = Weights::default();
    for value in request.values(Field::AcceptEncoding) {
        // What browsers say takes a comparison to read.
        if cfg!(feature = "std") && [BROWSERS, BROWSERS_WITHOUT_ZSTD].contains(&value) {
            (weights.gzip, weights.brotli) = (Some(1000), Some(1000));
        } else {
            weights.take(value);
        }
    }
    entry
        .representations()
        .filter(|form| weights.of(form.encoding()).0 > 0)
        .max_by_key(|form| weights.of(form.encoding()))
        .or_else(|| entry.representation(Encoding::Identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(value: &str) -> Encoding {
        let mut weights = Weights::default();
        weights.take(value.as_bytes());
        Encoding::ALL
            .into_iter()
            .filter(|&encoding| weights.of(encoding).0 > 0)
            .max_by_key(|&encoding| weights.of(encoding))
            .unwrap_or(Encoding::Identity)
    }

    #[test]
    fn the_greatest_weight_wins() {
        use Encoding::{Brotli, Gzip, Identity};
        for (value, expected) in [
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip, deflate, br", Brotli),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("GZIP", Gzip),
            ("br;q=0.5, gzip", Gzip),
            ("br;q=0.5, gzip;q=0.5", Brotli),
            ("gzip;q=0, br;q=0", Identity),
            ("identity;q=0, gzip;q=0", Identity),
            ("gzip;q=0, *", Brotli),
            ("*", Brotli),
            ("*;q=0", Identity),
            ("gzip, *;q=0", Gzip),
            ("identity, gzip;q=0.5", Identity),
            ("identity;q=0.5, gzip;q=0.4", Identity),
            ("identity, gzip", Gzip),
            ("identity;q=0, *;q=0", Identity),
            ("", Identity),
            ("deflate", Identity),
            ("gzip;q=x", Identity),
            ("gzip;q=2, br;q=0.001", Brotli),
            ("brotli, bro", Identity),
        ] {
            assert_eq!(best(value), expected, "{value}");
        }
    }
}

//! Dates of pages: `2018-10-10`, or a date and a time as RFC 3339 writes them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};

/// A date as it was written, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Date {
    /// As written: what templates get.
    pub text: String,
    /// Seconds since 1970, for sorting; a date without a time is its midnight,
    /// a time without an offset is UTC.
    pub seconds: i64,
    /// Year, month and day, as written.
    pub ymd: (i32, u32, u32),
}

impl Date {
    /// Reads a date; `None` when there is no such day or time.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (seconds, day) = if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            (day.and_hms_opt(0, 0, 0)?.and_utc().timestamp(), day)
        } else if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            (time.timestamp(), time.date_naive())
        } else {
            let time = [
                "%Y-%m-%dT%H:%M:%S%.f",
                "%Y-%m-%d %H:%M:%S%.f",
                "%Y-%m-%d %H:%M",
            ]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| {
                // YAML's own form: `2015-01-02 03:04:05 +0100`.
                DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z")
                    .ok()
                    .map(|time| time.naive_utc())
            })?;
            (time.and_utc().timestamp(), time.date())
        };
        let year = day.year();
        (0..=9999).contains(&year).then(|| Self {
            text: as_rfc3339(text),
            seconds,
            ymd: (year, day.month(), day.day()),
        })
    }
}

/// With a `T` before the time and an offset as RFC 3339 writes it: the one form
/// of a time that the filter `date` reads.
fn as_rfc3339(text: &str) -> String {
    let Some((day, time)) = text.split_once(' ') else {
        return text.to_owned();
    };
    let (time, offset) = time.split_once(' ').unwrap_or((time, ""));
    let seconds = if time.matches(':').count() == 1 {
        ":00"
    } else {
        ""
    };
    let offset = match offset.len() {
        5 => format!("{}:{}", &offset[..3], &offset[3..]),
        _ => offset.to_owned(),
    };
    format!("{day}T{time}{seconds}{offset}")
}

/// The date that a file's name begins with, and the rest of the name.
/// `2018-10-10-hello`, `2018-10-10_hello`, `2018-10-10`, or with a time.
pub fn of_name(name: &str) -> Option<(Date, &str)> {
    let head = name.get(..10)?;
    let date = Date::parse(head)?;
    let mut rest = &name[10..];
    let mut date = date;
    if rest.starts_with('T') {
        // The longest time that reads as one.
        let end = (1..=rest.len())
            .rev()
            .filter(|end| rest.is_char_boundary(*end) && *end <= 32)
            .find(|end| DateTime::parse_from_rfc3339(&name[..10 + end]).is_ok());
        if let Some(end) = end {
            date = Date::parse(&name[..10 + end])?;
            rest = &rest[end..];
        }
    }
    let trimmed = rest.trim_start();
    match trimmed.strip_prefix(['-', '_']) {
        Some(slug) if !slug.trim().is_empty() => Some((date, slug.trim_start())),
        Some(_) => Some((date, name)),
        None if trimmed.is_empty() => Some((date, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_exist() {
        assert_eq!(Date::parse("2018-10-10").unwrap().ymd, (2018, 10, 10));
        let time = Date::parse("2002-10-02T15:00:00+02:00").unwrap();
        assert_eq!(time.seconds, 1_033_563_600);
        let text = |text| Date::parse(text).unwrap().text;
        assert_eq!(text("2024-01-15 16:40"), "2024-01-15T16:40:00");
        assert_eq!(
            text("2024-01-15 16:40:16 +0100"),
            "2024-01-15T16:40:16+01:00"
        );
        assert!(Date::parse("2024-02-30").is_none());
        assert!(Date::parse("yesterday").is_none());
        assert!(Date::parse("2024-01-01T25:00:00Z").is_none());
    }

    #[test]
    fn names_with_dates() {
        let slug = |name| of_name(name).map(|(date, rest)| (date.text, rest));
        assert_eq!(
            slug("2018-10-10-hello"),
            Some(("2018-10-10".into(), "hello"))
        );
        assert_eq!(
            slug("2018-10-10_hello"),
            Some(("2018-10-10".into(), "hello"))
        );
        assert_eq!(
            slug("2018-10-10"),
            Some(("2018-10-10".into(), "2018-10-10"))
        );
        assert_eq!(
            slug("2021-01-23 -hello new"),
            Some(("2021-01-23".into(), "hello new"))
        );
        assert_eq!(
            slug("2018-10-02T15:00:00Z-hello"),
            Some(("2018-10-02T15:00:00Z".into(), "hello"))
        );
        assert_eq!(
            slug("2018-10-10-"),
            Some(("2018-10-10".into(), "2018-10-10-"))
        );
        assert_eq!(slug("2018-13-10-hello"), None);
        assert_eq!(slug("hello-2018-10-10"), None);
    }
}

//! The filters that templates can use, beside those of Tera itself.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tera::{Error, Filter, Result, Tera, Value};

use super::Shared;
use crate::{
    pages::{
        markdown::{self, Surroundings},
        settings::Anchors,
    },
    report::Level,
};

/// Makes them known.
pub fn register(tera: &mut Tera, shared: &Arc<Shared>) {
    tera.register_filter("markdown", Markdown(Arc::clone(shared)));
    tera.register_filter(
        "num_format",
        Numbers(shared.settings.default_language.clone()),
    );
    tera.register_filter(
        "base64_encode",
        |value: &Value, _: &HashMap<String, Value>| {
            Ok(Value::String(
                STANDARD.encode(text("base64_encode", value)?),
            ))
        },
    );
    tera.register_filter(
        "base64_decode",
        |value: &Value, _: &HashMap<String, Value>| {
            let bytes = STANDARD
                .decode(text("base64_decode", value)?)
                .map_err(|error| Error::msg(format!("`base64_decode`: {error}")))?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| Error::msg("`base64_decode`: what was encoded is no UTF-8"))
        },
    );
    tera.register_filter("regex_replace", regex_replace);
}

fn text<'a>(filter: &str, value: &'a Value) -> Result<&'a str> {
    value
        .as_str()
        .ok_or_else(|| Error::msg(format!("`{filter}`: `{value}` is no text")))
}

struct Markdown(Arc<Shared>);

impl Filter for Markdown {
    fn filter(&self, value: &Value, arguments: &HashMap<String, Value>) -> Result<Value> {
        let text = match value {
            // An absent text is an empty one: many themes rely on it.
            Value::Null => "",
            value => text("markdown", value)?,
        };
        let inline = arguments
            .get("inline")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let shared = &self.0;
        let engine = shared
            .engine()
            .ok_or_else(|| Error::msg("`markdown`: the templates are not loaded yet"))?;
        let address = |path: &str| shared.address(path);
        let around = Surroundings {
            settings: &shared.settings,
            engine: &engine,
            lang: &shared.settings.default_language,
            permalink: None,
            anchors: Anchors::None,
            file: None,
            subject: None,
            address: &address,
        };
        let rendered = if inline {
            markdown::render_inline(text, &around)
        } else {
            markdown::render(text, &around)
        };
        for problem in rendered.problems {
            if problem.diagnostic.level == Level::Error {
                return Err(Error::msg(format!(
                    "`markdown`: {}",
                    problem.diagnostic.message
                )));
            }
            shared.tell(problem.diagnostic);
        }
        Ok(Value::String(rendered.html))
    }

    fn is_safe(&self) -> bool {
        true
    }
}

/// At most so many compiled expressions of one pattern; a pattern is compiled anew else.
fn regex_replace(value: &Value, arguments: &HashMap<String, Value>) -> Result<Value> {
    let value = text("regex_replace", value)?;
    let argument = |key: &str| {
        arguments
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| Error::msg(format!("`regex_replace`: `{key}` is missing, or no text")))
    };
    let pattern = regex::RegexBuilder::new(argument("pattern")?)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| Error::msg(format!("`regex_replace`: {error}")))?;
    Ok(Value::String(
        pattern.replace_all(value, argument("rep")?).into_owned(),
    ))
}

struct Numbers(String);

impl Filter for Numbers {
    fn filter(&self, value: &Value, arguments: &HashMap<String, Value>) -> Result<Value> {
        let locale = arguments
            .get("locale")
            .and_then(Value::as_str)
            .unwrap_or(&self.0);
        let number = match value {
            Value::Number(number) => number.to_string(),
            _ => return Err(Error::msg(format!("`num_format`: `{value}` is no number"))),
        };
        Ok(Value::String(num_format(&number, locale)))
    }
}

/// Digits in groups, as the language has them (CLDR: group and decimal signs).
fn num_format(number: &str, locale: &str) -> String {
    let (sign, digits) = number
        .strip_prefix('-')
        .map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = digits
        .split_once('.')
        .map_or((digits, None), |(w, f)| (w, Some(f)));
    let language = locale.split(['-', '_']).next().unwrap_or_default();
    let (group, point) = match (language, locale) {
        (_, "de-CH" | "it-CH" | "de-LI") => ("’", "."),
        (
            "de" | "es" | "it" | "nl" | "pt" | "id" | "tr" | "da" | "el" | "hr" | "sl" | "ro"
            | "vi" | "is" | "sr" | "bs" | "mk" | "ca" | "gl" | "eu",
            _,
        ) => (".", ","),
        ("fr", _) => ("\u{202f}", ","),
        (
            "ru" | "uk" | "cs" | "sk" | "pl" | "bg" | "fi" | "sv" | "nb" | "nn" | "no" | "hu"
            | "lt" | "lv" | "et" | "kk" | "be",
            _,
        ) => ("\u{a0}", ","),
        _ => (",", "."),
    };
    let indian = matches!(locale, "en-IN")
        || matches!(
            language,
            "hi" | "bn" | "ta" | "te" | "mr" | "gu" | "pa" | "kn" | "ml"
        );
    let mut grouped = String::new();
    let count = whole.len();
    for (n, digit) in whole.chars().enumerate() {
        let left = count - n;
        let cut = if indian {
            left == 3 || (left > 3 && left % 2 == 1)
        } else {
            left % 3 == 0
        };
        if n > 0 && cut {
            grouped.push_str(group);
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}{point}{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_groups() {
        assert_eq!(num_format("1000000", "en"), "1,000,000");
        assert_eq!(num_format("1000000", "en-IN"), "10,00,000");
        assert_eq!(num_format("-1234.5", "de"), "-1.234,5");
        assert_eq!(num_format("999", "fr"), "999");
    }
}

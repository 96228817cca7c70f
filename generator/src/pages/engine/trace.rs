//! What a rendering asks of the rest of the site: each call of a function and
//! each address, so that it is known when a result would come out the same.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    hash::{Hash, Hasher},
    sync::Arc,
};

use tera::Value;

/// A question: a function and its arguments.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The function.
    pub name: &'static str,
    /// The arguments as text, which is how questions are compared.
    text: Arc<str>,
    /// The arguments.
    pub arguments: Arc<HashMap<String, Value>>,
}

impl Asked {
    /// A call.
    pub fn new(name: &'static str, arguments: &HashMap<String, Value>) -> Self {
        let mut sorted: Vec<(&String, &Value)> = arguments.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        let text: String = sorted
            .iter()
            .map(|(key, value)| format!("{key}={value},"))
            .collect();
        Self {
            name,
            text: text.into(),
            arguments: Arc::new(arguments.clone()),
        }
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.text) == (other.name, &other.text)
    }
}

impl Eq for Asked {}

impl PartialOrd for Asked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Asked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.name, &self.text).cmp(&(other.name, &other.text))
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.name, &self.text).hash(state);
    }
}

thread_local! {
    static ASKED: RefCell<Option<BTreeSet<Asked>>> = const { RefCell::new(None) };
}

/// Runs `make`, and says what it asked. It has to stay on its thread.
pub fn record<T>(make: impl FnOnce() -> T) -> (T, BTreeSet<Asked>) {
    let outer = ASKED.replace(Some(BTreeSet::new()));
    let made = make();
    let asked = ASKED.replace(outer).unwrap_or_default();
    ASKED.with_borrow_mut(|outer| {
        if let Some(outer) = outer {
            outer.extend(asked.iter().cloned());
        }
    });
    (made, asked)
}

/// Notes a question, where somebody listens.
pub fn asks(name: &'static str, arguments: &HashMap<String, Value>) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(asked) = asked {
            asked.insert(Asked::new(name, arguments));
        }
    });
}

/// Notes the question for an address.
pub fn asks_address(path: &str) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(asked) = asked {
            let arguments = HashMap::from([("path".to_owned(), Value::from(path))]);
            asked.insert(Asked::new(ADDRESS, &arguments));
        }
    });
}

/// The name of the question for the address of a file of `content/`.
pub const ADDRESS: &str = "address";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_heard_by_everybody_around() {
        asks_address("nobody.md");
        let ((_, inner), outer) = record(|| {
            asks_address("a.md");
            record(|| {
                asks_address("b.md");
                asks_address("b.md");
            })
        });
        assert_eq!((inner.len(), outer.len()), (1, 2));
        assert!(record(|| ()).1.is_empty());
    }
}

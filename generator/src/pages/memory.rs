//! What builds of the same site share while it is written: texts, pages and
//! style sheets that would come out as they did.
//!
//! There is no graph of what depends on what, which templates would have to be
//! understood for. A result is kept with a hash of everything that was handed
//! to its making, and with each question that its making asked of the rest of
//! the site (`get_section(path="blog/_index.md")`, the address of a link) and a
//! hash of what was answered ([`trace`]). It is used again when
//! what would be handed in is the same and each question would be answered the
//! same. Each different question is answered once in a build. So a build with a
//! memory equals one without, whatever was edited; a test holds that.
//!
//! Hashes have 64 bits and keys of this process (SipHash). Two are compared in
//! one slot alone, so that a collision is one in 2^64 for each edit.

use std::{
    any::Any,
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tera::Value;

use super::engine::{
    Shared,
    trace::{self, Asked},
};

/// Results of earlier builds, by what they are of.
#[derive(Debug, Default)]
pub struct Memory {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    round: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    inputs: u64,
    questions: Vec<(Asked, u64)>,
    value: Arc<dyn Any + Send + Sync>,
    used: AtomicU64,
}

impl Memory {
    /// The value of a slot, as it was if `inputs` and the answers to its questions
    /// are, or else made, and kept if `is_kept`.
    pub fn get<T: Clone + Send + Sync + 'static>(
        &self,
        slot: String,
        inputs: u64,
        shared: Option<&Arc<Shared>>,
        make: impl FnOnce() -> T,
        is_kept: impl FnOnce(&T) -> bool,
    ) -> T {
        let round = self.round.load(Ordering::Relaxed);
        let known = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.get(&slot).map(Arc::clone)
        };
        if let Some(known) = known
            && known.inputs == inputs
            && known
                .questions
                .iter()
                .all(|(asked, answer)| shared.is_some_and(|shared| shared.answer(asked) == *answer))
            && let Some(value) = known.value.downcast_ref::<T>()
        {
            known.used.store(round, Ordering::Relaxed);
            return value.clone();
        }
        let (value, asked) = trace::record(make);
        if is_kept(&value) {
            let questions = asked
                .into_iter()
                .filter_map(|asked| {
                    let answer = shared?.answer(&asked);
                    Some((asked, answer))
                })
                .collect();
            let kept = Slot {
                inputs,
                questions,
                value: Arc::new(value.clone()),
                used: AtomicU64::new(round),
            };
            self.slots
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(slot, Arc::new(kept));
        }
        value
    }

    /// Forgets what the build that is over had no use for.
    pub fn end_round(&self) {
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, slot| slot.used.load(Ordering::Relaxed) == round);
    }
}

/// The same, or without a memory simply made.
pub fn get<T: Clone + Send + Sync + 'static>(
    memory: Option<&Memory>,
    slot: impl FnOnce() -> (String, u64),
    shared: Option<&Arc<Shared>>,
    make: impl FnOnce() -> T,
    is_kept: impl FnOnce(&T) -> bool,
) -> T {
    match memory {
        Some(memory) => {
            let (slot, inputs) = slot();
            memory.get(slot, inputs, shared, make, is_kept)
        }
        None => make(),
    }
}

/// A hash, good for the life of this process.
pub fn hash(value: impl Hash) -> u64 {
    keys().hash_one(value)
}

/// A hash of what a template sees.
pub fn hash_value(value: &Value) -> u64 {
    let mut hasher = keys().build_hasher();
    walk(value, &mut hasher);
    hasher.finish()
}

fn walk(value: &Value, hasher: &mut impl Hasher) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(yes) => hasher.write_u8(1 + u8::from(*yes)),
        Value::Number(number) => {
            hasher.write_u8(3);
            number.hash(hasher);
        }
        Value::String(text) => {
            hasher.write_u8(4);
            text.hash(hasher);
        }
        Value::Array(items) => {
            hasher.write_u8(5);
            hasher.write_usize(items.len());
            for item in items {
                walk(item, hasher);
            }
        }
        Value::Object(map) => {
            hasher.write_u8(6);
            hasher.write_usize(map.len());
            for (key, item) in map {
                key.hash(hasher);
                walk(item, hasher);
            }
        }
    }
}

fn keys() -> &'static RandomState {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    KEYS.get_or_init(RandomState::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_slot_is_used_while_its_inputs_are_the_same() {
        let memory = Memory::default();
        let get =
            |inputs, make: &str| memory.get("a".into(), inputs, None, || make.to_owned(), |_| true);
        assert_eq!(get(1, "x"), "x");
        assert_eq!(get(1, "y"), "x");
        assert_eq!(get(2, "y"), "y");
        memory.end_round();
        assert_eq!(get(2, "z"), "y");
        memory.end_round();
        memory.end_round();
        assert_eq!(get(2, "z"), "z");
        let lost = memory.get("b".into(), 1, None, || 1, |_| false);
        assert_eq!(lost + memory.get("b".into(), 1, None, || 2, |_| false), 3);
    }

    #[test]
    fn values_that_differ_hash_differently() {
        let values = [
            json!(null),
            json!(["a", "b"]),
            json!(["ab"]),
            json!([["a"], "b"]),
            json!({"a": "b"}),
            json!({"a": {"b": 1}}),
            json!({"a": {"b": "1"}}),
        ];
        let hashes: std::collections::BTreeSet<u64> = values.iter().map(hash_value).collect();
        assert_eq!(hashes.len(), values.len());
    }
}

//! Bounds for templates, which are a program that somebody else wrote: how deep
//! macros and includes go, how often loops go round, and how long a text grows.
//!
//! Tera has no such bounds. So each macro, each template and each loop body
//! gets one more node at its start, a call of a function that looks at how much
//! of the stack is in use and counts.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use tera::{
    Tera, Value,
    ast::{Expr, ExprVal, FunctionCall, Node, WS},
};

/// The stack that a thread which renders has.
pub const STACK_BYTES: usize = 32 << 20;
/// What templates may use of it.
const LIMIT_BYTES: usize = 20 << 20;
/// How many rounds the loops of one page may make in all.
const MAX_ROUNDS: u64 = 20_000_000;

/// The longest text or list that a variable may grow to in a loop.
const MAX_VALUE_BYTES: usize = 32 << 20;

/// What the functions are called: this, and their number.
pub const NAME: &str = "__applgen_guard_";

/// Where a bound is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The template.
    pub template: String,
    /// Words to find it by; none: the whole template.
    pub words: String,
}

thread_local! {
    static BASE: Cell<Option<usize>> = const { Cell::new(None) };
    static ROUNDS: Cell<u64> = const { Cell::new(0) };
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    static PASSED: RefCell<Option<Arc<Spot>>> = const { RefCell::new(None) };
}

/// Where a bound was passed, if one was since somebody asked.
pub fn passed() -> Option<Arc<Spot>> {
    PASSED.take()
}

/// Begins the numbers of a page anew, by its path.
pub fn seed(path: &str) {
    let mut hash = DefaultHasher::new();
    hash.write(path.as_bytes());
    RANDOM.set(hash.finish());
}

/// The next number (splitmix64).
pub fn random() -> u64 {
    RANDOM.set(RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
    let mut z = RANDOM.get();
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Where the stack is now.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Runs a rendering, outermost or within another one.
pub fn watched<T>(render: impl FnOnce() -> T) -> T {
    if BASE.get().is_some() {
        return render();
    }
    BASE.set(Some(stack_address()));
    ROUNDS.set(0);
    let result = render();
    BASE.set(None);
    result
}

fn check(arguments: &HashMap<String, Value>) -> tera::Result<Value> {
    if let Some(value) = arguments.get("value") {
        let bytes = match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.len().saturating_mul(size_of::<Value>()),
            _ => 0,
        };
        if bytes > MAX_VALUE_BYTES {
            return Err(tera::Error::msg(format!(
                "a variable grew beyond {} MB",
                MAX_VALUE_BYTES >> 20
            )));
        }
        return Ok(Value::String(String::new()));
    }
    let used = BASE.get().map_or(0, |base| base.abs_diff(stack_address()));
    if used > LIMIT_BYTES {
        return Err(tera::Error::msg(
            "macros or includes call each other without an end",
        ));
    }
    ROUNDS.set(ROUNDS.get() + 1);
    if ROUNDS.get() > MAX_ROUNDS {
        return Err(tera::Error::msg(format!(
            "loops went round more than {MAX_ROUNDS} times in one page"
        )));
    }
    Ok(Value::String(String::new()))
}

/// Puts the bounds into every template.
pub fn into(tera: &mut Tera) {
    let mut guards = Guards::default();
    for (name, template) in &mut tera.templates {
        guards.template.clone_from(name);
        guards.loops(&mut template.ast);
        template.ast.insert(0, guards.call(String::new()));
        for (name, definition) in &mut template.macros {
            guards.loops(&mut definition.body);
            let call = guards.call(format!("macro {name}"));
            definition.body.insert(0, call);
        }
        for blocks in template.blocks_definitions.values_mut() {
            for (owner, block) in blocks {
                guards.template.clone_from(owner);
                guards.loops(&mut block.body);
            }
        }
    }
    for (number, spot) in guards.spots.into_iter().enumerate() {
        tera.register_function(&format!("{NAME}{number}"), move |arguments: &_| {
            check(arguments).inspect_err(|_| PASSED.set(Some(Arc::clone(&spot))))
        });
    }
}

/// Puts bounds into templates, and remembers where.
#[derive(Default)]
struct Guards {
    template: String,
    spots: Vec<Arc<Spot>>,
}

impl Guards {
    fn call(&mut self, words: String) -> Node {
        self.guard(words, HashMap::new())
    }

    fn guard(&mut self, words: String, args: HashMap<String, Expr>) -> Node {
        let name = format!("{NAME}{}", self.spots.len());
        self.spots.push(Arc::new(Spot {
            template: self.template.clone(),
            words,
        }));
        let call = ExprVal::FunctionCall(FunctionCall { name, args });
        Node::VariableBlock(WS::default(), Expr::new(call))
    }

    fn loops(&mut self, nodes: &mut Vec<Node>) {
        // Behind each variable that may have grown, a look at how far.
        let mut at = 0;
        while at < nodes.len() {
            if let Node::Set(_, set) = &nodes[at]
                && grows(&set.value)
            {
                let value = Expr::new(ExprVal::Ident(set.key.clone()));
                let words = format!("{} =", set.key);
                let look = self.guard(words, HashMap::from([("value".to_owned(), value)]));
                nodes.insert(at + 1, look);
            }
            at += 1;
        }
        for node in nodes {
            match node {
                Node::Forloop(_, inner, _) => {
                    self.loops(&mut inner.body);
                    let call = self.call(format!("{} in", inner.value));
                    inner.body.insert(0, call);
                    if let Some(empty) = &mut inner.empty_body {
                        self.loops(empty);
                    }
                }
                Node::If(inner, _) => {
                    for (_, _, body) in &mut inner.conditions {
                        self.loops(body);
                    }
                    if let Some((_, body)) = &mut inner.otherwise {
                        self.loops(body);
                    }
                }
                Node::Block(_, block, _) => self.loops(&mut block.body),
                Node::FilterSection(_, section, _) => self.loops(&mut section.body),
                _ => {}
            }
        }
    }
}

/// Whether what is set can be longer than what it is made from.
fn grows(value: &Expr) -> bool {
    matches!(value.val, ExprVal::StringConcat(_))
        || value
            .filters
            .iter()
            .any(|filter| matches!(filter.name.as_str(), "concat" | "replace" | "regex_replace"))
}

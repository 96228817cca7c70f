//! Bounds for templates, which are a program that somebody else wrote: how deep
//! macros and includes go, how often loops go round, and how long a text grows.
//!
//! Tera has no such bounds. So each macro, each template and each loop body
//! gets one more node at its start, a call of a function that looks at how much
//! of the stack is in use and counts.

use std::{
    cell::Cell,
    collections::HashMap,
    hash::{DefaultHasher, Hasher},
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

const NAME: &str = "__applgen_guard";

thread_local! {
    static BASE: Cell<Option<usize>> = const { Cell::new(None) };
    static ROUNDS: Cell<u64> = const { Cell::new(0) };
    static RANDOM: Cell<u64> = const { Cell::new(0) };
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
    tera.register_function(NAME, check);
    for template in tera.templates.values_mut() {
        loops(&mut template.ast);
        template.ast.insert(0, call());
        for definition in template.macros.values_mut() {
            loops(&mut definition.body);
            definition.body.insert(0, call());
        }
        for blocks in template.blocks_definitions.values_mut() {
            for (_, block) in blocks {
                loops(&mut block.body);
            }
        }
    }
}

fn call() -> Node {
    guard(HashMap::new())
}

fn guard(args: HashMap<String, Expr>) -> Node {
    Node::VariableBlock(
        WS::default(),
        Expr::new(ExprVal::FunctionCall(FunctionCall {
            name: NAME.to_owned(),
            args,
        })),
    )
}

/// Whether what is set can be longer than what it is made from.
fn grows(value: &Expr) -> bool {
    matches!(value.val, ExprVal::StringConcat(_))
        || value
            .filters
            .iter()
            .any(|filter| matches!(filter.name.as_str(), "concat" | "replace" | "regex_replace"))
}

fn loops(nodes: &mut Vec<Node>) {
    // Behind each variable that may have grown, a look at how far.
    let mut at = 0;
    while at < nodes.len() {
        if let Node::Set(_, set) = &nodes[at]
            && grows(&set.value)
        {
            let value = Expr::new(ExprVal::Ident(set.key.clone()));
            let look = guard(HashMap::from([("value".to_owned(), value)]));
            nodes.insert(at + 1, look);
        }
        at += 1;
    }
    for node in nodes {
        match node {
            Node::Forloop(_, inner, _) => {
                loops(&mut inner.body);
                inner.body.insert(0, call());
                if let Some(empty) = &mut inner.empty_body {
                    loops(empty);
                }
            }
            Node::If(inner, _) => {
                for (_, _, body) in &mut inner.conditions {
                    loops(body);
                }
                if let Some((_, body)) = &mut inner.otherwise {
                    loops(body);
                }
            }
            Node::Block(_, block, _) => loops(&mut block.body),
            Node::FilterSection(_, section, _) => loops(&mut section.body),
            _ => {}
        }
    }
}

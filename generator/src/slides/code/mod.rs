//! Code blocks, finished at build time: highlighted, numbered, with steps.
//!
//! Every `pre > code` of a slide comes through here, from a fence or written as
//! HTML. It becomes
//!
//! ```html
//! <pre class="code"><code class="language-rust hljs has-highlights" data-line-numbers="1-2|3"><span class="line hl-on" data-n="1">…
//! </span>…</code><i class="fragment code-step" data-lines="3" hidden></i></pre>
//! ```
//!
//! where each line is a span that holds its own line ending, and each step
//! after the first is a fragment for the deck's script to act on.

mod fence;
mod highlight;
mod steps;

use ego_tree::NodeId;
use scraper::{Html, Node};

pub(super) use fence::FenceInfo;
pub(super) use highlight::Budget;
pub(crate) use highlight::{is_plain as is_plain_language, syntax as syntax_of, syntaxes};

use super::dom;
use super::markdown::escape;
use steps::Steps;

/// A finished code block: what goes into the `code` element.
pub(super) struct CodeBlock {
    pub code: NodeId,
    pub html: String,
}

/// Finishes every code block of a tree, except the HTML of the lines, which
/// goes around the tree: it is long, and nothing in it matters to later passes.
pub(super) fn finish(html: &mut Html, budget: &mut Budget) -> Vec<CodeBlock> {
    let blocks: Vec<(NodeId, NodeId)> = dom::elements(html)
        .filter(|id| dom::is(html, *id, "code"))
        .filter_map(|code| {
            let pre = html.tree.get(code)?.parent()?.id();
            dom::is(html, pre, "pre").then_some((pre, code))
        })
        .collect();
    blocks
        .into_iter()
        .map(|(pre, code)| block(html, pre, code, budget))
        .collect()
}

fn block(html: &mut Html, pre: NodeId, code: NodeId, budget: &mut Budget) -> CodeBlock {
    let text = text_of(html, code);
    let mut pre_classes = dom::classes(html, pre);
    let mut classes = dom::classes(html, code);
    let plain = |class: &String| matches!(class.as_str(), "no-highlight" | "nohighlight");
    let plain = classes.iter().chain(&pre_classes).any(plain);

    let language = fence::language(&classes).or_else(|| fence::language(&pre_classes));
    let lines = match &language {
        Some(language) if !plain => budget.highlight(&text, language),
        _ => highlight::plain(&text),
    };
    if let Some(language) = &language {
        // A bare `rust`, as hand-written HTML has it, and the full form are one.
        let full = format!("language-{language}");
        classes.retain(|class| *class != full && class != language);
        classes.insert(0, full);
    }
    if !plain && !classes.iter().any(|class| class == "hljs") {
        classes.insert(usize::from(language.is_some()), "hljs".into());
    }

    // On `pre`, where `.element` after a fence puts it, it means the same.
    let [spec, first] = ["data-line-numbers", "data-ln-start-from"].map(|name| {
        let on_pre = dom::remove(html, pre, name);
        dom::attr(html, code, name).map(str::to_owned).or(on_pre)
    });
    let first = first
        .and_then(|n| n.trim().parse::<u64>().ok())
        .unwrap_or(1);
    let steps = spec.as_deref().map(Steps::parse);
    let on = steps.as_ref().map(|steps| steps.first(lines.len()));
    if on.as_ref().is_some_and(|on| on.contains(&true)) {
        classes.push("has-highlights".into());
    }

    if !classes.is_empty() {
        dom::set(html, code, "class", &classes.join(" "));
    }
    for gone in ["data-trim", "data-noescape"] {
        dom::remove(html, code, gone);
    }
    if let Some(spec) = &spec {
        dom::set(html, code, "data-line-numbers", spec);
    }
    if !pre_classes.iter().any(|class| class == "code") {
        pre_classes.insert(0, "code".into());
    }
    dom::set(html, pre, "class", &pre_classes.join(" "));
    if let Some(steps) = &steps {
        add_steps(html, code, steps);
    }
    CodeBlock {
        code,
        html: lines_html(&lines, on.as_deref(), spec.is_some().then_some(first)),
    }
}

/// The code as text, by the rules that reveal.js's highlighting reads it with.
fn text_of(html: &Html, code: NodeId) -> String {
    let template = dom::children(html, code).find(|id| {
        dom::is(html, *id, "script") && dom::attr(html, *id, "type") == Some("text/template")
    });
    let escape = dom::attr(html, code, "data-noescape").is_none();
    let text = match template {
        Some(template) => dom::text(html, template),
        // Tags that were not escaped are part of the code.
        None if escape && dom::children(html, code).any(|id| !dom::is_text(html, id)) => {
            dom::source_text(html, code)
        }
        None => dom::text(html, code),
    };
    match dom::attr(html, code, "data-trim") {
        Some(_) => trimmed(&text),
        None => text,
    }
}

/// Without blank lines around it, and without the indentation all lines share.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let filled = |line: &&str| !line.trim().is_empty();
    let start = lines.iter().position(filled).unwrap_or(lines.len());
    let end = lines.iter().rposition(filled).map_or(start, |at| at + 1);
    let lines = &lines[start..end];
    let indent = |line: &&str| line.chars().take_while(|c| c.is_whitespace()).count();
    let shared = lines.iter().filter(|l| filled(l)).map(indent).min();
    let cut = |line: &&str| line.chars().skip(shared.unwrap_or(0)).collect::<String>();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

/// One empty element for every step after the first, behind the code.
fn add_steps(html: &mut Html, code: NodeId, steps: &Steps) {
    if steps.len() < 2 {
        return;
    }
    // An index on the code is where the steps' own indices begin.
    let start = dom::remove(html, code, "data-fragment-index")
        .and_then(|index| index.trim().parse::<i64>().ok());
    let mut after = code;
    for (number, lines) in steps.later().enumerate() {
        let mut attributes = vec![("class", "fragment code-step"), ("data-lines", lines)];
        let index = start.map(|start| start.saturating_add(number as i64).to_string());
        attributes.extend(index.as_deref().map(|index| ("data-fragment-index", index)));
        attributes.push(("hidden", ""));
        let step = dom::new_element("i", &attributes);
        if let Some(mut node) = html.tree.get_mut(after) {
            after = node.insert_after(Node::Element(step)).id();
        }
    }
}

fn lines_html(lines: &[String], on: Option<&[bool]>, first: Option<u64>) -> String {
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        out.push_str("<span class=\"line");
        if on.is_some_and(|on| on.get(at) == Some(&true)) {
            out.push_str(" hl-on");
        }
        out.push('"');
        if let Some(first) = first {
            out.push_str(" data-n=\"");
            escape(&mut out, &first.saturating_add(at as u64).to_string());
            out.push('"');
        }
        out.push('>');
        out.push_str(line);
        out.push_str("\n</span>");
    }
    out
}

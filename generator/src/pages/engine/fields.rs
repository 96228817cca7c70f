//! Which fields of pages the templates behind a rendering can name.
//!
//! A list of ten thousand pages is handed to templates by value, and hardly any
//! of them asks for more than titles and addresses. So a template, all that it
//! extends and includes and every macro that it calls are read once for the names
//! in them, and pages in lists come with the named fields alone. Nothing that is
//! shown differs: wherever a field may be reached without its name (as JSON, by a
//! variable, in a loop over keys, by comparing whole pages) all of them come.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tera::{
    Tera,
    ast::{Expr, ExprVal, FunctionCall, LogicOperator, MacroDefinition, Node},
};

/// The names that are known in a closure of templates; none: every field is wanted.
pub type Fields = Option<Arc<HashSet<String>>>;

/// Fields that tell pages apart, which always come.
const IDENTITY: [&str; 3] = ["relative_path", "permalink", "path"];

/// Fields that are plain values, so that to compare them compares no pages.
const PLAIN: [&str; 18] = [
    "current_index",
    "current_path",
    "current_url",
    "date",
    "day",
    "draft",
    "id",
    "index",
    "index0",
    "lang",
    "level",
    "month",
    "name",
    "path",
    "permalink",
    "slug",
    "title",
    "year",
];

thread_local! {
    static WANTED: RefCell<Fields> = const { RefCell::new(None) };
}

/// Whether the templates that run now can name that field of a page.
pub fn is_wanted(name: &str) -> bool {
    WANTED.with_borrow(|wanted| match wanted {
        None => true,
        Some(names) => IDENTITY.contains(&name) || names.contains(name),
    })
}

/// Runs something for which pages have these fields.
pub fn with<T>(fields: Fields, run: impl FnOnce() -> T) -> T {
    let outer = WANTED.replace(fields);
    let made = run();
    WANTED.set(outer);
    made
}

/// The names in a template and in all that it reaches.
pub fn of(tera: &Tera, template: &str) -> Fields {
    let mut reader = Reader {
        tera,
        macros: by_name(tera),
        templates: HashSet::new(),
        called: HashSet::new(),
        bound: HashMap::new(),
        subjects: HashSet::new(),
        dynamic: HashSet::new(),
        names: HashSet::new(),
        all: false,
    };
    reader.template(template);
    reader.finish().map(Arc::new)
}

fn by_name(tera: &Tera) -> HashMap<&str, Vec<&MacroDefinition>> {
    let mut macros: HashMap<&str, Vec<&MacroDefinition>> = HashMap::new();
    for template in tera.templates.values() {
        for (name, definition) in &template.macros {
            macros.entry(name).or_default().push(definition);
        }
    }
    macros
}

struct Reader<'a> {
    tera: &'a Tera,
    /// Every macro of that name, wherever it is.
    macros: HashMap<&'a str, Vec<&'a MacroDefinition>>,
    templates: HashSet<String>,
    called: HashSet<String>,
    /// Variables that templates make, and whether each of them only ever holds a
    /// map that is no page: groups, data, `extra`.
    bound: HashMap<String, bool>,
    /// Fields of the page or section that a rendering is of, which has them all.
    subjects: HashSet<(String, String)>,
    /// Variables whose keys are gone through or chosen by a value.
    dynamic: HashSet<String>,
    names: HashSet<String>,
    all: bool,
}

impl Reader<'_> {
    fn finish(mut self) -> Option<HashSet<String>> {
        for (subject, field) in std::mem::take(&mut self.subjects) {
            if self.bound.contains_key(&subject) {
                self.names.insert(field);
            }
        }
        let only_maps = |name: &String| self.bound.get(name).copied().unwrap_or(false);
        let known = !self.all && self.dynamic.iter().all(only_maps);
        known.then_some(self.names)
    }

    fn bind(&mut self, name: &str, is_map: bool) {
        let only_maps = self.bound.entry(name.to_owned()).or_insert(true);
        *only_maps &= is_map;
    }

    fn template(&mut self, name: &str) {
        if !self.templates.insert(name.to_owned()) {
            return;
        }
        let tera = self.tera;
        let Some(template) = tera.templates.get(name) else {
            return;
        };
        self.nodes(&template.ast);
        for blocks in template.blocks_definitions.values() {
            for (_, block) in blocks {
                self.nodes(&block.body);
            }
        }
        for parent in &template.parents {
            self.template(parent);
        }
    }

    fn call_macro(&mut self, name: &str) {
        if !self.called.insert(name.to_owned()) {
            return;
        }
        for definition in self.macros.get(name).cloned().unwrap_or_default() {
            for (argument, default) in &definition.args {
                self.bind(argument, false);
                if let Some(default) = default {
                    self.expression(default);
                }
            }
            self.nodes(&definition.body);
        }
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::VariableBlock(_, value) => self.expression(value),
                Node::Extends(_, name) => self.template(name),
                Node::Include(_, names, _) => names.iter().for_each(|name| self.template(name)),
                Node::Set(_, set) => {
                    self.bind(&set.key, is_map(&set.value));
                    self.expression(&set.value);
                }
                Node::FilterSection(_, section, _) => {
                    self.arguments(&section.filter);
                    self.nodes(&section.body);
                }
                Node::Block(_, block, _) => self.nodes(&block.body),
                Node::Forloop(_, each, _) => {
                    if let Some(key) = &each.key {
                        self.bind(key, false);
                        if !is_map(&each.container) {
                            self.dynamic_access(&each.container);
                        }
                    }
                    self.bind(&each.value, false);
                    self.expression(&each.container);
                    self.nodes(&each.body);
                    self.nodes(each.empty_body.as_deref().unwrap_or_default());
                }
                Node::If(choice, _) => {
                    for (_, condition, body) in &choice.conditions {
                        self.expression(condition);
                        self.nodes(body);
                    }
                    if let Some((_, body)) = &choice.otherwise {
                        self.nodes(body);
                    }
                }
                Node::Super
                | Node::Text(_)
                | Node::MacroDefinition(..)
                | Node::ImportMacro(..)
                | Node::Raw(..)
                | Node::Break(_)
                | Node::Continue(_)
                | Node::Comment(..) => {}
            }
        }
    }

    /// Keys of a value are taken that no name says: fine for a variable that
    /// only ever holds other maps than pages.
    fn dynamic_access(&mut self, value: &Expr) {
        match &value.val {
            ExprVal::Ident(name) if value.filters.is_empty() && is_bare(name) => {
                self.dynamic.insert(name.clone());
            }
            _ => self.all = true,
        }
    }

    fn expression(&mut self, value: &Expr) {
        for (at, filter) in value.filters.iter().enumerate() {
            self.arguments(filter);
            match filter.name.as_str() {
                "json_encode" => self.all = true,
                "get" if !filter.args.get("key").is_some_and(is_literal) => {
                    let mut before = value.clone();
                    before.filters.truncate(at);
                    if !is_map(&before) {
                        self.dynamic_access(&before);
                    }
                }
                // Whole items are compared where no attribute is named.
                "unique" | "sort" if filter.args.is_empty() => {
                    self.all |= !is_plain(&value.val) && may_be_pages(&value.val);
                }
                _ => {}
            }
        }
        self.value(&value.val);
    }

    fn value(&mut self, value: &ExprVal) {
        match value {
            ExprVal::String(text) => self.words(text),
            ExprVal::Ident(path) => self.path(path),
            ExprVal::Math(math) => {
                self.expression(&math.lhs);
                self.expression(&math.rhs);
            }
            ExprVal::Logic(logic) => {
                if matches!(logic.operator, LogicOperator::Eq | LogicOperator::NotEq) {
                    self.compare(&logic.lhs, &logic.rhs);
                }
                self.expression(&logic.lhs);
                self.expression(&logic.rhs);
            }
            ExprVal::In(within) => {
                self.compare(&within.lhs, &within.lhs);
                self.expression(&within.lhs);
                self.expression(&within.rhs);
            }
            ExprVal::Test(test) => {
                self.path(&test.ident);
                for argument in &test.args {
                    if test.name == "containing" {
                        self.compare(argument, argument);
                    }
                    self.expression(argument);
                }
            }
            ExprVal::MacroCall(call) => {
                call.args.values().for_each(|value| self.expression(value));
                self.call_macro(&call.name);
            }
            ExprVal::FunctionCall(call) => self.arguments(call),
            ExprVal::Array(items) => items.iter().for_each(|item| self.expression(item)),
            ExprVal::StringConcat(concat) => {
                concat.values.iter().for_each(|value| self.value(value));
            }
            ExprVal::Int(_) | ExprVal::Float(_) | ExprVal::Bool(_) => {}
        }
    }

    /// Two values are held to be the same: not so many fields of whole pages.
    fn compare(&mut self, left: &Expr, right: &Expr) {
        let plain = |value: &Expr| !value.filters.is_empty() || is_plain(&value.val);
        self.all |= !plain(left) && !plain(right);
    }

    fn arguments(&mut self, call: &FunctionCall) {
        for (key, value) in &call.args {
            let names_field = key == "attribute" && !is_literal(value);
            self.all |= names_field;
            self.expression(value);
        }
    }

    /// `page.lower.title`, `pages[0]`, `data[name]`.
    fn path(&mut self, path: &str) {
        if path.starts_with("__tera_context") {
            self.all = true;
            return;
        }
        let parts = parts(path);
        for (n, (part, is_index)) in parts.iter().enumerate() {
            let literal = part.starts_with(['"', '\'', '`']) || part.parse::<usize>().is_ok();
            if *is_index && !literal {
                self.path(part);
                match parts.get(..n) {
                    Some(owner) if holds_others(owner) => {}
                    Some([(name, _)]) => {
                        self.dynamic.insert((*name).to_owned());
                    }
                    _ => self.all = true,
                }
                continue;
            }
            let name = part.trim_matches(['"', '\'', '`']);
            match parts.first() {
                Some((root @ ("page" | "section"), _)) if n == 1 => {
                    self.subjects.insert(((*root).to_owned(), name.to_owned()));
                }
                _ => {
                    self.names.insert(name.to_owned());
                }
            }
        }
    }

    /// `attribute="extra.rank"`, `page["title"]` in a text.
    fn words(&mut self, text: &str) {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        self.names.extend(words.map(str::to_owned));
    }
}

/// Whether a path leads into a map that is no page.
fn holds_others(parts: &[(&str, bool)]) -> bool {
    let (root, rest) = match parts {
        [(root, _), rest @ ..] => (*root, rest),
        [] => return false,
    };
    let field = |(part, _): &(&str, bool)| matches!(*part, "extra" | "taxonomies");
    root == "config" || rest.iter().any(field)
}

/// The parts of a path of Tera, and whether each stood in brackets.
fn parts(path: &str) -> Vec<(&str, bool)> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let mut depth = 1;
            let end = inner.find(|c| {
                match c {
                    '[' => depth += 1,
                    ']' => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            let end = end.unwrap_or(inner.len());
            parts.push((inner[..end].trim(), true));
            rest = inner.get(end + 1..).unwrap_or_default();
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end > 0 {
                parts.push((&rest[..end], false));
            }
            rest = &rest[end..];
            if end == 0 && !rest.starts_with(['.', '[']) {
                break;
            }
        }
    }
    parts
}

fn is_bare(path: &str) -> bool {
    !path.contains(['.', '['])
}

fn is_literal(value: &Expr) -> bool {
    value.filters.is_empty() && matches!(value.val, ExprVal::String(_))
}

/// Whether a value is certainly a map and no page: groups, data, `extra`.
fn is_map(value: &Expr) -> bool {
    if let Some(last) = value.filters.last() {
        return last.name == "group_by";
    }
    match &value.val {
        ExprVal::FunctionCall(call) => call.name == "load_data",
        ExprVal::Ident(path) => holds_others(&parts(path)),
        _ => false,
    }
}

fn may_be_pages(value: &ExprVal) -> bool {
    matches!(value, ExprVal::Ident(_) | ExprVal::FunctionCall(_))
}

/// Whether a value is certainly no page and no list of pages.
fn is_plain(value: &ExprVal) -> bool {
    match value {
        ExprVal::Ident(path) => {
            let parts = parts(path);
            holds_others(&parts) || parts.last().is_some_and(|(last, _)| PLAIN.contains(last))
        }
        ExprVal::FunctionCall(call) => matches!(
            call.name.as_str(),
            "get_url" | "get_taxonomy_url" | "get_hash" | "trans" | "now" | "load_data" | "get_env"
        ),
        ExprVal::MacroCall(_) | ExprVal::Array(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `names` are among the fields of `main`, or all are.
    fn names(templates: &[(&str, &str)]) -> Fields {
        let mut tera = Tera::default();
        tera.register_function("get_section", |_: &HashMap<String, tera::Value>| {
            Ok(tera::Value::Null)
        });
        tera.add_raw_templates(templates.to_vec())
            .expect("templates");
        of(&tera, "main")
    }

    fn has(fields: &Fields, name: &str) -> bool {
        fields.as_ref().is_none_or(|names| names.contains(name))
    }

    #[test]
    fn a_list_of_titles_needs_no_contents() {
        let fields = names(&[
            ("base", "<meta content='x'>{% block content %}{% endblock %}"),
            ("macros", "{% macro line(page) %}{{ page.title }}{% endmacro %}{% macro all(page) %}{{ page.content }}{% endmacro %}"),
            ("main", r#"{% extends "base" %}{% import "macros" as m %}{% block content %}{{ section.content }}{% for year, posts in section.pages | sort(attribute="date") | group_by(attribute="year") %}{% for p in posts %}{{ m::line(page=p) }}{{ p.extra["rank"] }}{% endfor %}{% endfor %}{% endblock %}"#),
        ]);
        assert!(fields.is_some());
        for name in ["title", "date", "year", "rank", "pages"] {
            assert!(has(&fields, name), "{name}");
        }
        // Nobody calls the macro that would show contents; the section's own it has.
        assert!(!has(&fields, "content"));
        // `page` is what the macro was given: its fields are those of listed pages.
        let same = "{% for section in all %}{{ section.content }}{% endfor %}";
        assert!(has(&names(&[("main", same)]), "content"));
    }

    #[test]
    fn what_is_reached_without_its_name_needs_all() {
        for template in [
            "{{ page | json_encode }}",
            "{{ __tera_context }}",
            "{% for p in section.pages %}{{ p[field] }}{% endfor %}",
            "{% for p in section.pages %}{{ p | get(key=field) }}{% endfor %}",
            "{% for p in section.pages %}{% for k, v in p %}{{ v }}{% endfor %}{% endfor %}",
            "{% for p in section.pages %}{% if p == page %}x{% endif %}{% endfor %}",
            "{% if page in section.pages %}x{% endif %}",
            "{{ section.pages | map(attribute=field) }}",
            "{% set s = get_section(path='a') %}{% for k, v in s %}{{ v }}{% endfor %}",
        ] {
            assert!(names(&[("main", template)]).is_none(), "{template}");
        }
        for template in [
            "{% for k, v in page.taxonomies %}{{ k }}{% endfor %}",
            "{% set years = section.pages | group_by(attribute='year') %}{% for y, p in years %}{{ years | get(key=y) }}{{ years[y] }}{% endfor %}",
            "{% if page.lang == lang and tag in page.taxonomies.tags and 'a' in tags %}{{ config.extra[lang] }}{% endif %}",
            "{% if p.permalink == page.permalink %}{{ list[0].title }}{% endif %}",
        ] {
            assert!(names(&[("main", template)]).is_some(), "{template}");
        }
    }
}

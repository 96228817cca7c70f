//! Macros imported in a circle: Tera follows them without an end when it renders,
//! so that they are found before.

use std::collections::HashSet;

use tera::Tera;

/// Templates that import each other, in their order, the first one again at the end.
pub fn circle(tera: &Tera) -> Option<Vec<String>> {
    let mut names: Vec<&String> = tera.templates.keys().collect();
    names.sort_unstable();
    let mut done = HashSet::new();
    names
        .into_iter()
        .find_map(|name| follow(tera, name, &mut Vec::new(), &mut done))
}

/// Goes through the imports of a template, each template once in all.
fn follow<'a>(
    tera: &'a Tera,
    name: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut HashSet<&'a str>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|known| *known == name) {
        let circle = way[start..].iter().chain([&name]);
        return Some(circle.map(|name| (*name).to_owned()).collect());
    }
    if !done.insert(name) {
        return None;
    }
    way.push(name);
    let imported = tera.templates.get(name).map(|t| &t.imported_macro_files);
    for (file, _) in imported.into_iter().flatten() {
        if let Some(circle) = follow(tera, file, way, done) {
            return Some(circle);
        }
    }
    way.pop();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle_of(templates: &[(&str, &str)]) -> Option<Vec<String>> {
        let mut tera = Tera::default();
        tera.add_raw_templates(templates.to_vec())
            .expect("templates");
        circle(&tera)
    }

    #[test]
    fn circles_are_found() {
        let import = |name: &str| format!("{{% import \"{name}\" as m %}}");
        let (a, b, c) = (import("b"), import("c"), import("b"));
        let found = circle_of(&[("a", &a), ("b", &b), ("c", &c)]);
        assert_eq!(found.expect("a circle"), ["b", "c", "b"]);
        assert_eq!(circle_of(&[("a", &a), ("b", &b), ("c", "")]), None);
        assert_eq!(
            circle_of(&[("a", &import("a"))]).expect("a circle"),
            ["a", "a"]
        );
    }
}

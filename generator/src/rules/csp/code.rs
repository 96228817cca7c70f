//! Whether a script may add further code or styles to its page.
//!
//! A policy made from a page's markup knows what the markup has, and not what
//! its scripts add: an element `script`, markup with handlers in it, text that is
//! evaluated. A script without any word that can do so cannot be stopped by such
//! a policy. Words in comments and strings count too: a script that is taken for
//! one that adds code costs the page a part of its policy, and the other way
//! round would cost the page its function.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// Words with which a script evaluates text, writes markup, or loads code.
static ADDS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?x-u)
        \beval\b | \bFunction\s*\( | \bimport\b | importScripts | WebAssembly
        | set(?:Timeout|Interval)\s*\(\s*["'`] | javascript:
        | (?:inner|outer)HTML | insertAdjacentHTML | HTMLUnsafe | setHTML | srcdoc
        | document\s*\.\s*write | createContextualFragment | DOMParser
        | \bWorker\b | SharedWorker | createObjectURL
        "#,
    )
});

/// Calls whose first argument says whether they are harmless.
static CALLS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?-u)\b(createElement|setAttribute)(?:NS\s*\([^,]*,|\s*\()\s*(.?)([A-Za-z0-9:_-]*)"#,
    )
});

/// A mention without a call, such as `const make = document.createElement`.
static MENTIONS: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?-u)\b(?:createElement|setAttribute)"));

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern compiles, as the tests show")
}

/// Elements that a policy about code and styles has a word on.
const ELEMENTS: [&[u8]; 6] = [b"script", b"style", b"link", b"object", b"embed", b"base"];

/// Whether it may; a script of which this is false adds none.
pub fn adds_code(script: &[u8]) -> bool {
    if ADDS.is_match(script) {
        return true;
    }
    let mut calls = 0;
    for call in CALLS.captures_iter(script) {
        calls += 1;
        let part = |number| call.get(number).map_or(&b""[..], |found| found.as_bytes());
        let name = part(3).to_ascii_lowercase();
        let is_literal = matches!(part(2), b"\"" | b"'" | b"`") && !name.is_empty();
        let is_harmless = match part(1) {
            b"createElement" => !ELEMENTS.contains(&name.as_slice()),
            _ => !name.starts_with(b"on") && name != b"style",
        };
        if !is_literal || !is_harmless {
            return true;
        }
    }
    calls < MENTIONS.find_iter(script).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_add_code_are_told_from_others() {
        for script in [
            "document.title = 'x'; el.classList.toggle('on'); el.onclick = f;",
            "setTimeout(() => go(), 100); setTimeout(go, 1)",
            "let a = document.createElement('a'); a.setAttribute(\"aria-label\", x)",
            "document.createElementNS('http://www.w3.org/2000/svg', 'path')",
            "addEventListener('click', evaluate); navigator.serviceWorker.register('/sw.js')",
            "x.style.color = 'red'; x.style.cssText = y",
        ] {
            assert!(!adds_code(script.as_bytes()), "{script}");
        }
        for script in [
            "eval(x)",
            "new Function('a', b)",
            "import('./x.js')",
            "el.innerHTML = '<a onclick=x>'",
            "document.write('<script>')",
            "document .write(x)",
            "setTimeout('go()', 1)",
            "const s = document.createElement('script')",
            "document.createElement(name)",
            "document.createElement(a ? 'b' : 'c')",
            "document.createElement(`${x}`)",
            "document.createElementNS(svg, 'script')",
            "el.setAttribute('onclick', 'x()')",
            "el.setAttribute('style', 'color: red')",
            "const make = document.createElement; make.call(document, 'script')",
            "new Worker(url)",
        ] {
            assert!(adds_code(script.as_bytes()), "{script}");
        }
    }
}

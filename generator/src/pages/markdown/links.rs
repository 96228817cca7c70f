//! Links and images of a text: internal ones resolved, outward ones marked.

use pulldown_cmark::{CowStr, Event, LinkType};

use super::{Problem, Rendered, Surroundings, escape};
use crate::report::{Diagnostic, Level};

/// The address that a link's target has in HTML.
pub fn resolve(target: &str, around: &Surroundings<'_>, rendered: &mut Rendered) -> String {
    if let Some(inner) = target.strip_prefix("@/") {
        let (file, fragment) = match inner.split_once('#') {
            Some((file, fragment)) => (file, Some(fragment)),
            None => (inner, None),
        };
        let decoded = percent_encoding::percent_decode_str(file).decode_utf8_lossy();
        return match (around.address)(&decoded) {
            Some(address) => {
                rendered
                    .links
                    .push((decoded.into_owned(), fragment.map(str::to_owned)));
                match fragment {
                    Some(fragment) => format!("{address}#{fragment}"),
                    None => address,
                }
            }
            None => {
                let level = if around.settings.internal_links_warn {
                    Level::Warning
                } else {
                    Level::Error
                };
                rendered.problems.push(Problem {
                    diagnostic: Diagnostic::new(
                        level,
                        format!("`{target}` leads to no file of `content/`"),
                    )
                    .hint("after `@/` goes the file's path below `content/`, such as `@/blog/_index.md`"),
                    about: target.to_owned(),
                });
                target.to_owned()
            }
        };
    }
    // A place in the page itself: its whole address works in lists and feeds too.
    if let (Some(fragment), Some(permalink), Some(file)) =
        (target.strip_prefix('#'), around.permalink, around.file)
        && !fragment.is_empty()
    {
        rendered
            .links
            .push((file.to_owned(), Some(fragment.to_owned())));
        return format!("{permalink}{target}");
    }
    // A file beside the page: its whole address works in lists and feeds too.
    let first = target.split(['/', '?', '#']).next().unwrap_or_default();
    let beside = !target.starts_with(['/', '#'])
        && !target.starts_with("..")
        && !target.is_empty()
        && !first.contains(':');
    match around.permalink {
        Some(permalink) if beside => format!("{permalink}{target}"),
        _ => target.to_owned(),
    }
}

/// The opening tag of a link that leads out, when the configuration wants more
/// than `href` in it.
pub fn outward<'e>(
    kind: LinkType,
    target: &str,
    title: &str,
    around: &Surroundings<'_>,
) -> Option<Event<'e>> {
    let markdown = &around.settings.markdown;
    if kind == LinkType::Email || !(target.starts_with("http://") || target.starts_with("https://"))
    {
        return None;
    }
    let mut rel = Vec::new();
    if markdown.external_links_target_blank {
        rel.push("noopener");
    }
    if markdown.external_links_no_follow {
        rel.push("nofollow");
    }
    if markdown.external_links_no_referrer {
        rel.push("noreferrer");
    }
    if markdown.external_links_external {
        rel.push("external");
    }
    if rel.is_empty() && markdown.external_links_class.is_none() {
        return None;
    }
    let mut tag = String::from("<a");
    if let Some(class) = &markdown.external_links_class {
        tag.push_str(&format!(" class=\"{}\"", escape(class)));
    }
    if !rel.is_empty() {
        tag.push_str(&format!(" rel=\"{}\"", rel.join(" ")));
    }
    if markdown.external_links_target_blank {
        tag.push_str(" target=\"_blank\"");
    }
    if !title.is_empty() {
        tag.push_str(&format!(" title=\"{}\"", escape(title)));
    }
    let mut href = String::new();
    let _ = pulldown_cmark_escape::escape_href(&mut href, target);
    tag.push_str(&format!(" href=\"{href}\">"));
    Some(Event::InlineHtml(CowStr::from(tag)))
}

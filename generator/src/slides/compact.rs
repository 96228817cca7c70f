//! The theme as it is sent: without the comments and the indentation that make
//! its source readable. Names and statements stay as they are written.

/// A style sheet without comments and without white space that means nothing.
/// It must hold no string with a comment, a brace or two spaces in it.
pub(super) fn css(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("/*") {
        text.push_str(&rest[..start]);
        rest = rest[start..]
            .find("*/")
            .map_or("", |end| &rest[start + end + 2..]);
    }
    text.push_str(rest);
    let lines: String = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let mut out = lines.split_whitespace().collect::<Vec<_>>().join(" ");
    for (long, short) in [
        (" {", "{"),
        ("{ ", "{"),
        ("; ", ";"),
        ("} ", "}"),
        (": ", ":"),
        (", ", ","),
        (";}", "}"),
        (" !", "!"),
        ("@media (", "@media("),
        (" >", ">"),
        ("> ", ">"),
        (" ~ ", "~"),
        // Of sums alone, white space is a part.
        (" * ", "*"),
        (" / ", "/"),
    ] {
        out = out.replace(long, short);
    }
    out.push('\n');
    out
}

/// A script without indentation and without lines that are a comment. It must
/// hold no text literal of several lines.
pub(super) fn script(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let mut out = String::with_capacity(source.len());
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("//")) {
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_is_left_out() {
        assert_eq!(
            css("/* a\n b */ a:hover > b,\nc {\n\tcolor: red;\n\n\t& d { margin: 0 1px; }\n}\n"),
            "a:hover>b,c{color:red;& d{margin:0 1px}}\n"
        );
        assert_eq!(
            css("a ~ * { width: calc(2 * (1px + 4px) / 3 - 1px) !important; }"),
            "a~*{width:calc(2*(1px + 4px)/3 - 1px)!important}\n"
        );
        assert_eq!(
            script("// x\n\tlet a = 1; // y\n\n\tb();\n"),
            "let a = 1; // y\nb();\n"
        );
    }
}

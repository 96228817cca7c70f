//! What sites in Zola's layout rely on that its documentation does not say, as
//! Zola 0.22 does it; and what never ends.

use crate::websites::{page, site};

#[test]
fn endless_work_is_bounded_and_named() {
    let told = |path: &str, text: &str, what: &str| {
        site("compile_sass = true\n")
            .file("content/a.md", page("title = \"A\"", ""))
            .file(path, text)
            .check()
            .tells(what);
    };
    told(
        "templates/page.html",
        "{% macro a() %}{{ self::a() }}{% endmacro %}{{ self::a() }}",
        "macros or includes call each other without an end",
    );
    told(
        "templates/page.html",
        "{% import \"page.html\" as p %}{% macro a() %}{% endmacro %}",
        "templates import macros from each other in a circle: `page.html`, from there `page.html`",
    );
    told(
        "sass/s.scss",
        "@function f($x) { @return f($x + 1); }\na { b: f(1); }\n",
        "this Sass does not come to an end",
    );
}

#[test]
fn pages_within_pages_share_their_files() {
    let server = site("[languages.fr]\n")
        .file(
            "templates/page.html",
            "{% for a in page.assets %}{{ a | safe }} {% endfor %}",
        )
        .file(
            "content/a/index.md",
            page("title = \"A\"\npath = \"x\"", ""),
        )
        .file(
            "content/a/index.fr.md",
            page("title = \"A\"\npath = \"fr/x\"", ""),
        )
        .file(
            "content/a/b/index.md",
            page("title = \"B\"\npath = \"y\"", ""),
        )
        .file("content/a/b/f.txt", "f")
        .serve();
    for path in ["/x/b/f.txt", "/fr/x/b/f.txt", "/y/f.txt"] {
        assert_eq!(server.get(path).text(), "f", "{path}");
    }
    assert_eq!(server.get("/x/").text(), "/a/b/f.txt ");
}

#[test]
fn what_leads_out_of_the_site_and_other_addresses_of_pages() {
    let server = site("")
        .file(
            "content/s/_index.md",
            page("redirect_to = \"https://example.net/z\"", ""),
        )
        .file("content/a.md", page("aliases = [\"old/index.html\"]", ""))
        .serve();
    let location = |path: &str| {
        let head = server.get(path).head.to_ascii_lowercase();
        let line = head.lines().find(|line| line.starts_with("location:"));
        line.map(str::to_owned).unwrap_or(head)
    };
    assert_eq!(location("/s/"), "location: https://example.net/z");
    assert_eq!(location("/old/"), "location: /a/");
    assert_eq!(location("/old/index.html"), "location: /a/");
}

#[test]
fn templates_see_the_other_languages() {
    let server = site("[languages.fr]\n[languages.en]\n")
        .file(
            "templates/index.html",
            "{{ lang }}:{% for code, l in config.languages %} {{ code }}{% endfor %}",
        )
        .file("content/_index.md", page("", ""))
        .file("content/_index.fr.md", page("", ""))
        .serve();
    assert_eq!(server.get("/").text(), "en: fr");
    assert_eq!(server.get("/fr/").text(), "fr: en");
}

#[test]
fn a_script_for_the_search_is_beside_the_index() {
    let path = "/elasticlunr.min.js";
    let made = |keys: &str| site(keys).file("content/a.md", page("", ""));
    let script = |keys: &str| made(keys).serve().get(path);
    let ours = script("build_search_index = true\n");
    assert_eq!(ours.status(), 200);
    assert!(ours.text().contains("elasticlunr.Index = Index"));
    assert_eq!(script("").status(), 404);
    let fuse = "build_search_index = true\n[search]\nindex_format = \"fuse_json\"\n";
    assert_eq!(script(fuse).status(), 404);
    let own = made("build_search_index = true\n").file("static/elasticlunr.min.js", "own");
    assert_eq!(own.serve().get(path).text(), "own");
}

#[test]
fn addresses_of_another_language_and_footnotes_that_end_in_code() {
    let server = site("[markdown]\nbottom_footnotes = true\n[languages.fr]\n")
        .file(
            "templates/page.html",
            "{% for path in ['a', '/fr/a', '/'] %}{{ get_url(path=path, lang='fr') }} {% endfor %}{{ page.content | safe }}",
        )
        .file("content/a.md", page("", "x[^1]\n\n[^1]: y\n\n    ```\n    z\n    ```\n"))
        .serve();
    let html = server.get("/a/").text();
    let addresses = ["/fr/a ", "/fr/a ", "/fr/ "].map(|end| format!("https://example.org{end}"));
    assert!(html.starts_with(&addresses.concat()), "{html}");
    assert!(
        html.contains("z\n</code></pre>\n <a href=\"#fr-1-1\">↩</a></li>"),
        "{html}"
    );
}

//! Websites in Zola's layout, a site for each feature.

use crate::support::Site;

const CONFIG: &str = "base_url = \"https://example.org\"\ntitle = \"T\"\n";
const PAGE: &str = "{{ page.title }}|{{ page.content | safe }}";

/// A site with a template for pages and one for lists.
/// A site with this below the first lines of its configuration.
pub fn site(config: &str) -> Site {
    Site::new("s")
        .file("config.toml", format!("{CONFIG}{config}"))
        .file("templates/page.html", PAGE)
        .file(
            "templates/section.html",
            "{{ section.title }}:{% for p in paginator.pages | default(value=section.pages) %} {{ p.title }}{% endfor %}{% if paginator %} {{ paginator.current_index }}/{{ paginator.number_pagers }}{% endif %}",
        )
        .file("templates/index.html", "home {{ section.content | safe }}")
}

/// A page with these keys.
pub fn page(keys: &str, text: &str) -> String {
    format!("+++\n{keys}\n+++\n{text}")
}

#[test]
fn pages_sections_and_files_beside_them() {
    let server = site("")
        .file(
            "content/_index.md",
            page("", "hello [a](@/blog/a/index.md#one)"),
        )
        .file(
            "content/blog/_index.md",
            page("title = \"Blog\"\nsort_by = \"date\"\npaginate_by = 2", ""),
        )
        .file(
            "content/blog/a/index.md",
            page(
                "title = \"A\"\ndate = 2020-01-01\naliases = [\"old\", \"x/y.html\"]",
                "# One\n![p](p.txt)",
            ),
        )
        .file("content/blog/a/p.txt", "beside")
        .file("content/blog/2021-02-03-B c.md", page("title = \"B\"", ""))
        .file(
            "content/blog/c.md",
            page("title = \"C\"\ndate = 2019-01-01\nslug = \"Sea\"", ""),
        )
        .file(
            "content/orphans/o.md",
            page("title = \"O\"\npath = \"else/where\"", ""),
        )
        .file("content/draft.md", page("title = \"D\"\ndraft = true", ""))
        .file("static/site.txt", "static")
        .serve();
    let text = |path: &str| server.get(path).text();
    assert_eq!(
        text("/"),
        "home <p>hello <a href=\"https://example.org/blog/a/#one\">a</a></p>\n"
    );
    assert_eq!(text("/blog/"), "Blog: B A 1/2");
    assert_eq!(text("/blog/page/2/"), "Blog: C 2/2");
    assert_eq!(
        text("/blog/a/"),
        "A|<h1 id=\"one\">One</h1>\n<p><img src=\"https://example.org/blog/a/p.txt\" alt=\"p\" /></p>\n"
    );
    assert_eq!(text("/blog/a/p.txt"), "beside");
    assert_eq!(text("/blog/b-c/"), "B|");
    assert_eq!(text("/blog/sea/"), "C|");
    assert_eq!(text("/else/where/"), "O|");
    assert_eq!(text("/site.txt"), "static");
    assert_eq!(server.get("/draft/").status(), 404);
    for (from, to) in [
        ("/old/", "/blog/a/"),
        ("/x/y.html", "/blog/a/"),
        ("/blog/page/1/", "/blog/"),
        ("/blog", "/blog/"),
    ] {
        let response = server.get(from);
        assert_eq!(
            (response.status(), response.header("location")),
            (301, Some(to)),
            "{from}"
        );
    }
    assert!(text("/sitemap.xml").contains("<loc>https://example.org/blog/page/2/</loc>"));
    assert_eq!(
        text("/robots.txt"),
        "User-agent: *\nDisallow:\nAllow: /\nSitemap: https://example.org/sitemap.xml\n"
    );
}

#[test]
fn a_theme_is_there_and_the_site_overrides_it() {
    let server = Site::new("s")
        .file(
            "config.toml",
            format!("{CONFIG}theme = \"t\"\ncompile_sass = true\n[extra]\na = 1\n"),
        )
        .file("themes/t/theme.toml", "[extra]\na = 2\nb = 3\n")
        .file(
            "themes/t/templates/base.html",
            "{% block x %}theme{% endblock %} {{ config.extra.a }}{{ config.extra.b }}",
        )
        .file(
            "themes/t/templates/index.html",
            "{% extends \"base.html\" %}",
        )
        .file("themes/t/templates/page.html", "theme's page")
        .file("themes/t/sass/site.scss", "$c: red; a { b { color: $c } }")
        .file("themes/t/static/x.txt", "theme")
        .file("themes/t/static/y.txt", "theme")
        .file("static/x.txt", "own")
        .file(
            "templates/page.html",
            "{% extends \"t/templates/base.html\" %}{% block x %}own{% endblock %}",
        )
        .file("content/a.md", page("", ""))
        .serve();
    let text = |path: &str| server.get(path).text();
    assert_eq!(text("/"), "theme 13");
    assert_eq!(text("/a/"), "own 13");
    assert_eq!(text("/site.css"), "a b{color:red}");
    assert_eq!(
        (text("/x.txt"), text("/y.txt")),
        ("own".into(), "theme".into())
    );
}

#[test]
fn taxonomies_and_feeds() {
    let server = site("generate_feeds = true\nfeed_filenames = [\"atom.xml\", \"rss.xml\"]\ntaxonomies = [{ name = \"tags\", feed = true, paginate_by = 1 }]\n")
        .file("templates/tags/list.html", "{% for t in terms %}{{ t.name }}={{ t.page_count }} {% endfor %}")
        .file("templates/tags/single.html", "{{ term.name }}:{% for p in paginator.pages %}{{ p.title }}{% endfor %} {{ paginator.next | default(value=\"-\") | safe }}")
        .file("content/a.md", page("title = \"A\"\ndate = 2020-01-01\n[taxonomies]\ntags = [\"Big Cat\", \"x\"]", "a"))
        .file("content/b.md", page("title = \"B\"\ndate = 2021-01-01\nupdated = 2022-01-01\n[taxonomies]\ntags = [\"big cat\"]", "b"))
        .serve();
    let text = |path: &str| server.get(path).text();
    assert_eq!(text("/tags/"), "Big Cat=2 x=1 ");
    assert_eq!(
        text("/tags/big-cat/"),
        "Big Cat:B https://example.org/tags/big-cat/page/2/"
    );
    assert_eq!(text("/tags/big-cat/page/2/"), "Big Cat:A -");
    let atom = server.get("/atom.xml");
    assert_eq!(atom.header("content-type"), Some("application/atom+xml"));
    let atom = atom.text();
    assert!(
        atom.find("<title>B</title>") < atom.find("<title>A</title>"),
        "{atom}"
    );
    assert!(
        atom.contains("<updated>2022-01-01T00:00:00+00:00</updated>"),
        "{atom}"
    );
    assert_eq!(
        server.get("/rss.xml").header("content-type"),
        Some("application/rss+xml")
    );
    assert_eq!(server.get("/tags/x/atom.xml").status(), 200);
}

#[test]
fn markdown_and_shortcodes() {
    let server = site("[markdown]\nsmart_punctuation = true\nbottom_footnotes = true\ngithub_alerts = true\nexternal_links_target_blank = true\n[markdown.highlighting]\nstyle = \"class\"\ntheme = \"nord\"\n")
        .file("templates/shortcodes/box.html", "<div>{{ nth }} {{ body | markdown | safe }}</div>")
        .file("templates/shortcodes/row.md", "# Row {{ n }}")
        .file("content/a.md", page("title = \"A\"", "\
# Same\n# Same\n# Other {#same-2 .c}\n\n{% box() %}\n*in*\n{% end %}\n\n{{ row(n=7) }}\n\n\
before \"q\"<!-- more --> after[^n]\n\n> [!TIP]\n> t\n\n[out](https://example.com)\n\n{{/* box() */}}\n\n\
```rust,linenos,hide_lines=2\nfn a() {}\nfn hidden() {}\n```\n\n[^n]: note\n"))
        .file("content/_index.md", page("", "[s](@/a.md#row-7)"))
        .file("templates/index.html", "{% set p = get_page(path=\"a.md\") %}{{ p.summary | safe }}|{% for h in p.toc %}{{ h.id }} {% endfor %}")
        .serve();
    let html = server.get("/a/").text();
    for wanted in [
        "<h1 id=\"same\">Same</h1>",
        "<h1 id=\"same-1\">Same</h1>",
        "<h1 id=\"same-2\" class=\"c\">Other</h1>",
        "<div>1 <p><em>in</em></p>\n</div>",
        "<h1 id=\"row-7\">Row 7</h1>",
        "“q”<span id=\"continue-reading\"></span> after<sup class=\"footnote-reference\" id=\"fr-n-1\"><a href=\"#fn-n\">1</a></sup>",
        "<blockquote class=\"markdown-alert-tip\">",
        "<a rel=\"noopener external\" target=\"_blank\" href=\"https://example.com\">out</a>",
        "{{ box() }}",
        "class=\"giallo-ln\">1</span>",
        "<li id=\"fn-n\">",
    ] {
        assert!(html.contains(wanted), "{wanted}\n{html}");
    }
    assert!(!html.contains("fn hidden"), "{html}");
    let home = server.get("/").text();
    assert!(home.contains("before “q”&hellip;\n</p>"), "{home}");
    assert!(home.ends_with("|same same-1 same-2 row-7 "), "{home}");
    assert_eq!(server.get("/giallo.css").status(), 200);
}

#[test]
fn several_languages() {
    let server = site("[translations]\nhi = \"hello\"\n[languages.fr]\ntitle = \"F\"\ngenerate_feeds = true\n[languages.fr.translations]\nhi = \"salut\"\n")
        .file("templates/page.html", "{{ lang }} {{ trans(key=\"hi\", lang=lang) }} {% for t in page.translations %}{{ t.lang }}={{ t.permalink | safe }} {% endfor %}{{ config.title }}")
        .file("content/a.md", page("title = \"A\"", ""))
        .file("content/a.fr.md", page("title = \"A\"\ndate = 2020-01-01", ""))
        .serve();
    let links = "fr=https://example.org/fr/a/ en=https://example.org/a/";
    assert_eq!(server.get("/a/").text(), format!("en hello {links} T"));
    assert_eq!(server.get("/fr/a/").text(), format!("fr salut {links} F"));
    assert_eq!(server.get("/fr/").status(), 200);
    assert_eq!(server.get("/fr/atom.xml").status(), 200);
}

#[test]
fn data_pictures_and_hashes() {
    // A picture of 2 × 1 pixels.
    let png = include_bytes!("two-by-one.png");
    let server = site("")
        .file("data/x.csv", "a,b\n1,2\n")
        .file("content/a/index.md", page("title = \"A\"", ""))
        .file("content/a/p.png", png)
        .file("templates/page.html", "{% set d = load_data(path=\"data/x.csv\") %}{{ d.records[0][1] }} \
{% set m = get_image_metadata(path=\"a/p.png\") %}{{ m.width }}x{{ m.height }} \
{% set r = resize_image(path=page.colocated_path ~ \"p.png\", width=1, height=1, op=\"fill\") %}{{ r.url | safe }} \
{{ get_hash(literal=\"x\", sha_type=256, base64=false) }} {{ 1234567 | num_format }} {{ \"aXQ=\" | base64_decode }} {{ now() | date(format=\"%Y\") | length }}")
        .serve();
    let text = server.get("/a/").text();
    let parts: Vec<&str> = text.split(' ').collect();
    assert_eq!(parts[..2], ["2", "2x1"], "{text}");
    let picture = server.get(parts[2].trim_start_matches("https://example.org"));
    assert_eq!(
        (picture.status(), picture.header("content-type")),
        (200, Some("image/png"))
    );
    assert_eq!(
        parts[3],
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    );
    assert_eq!(parts[4..], ["1,234,567", "it", "4"]);
}

#[test]
fn mistakes_have_a_file_and_a_line() {
    site("")
        .file("content/a.md", page("", "x\n\n[b](@/nowhere.md)"))
        .check()
        .code(1)
        .tells("`@/nowhere.md` leads to no file of `content/`")
        .tells("s/content/a.md:6:5");
    site("")
        .file("content/a.md", page("", "[b](@/a.md#nowhere)"))
        .check()
        .code(1)
        .tells("no heading or id `nowhere`");
    site("")
        .file("content/a.md", page("", "{{ none() }}"))
        .check()
        .code(1)
        .tells("there is no shortcode `none`")
        .tells("s/content/a.md:4:1");
    site("")
        .file("content/a.md", page("date = 2024-02-30", ""))
        .check()
        .code(1)
        .tells("s/content/a.md:2");
    site("")
        .file("content/a.md", page("date = \"2024-02-30\"", ""))
        .check()
        .code(1)
        .tells("no date that exists");
    site("")
        .file("content/a.md", page("title = [", ""))
        .check()
        .code(1)
        .tells("not valid TOML in the front matter");
    site("")
        .file("content/a.md", "no front matter")
        .check()
        .code(1)
        .tells("has no front matter");
    site("")
        .file("content/a.md", page("template = \"none.html\"", ""))
        .check()
        .code(1)
        .tells("there is no template `none.html`")
        .tells("s/content/a.md:2:12");
    site("")
        .file("content/a.md", page("slug = \"b\"", ""))
        .file("content/b.md", page("", ""))
        .check()
        .code(1)
        .tells("two files claim the path `/b/`");
    site("")
        .file("content/a.md", page("titel = \"x\"", ""))
        .check()
        .code(1)
        .tells("did you mean `title`?");
    site("theme = \"gone\"\n")
        .file("content/a.md", page("", ""))
        .check()
        .code(1)
        .tells("there is no theme `gone`");
    site("generate_feed = true\n")
        .file("content/a.md", page("", ""))
        .build()
        .code(0)
        .tells("it is `generate_feeds` now");
    site("")
        .file("content/a.md", page("", ""))
        .file("templates/page.html", "\n{{ page.nothing }}")
        .check()
        .code(1)
        .tells("page.nothing")
        .tells("s/templates/page.html:2:4");
    site("")
        .file("content/a.md", page("", ""))
        .file("templates/page.html", "\n{% if %}")
        .check()
        .code(1)
        .tells("s/templates/page.html:2");
    site("compile_sass = true\n")
        .file("content/a.md", page("", ""))
        .file("sass/a.scss", "a {\n b: $c;\n}")
        .check()
        .code(1)
        .tells("s/sass/a.scss:2");
}

#[test]
fn hostile_templates_are_bounded() {
    for (template, why) in [
        ("{% include \"page.html\" %}", "without an end"),
        ("{% import \"m.html\" as m %}{{ m::f() }}", "without an end"),
        (
            "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}",
            "loops went round",
        ),
        (
            "{% for a in range(end=100000000) %}{% endfor %}",
            "at most a million",
        ),
        ("{{ load_data(path=\"../x\") }}", "leads out of the site"),
        (
            "{{ load_data(url=\"https://example.org\") }}",
            "is not fetched",
        ),
        ("{{ get_env(name=\"HOME\") }}", "is not read"),
    ] {
        site("")
            .file("content/a.md", page("", ""))
            .file(
                "templates/m.html",
                "{% macro f() %}{{ self::f() }}{% endmacro f %}",
            )
            .file("templates/page.html", template)
            .check()
            .code(1)
            .tells(why);
    }
    site("")
        .file("content/a/index.md", page("", ""))
        .file("content/a/p.png", "no picture")
        .file(
            "templates/page.html",
            "{{ resize_image(path=\"a/p.png\", width=1, height=1) }}",
        )
        .check()
        .code(1)
        .tells("no picture that can be resized");
}

#[test]
fn what_zola_gives_for_the_small_things() {
    let server = site("minify_html = true\ntaxonomies = [{ name = \"tags\", feed = true }]\n")
        .file(
            "templates/page.html",
            "<div>\n <p> {{ page.title }} </p>\n</div>{{ page.word_count }} {{ get_random(end=1000000) }} {{ get_random(end=1000000) }}{{ page.content | safe }}",
        )
        .file("templates/tags/list.html", "")
        .file("templates/tags/single.html", "")
        .file(
            "content/a.md",
            page(
                "title = \"A\"\n[taxonomies]\ntags = [\"undated\"]",
                "two words\n\n# H\n[in](#h) [by](./b.png)\n\n```rs\nnot counted\n```",
            ),
        )
        .serve();
    let text = |path: &str| server.get(path).text();
    let a = text("/a/");
    assert!(a.starts_with("<div><p>A</p></div>"), "{a}");
    assert!(a.contains("href=\"https://example.org/a/#h\""), "{a}");
    assert!(a.contains("href=\"https://example.org/a/./b.png\""), "{a}");
    let numbers: Vec<&str> = a
        .trim_start_matches("<div><p>A</p></div>")
        .split(['<', ' '])
        .take(3)
        .collect();
    assert_eq!(numbers[0], "7", "{a}");
    assert_ne!(numbers[1], numbers[2], "ids are made of them: {a}");
    // A feed without dated pages is a feed all the same.
    assert!(text("/tags/undated/atom.xml").contains("<feed"));
}

#[test]
fn drafts_when_they_are_asked_for() {
    let site = site("").file(
        "content/d.md",
        page("title = \"D\"\ndraft = true", "[x](@/none.md)"),
    );
    site.run(["check", site.name()]).code(0);
    site.run(["check", "--drafts", site.name()])
        .code(1)
        .tells("leads to no file of `content/`");
}

#[test]
fn a_variable_that_doubles_is_bounded() {
    for growth in ["s ~ s", "s | replace(from=\"0\", to=\"00\")"] {
        site("")
            .file("content/a.md", page("title = \"A\"", ""))
            .file(
                "templates/page.html",
                format!("{{% set s = \"0123456789\" %}}{{% for i in range(end=1000) %}}{{% set_global s = {growth} %}}{{% endfor %}}"),
            )
            .check()
            .code(1)
            .tells("a variable grew beyond 32 MB");
    }
}

#[test]
fn a_base_url_with_a_path_is_served_there_too() {
    let server = site("")
        .file(
            "config.toml",
            "base_url = \"https://example.org/sub\"\ntitle = \"T\"\n",
        )
        .file(
            "content/a.md",
            page("title = \"A\"\naliases = [\"old\"]", ""),
        )
        .serve();
    for path in ["/a/", "/sub/a/", "/sub/"] {
        assert_eq!(server.get(path).status(), 200, "{path}");
    }
    for (from, to) in [
        ("/sub", "/sub/"),
        ("/sub/a", "/sub/a/"),
        ("/sub/old/", "/sub/a/"),
    ] {
        assert_eq!(server.get(from).header("location"), Some(to), "{from}");
    }
}

#[test]
fn folders_keep_their_names_and_pages_have_slugs() {
    let server = site("")
        .file("content/get_started/_index.md", page("title = \"G\"", ""))
        .file("content/get_started/P_q.md", page("title = \"P\"", ""))
        .file("content/a_b/c_d/index.md", page("title = \"C\"", ""))
        .serve();
    for path in ["/get_started/", "/get_started/p-q/", "/a_b/c-d/"] {
        assert_eq!(server.get(path).status(), 200, "{path}");
    }
}

#[test]
fn syntaxes_and_themes_of_the_site_itself() {
    let highlighting = "[markdown.highlighting]\ntheme = \"mine\"\nextra_themes = [\"mine.json\"]\nextra_grammars = [\"syntaxes/toy.sublime-syntax\"]\n";
    let site = |config: &str| {
        site(config)
        .file("mine.json", r##"{"colors":{"editor.background":"#010203","editor.foreground":"#fefefe"},"tokenColors":[{"scope":"keyword","settings":{"foreground":"#ab1234"}}]}"##)
        .file("syntaxes/toy.sublime-syntax", "%YAML 1.2\n---\nname: Toy\nfile_extensions: [toy]\nscope: source.toy\ncontexts:\n  main:\n    - match: '\\blet\\b'\n      scope: keyword.toy\n")
        .file("syntaxes/x.tmLanguage.json", r#"{"name":"x","scopeName":"source.x","patterns":[]}"#)
        .file("content/a.md", page("title = \"A\"", "```toy\nlet x\n```"))
    };
    let html = site(highlighting).serve().get("/a/").text();
    for wanted in ["#010203", "<span style=\"color:#ab1234;\">let</span>"] {
        assert!(html.contains(wanted), "{wanted}\n{html}");
    }
    // As it was before Zola 0.22: a folder, and what is in it.
    let old = "[markdown]\nhighlight_code = true\nhighlight_theme = \"nord\"\nextra_syntaxes_and_themes = [\"syntaxes\"]\n";
    site(old)
        .check()
        .tells("x.tmLanguage.json` is a TextMate grammar, which is not read")
        .tells("s/config.toml:6");
    for (config, why) in [
        (
            "extra_themes = [\"gone.json\"]",
            "there is no file and no folder `gone.json`",
        ),
        ("extra_themes = [\"../x.json\"]", "leads out of the site"),
        (
            "extra_grammars = [\"content/a.md\"]",
            "no syntax and no theme",
        ),
    ] {
        site(&format!(
            "[markdown.highlighting]\ntheme = \"nord\"\n{config}\n"
        ))
        .check()
        .code(1)
        .tells(why)
        .tells("s/config.toml:5");
    }
}

#[test]
fn what_is_missing_is_named_with_its_place() {
    for (template, why) in [
        (
            "{{ get_section(path=\"none/_index.md\") }}",
            "none/_index.md",
        ),
        ("{{ get_page(path=\"none.md\") }}", "none.md"),
        (
            "{{ resize_image(path=\"none.png\", width=1, height=1) }}",
            "there is no file `none.png`",
        ),
        (
            "{{ load_data(path=\"none.json\", required=true) }}",
            "none.json",
        ),
        ("{% include \"none.html\" %}", "none.html"),
        ("{% extends \"none.html\" %}", "none.html"),
    ] {
        site("")
            .file("content/a.md", page("", ""))
            .file("templates/page.html", format!("\n{template}"))
            .check()
            .code(1)
            .tells(why)
            .tells("s/templates/page.html");
    }
}

#[test]
fn a_page_of_a_hundred_megabytes_is_refused() {
    site("")
        .file(
            "content/a.md",
            page("", &"a word and more\n".repeat(7_000_000)),
        )
        .check()
        .code(1)
        .tells("s/content/a.md");
}

#[test]
fn a_taxonomy_takes_the_place_of_a_section() {
    let site = site("taxonomies = [{ name = \"tags\" }]\n")
        .file("templates/tags/list.html", "list")
        .file("templates/tags/single.html", "single")
        .file("content/tags/_index.md", page("title = \"T\"", ""))
        .file(
            "content/a.md",
            page("title = \"A\"\n[taxonomies]\ntags = [\"x\"]", ""),
        );
    site.check()
        .tells("the page of a taxonomy is served at `/tags/`, and not what `s/content/tags/_index.md` would be");
    assert_eq!(site.serve().get("/tags/").text(), "list");
}

#[test]
fn a_language_that_the_search_knows_nothing_of_is_told() {
    for (lang, format, told) in [
        ("zh", "elasticlunr_json", true),
        ("zh", "fuse_json", false),
        ("de", "elasticlunr_json", false),
    ] {
        let keys = format!("default_language = \"{lang}\"\nbuild_search_index = true\n");
        let site = site(&format!("{keys}[search]\nindex_format = \"{format}\"\n"));
        let ran = site.file("content/a.md", page("title = \"A\"", "")).check();
        let tells = ran.stderr.contains("takes its words apart as English");
        assert_eq!(tells, told, "{lang}, {format}: {ran:?}");
    }
}

#[test]
fn templates_see_what_the_configuration_says() {
    let server = site("[markdown.highlighting]\nlight_theme = \"nord\"\ndark_theme = \"nord\"\n")
        .file(
            "templates/page.html",
            "{% if config.markdown.highlighting.theme %}one{% else %}{{ config.markdown.highlighting.dark_theme }}{% endif %} {{ config.languages | length }} {{ config.markdown.insert_anchor_links }}",
        )
        .file("content/a.md", page("title = \"A\"", ""))
        .serve();
    assert_eq!(server.get("/a/").text(), "nord 0 none");
}

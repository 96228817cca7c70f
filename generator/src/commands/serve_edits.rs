//! Random edits of a website: what `serve` makes of it each time, with all it
//! has kept, is what a build that remembers nothing makes of it. Byte for byte,
//! and error for error.
//!
//! The edits come from a seed, so that a failure comes again. `EDITS_SEED` and
//! `EDITS_ROUNDS` in the environment run others, and more.

use std::{collections::BTreeMap, fs, path::Path};

use super::pipeline;
use crate::{render::Serving, report::Diagnostics, serve::Generation};

/// Numbers that look random (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// The site: every function that reads more than its own page is in it.
const SITE: &[(&str, &str)] = &[
    (
        "config.toml",
        "base_url = \"https://example.org\"\ntitle = \"One\"\ntheme = \"t\"\ncompile_sass = true\ngenerate_feeds = true\n\
         build_search_index = true\ntaxonomies = [{ name = \"tags\", feed = true, paginate_by = 2 }]\n\
         [markdown.highlighting]\ntheme = \"nord\"\n[extra]\nx = 1\n",
    ),
    ("data.toml", "n = 1\n"),
    ("static/a.txt", "text"),
    ("sass/site.scss", "@import \"part\";\nbody { color: $c; }\n"),
    ("sass/_part.scss", "$c: red;\n"),
    (
        "content/_index.md",
        "+++\ntitle = \"Root\"\n+++\n[first](@/blog/p0.md)\n",
    ),
    (
        "content/blog/_index.md",
        "+++\ntitle = \"Blog\"\nsort_by = \"date\"\npaginate_by = 3\n+++\n",
    ),
    (
        "content/docs/_index.md",
        "+++\nsort_by = \"title\"\ntransparent = true\n+++\n",
    ),
    (
        "templates/base.html",
        "{% import \"m.html\" as m %}<!doctype html><title>{{ config.title }}</title>\
         <link rel=stylesheet href=\"{{ get_url(path='site.css', cachebust=true) }}\">\
         {% set s = get_section(path='blog/_index.md', metadata_only=true) %}{{ s.title }}\
         {% set d = load_data(path='data.toml') %}{{ d.n }} {{ get_hash(path='a.txt') }}\
         {% block content %}{% endblock %}",
    ),
    (
        "templates/m.html",
        "{% macro one(p) %}<a href=\"{{ p.permalink }}\">{{ p.title }} {{ p.summary | default(value='') | safe }}</a>{% endmacro %}",
    ),
    (
        "templates/index.html",
        "{% extends \"base.html\" %}{% block content %}{{ section.content | safe }}\
         {{ resize_image(path='blog/pic.png', width=4, height=4, op='fill') | get(key='url') }}\
         {{ get_image_metadata(path='blog/pic.png') | get(key='width') }}\
         {% set b = get_section(path='blog/_index.md') %}{% for p in b.pages %}{{ m::one(p=p) }}{% endfor %}\
         {% set t = get_taxonomy(kind='tags') %}{% for i in t.items %}{{ i.name }} {{ i.pages | length }}{% endfor %}{% endblock %}",
    ),
    (
        "templates/section.html",
        "{% extends \"base.html\" %}{% block content %}{% if paginator %}{% for p in paginator.pages %}{{ m::one(p=p) }}{% endfor %}\
         {{ paginator.number_pagers }}{% else %}{% for p in section.pages %}{{ p.title }}{% endfor %}{% endif %}{% endblock %}",
    ),
    (
        "templates/page.html",
        "{% extends \"base.html\" %}{% block content %}<h1>{{ page.title }}</h1>{{ page.content | safe }}\
         {{ \"*x* [r](@/_index.md)\" | markdown }}\
         {% if page.lower %}{{ page.lower.title }}{% endif %}{% if page.higher %}{{ m::one(p=page.higher) }}{% endif %}\
         {% for b in page.backlinks %}{{ b.title }}{% endfor %}\
         {% for t in page.taxonomies.tags | default(value=[]) %}{{ get_taxonomy_url(kind='tags', name=t) }}\
         {% set term = get_taxonomy_term(kind='tags', term=t) %}{{ term.page_count }}{% endfor %}\
         {% for a in page.assets %}{{ a }}{% endfor %}{{ page.word_count }}{% endblock %}",
    ),
    (
        "templates/shortcodes/near.html",
        "<b>{{ nth }} {{ page.title | default(value='') }} {% set p = get_page(path='blog/p1.md') %}{{ p.title }}</b>",
    ),
    ("templates/shortcodes/md.md", "*{{ x }}*"),
    ("themes/t/theme.toml", "name = \"t\"\n[extra]\ny = 1\n"),
    (
        "themes/t/templates/404.html",
        "missing {{ config.extra.y }}",
    ),
    (
        "themes/t/templates/tags/single.html",
        "{{ term.name }}{% for p in paginator.pages %}{{ p.title }}{% endfor %}",
    ),
    (
        "themes/t/templates/tags/list.html",
        "{% for t in terms %}{{ t.name }}{{ t.page_count }}{% endfor %}",
    ),
];

fn page(dice: &mut Dice, n: usize) -> String {
    let tags = ["a", "b", "c"];
    let mut text = format!(
        "+++\ntitle = \"Page {n} {}\"\ndate = 20{:02}-01-0{}\n",
        dice.below(3),
        dice.below(9) + 10,
        dice.below(9) + 1
    );
    if dice.below(8) == 0 {
        text.push_str("draft = true\n");
    }
    if dice.below(3) > 0 {
        text.push_str(&format!(
            "[taxonomies]\ntags = [\"{}\"]\n",
            tags[dice.below(3)]
        ));
    }
    text.push_str("+++\nFirst.\n<!-- more -->\n## Place\n\n");
    for _ in 0..dice.below(3) {
        text.push_str(match dice.below(5) {
            0 => "{{ near() }}\n",
            1 => "{{ md(x=\"y\") }}\n",
            2 => "```rust\nfn f() {}\n```\n",
            3 => "[root](@/_index.md)\n",
            _ => "[p0](@/blog/p0.md#place)\n",
        });
    }
    text
}

/// A picture of one colour.
fn picture(dice: &mut Dice) -> Vec<u8> {
    let colour = image::Rgb([dice.below(4) as u8 * 60, 0, 0]);
    let picture = image::RgbImage::from_pixel(8 + dice.below(3) as u32, 8, colour);
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// A file that is there goes, one that is not comes.
fn toggle(root: &Path, path: &str, text: &str) -> String {
    let at = root.join(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    if fs::remove_file(&at).is_ok() {
        return format!("remove {path}");
    }
    fs::write(at, text).unwrap();
    format!("add {path}")
}

/// One edit, described.
fn edit(dice: &mut Dice, root: &Path, broken: &mut Option<(String, Vec<u8>)>) -> String {
    if let Some((path, before)) = broken.take() {
        fs::write(root.join(&path), before).unwrap();
        return format!("mend {path}");
    }
    let n = dice.below(8);
    let path = format!("content/{}/p{n}.md", ["blog", "docs"][dice.below(2)]);
    let at = root.join(&path);
    let replace = |path: &str, from: &str, to: &str| {
        let text = fs::read_to_string(root.join(path)).unwrap();
        fs::write(root.join(path), text.replacen(from, to, 1)).unwrap();
        format!("{path}: `{from}` to `{to}`")
    };
    match dice.below(21) {
        0..5 => {
            fs::write(&at, page(dice, n)).unwrap();
            format!("write {path}")
        }
        5 => {
            let _ = fs::remove_file(&at);
            format!("remove {path}")
        }
        6 => {
            let to = root.join(format!("content/docs/q{}.md", dice.below(4)));
            let _ = fs::rename(&at, &to);
            format!("rename {path} to {}", to.display())
        }
        7 => match at.exists() {
            true => {
                let mut text = fs::read_to_string(&at).unwrap();
                text.push_str(&format!("\nMore, {}.\n", dice.below(100)));
                fs::write(&at, text).unwrap();
                format!("append to {path}")
            }
            false => "nothing".to_owned(),
        },
        8 => {
            let template =
                ["base", "m", "index", "section", "page", "shortcodes/near"][dice.below(6)];
            let path = format!("templates/{template}.html");
            let to = format!("<i>{}</i>{{{{", dice.below(9));
            replace(&path, "{{", &to)
        }
        9 => replace(
            "config.toml",
            "title = \"",
            &format!("title = \"{}", dice.below(9)),
        ),
        10 => {
            fs::write(root.join("data.toml"), format!("n = {}\n", dice.below(9))).unwrap();
            "data.toml".to_owned()
        }
        11 => {
            fs::write(root.join("static/a.txt"), format!("{}", dice.below(9))).unwrap();
            "static/a.txt".to_owned()
        }
        12 => {
            fs::write(
                root.join("sass/_part.scss"),
                format!("$c: #{}00;\n", dice.below(9)),
            )
            .unwrap();
            "sass/_part.scss".to_owned()
        }
        13 => {
            let path = format!("content/blog/p9/{}", ["x.txt", "y.txt"][dice.below(2)]);
            fs::create_dir_all(root.join("content/blog/p9")).unwrap();
            fs::write(root.join("content/blog/p9/index.md"), page(dice, 9)).unwrap();
            fs::write(root.join(&path), "asset").unwrap();
            path
        }
        14 => replace(
            "themes/t/theme.toml",
            "y = ",
            &format!("y = {}", dice.below(9) + 1),
        ),
        15 => {
            fs::write(root.join("content/blog/pic.png"), picture(dice)).unwrap();
            "content/blog/pic.png".to_owned()
        }
        16 => {
            let keys = ["", "sort_by = \"title\"\n", "paginate_by = 2\n"][dice.below(3)];
            let transparent = ["", "transparent = true\n"][dice.below(2)];
            let section = ["blog", "docs"][dice.below(2)];
            let text = format!(
                "+++\ntitle = \"{}\"\n{keys}{transparent}+++\n",
                dice.below(9)
            );
            fs::write(root.join(format!("content/{section}/_index.md")), text).unwrap();
            format!("content/{section}/_index.md: {keys}{transparent}")
        }
        17 => {
            let path = ["tags/single", "tags/list", "404"][dice.below(3)];
            let path = format!("themes/t/templates/{path}.html");
            replace(&path, "{{", &format!("{}{{{{", dice.below(9)))
        }
        // What takes the place of something else, comes and goes.
        18 => match dice.below(3) {
            0 => toggle(root, "templates/404.html", "own {{ config.title }}"),
            1 => toggle(root, "templates/tags/single.html", "own {{ term.name }}"),
            _ => toggle(root, "themes/t/templates/shortcodes/near.html", "theme"),
        },
        19 => match dice.below(4) {
            0 => toggle(
                root,
                "sass/other.scss",
                "@import \"part\"; a { color: $c; }",
            ),
            1 => toggle(root, "static/b/c.txt", "c"),
            2 => toggle(root, "themes/t/static/a.txt", "theme"),
            _ => {
                let _ = fs::rename(root.join("content/docs"), root.join("content/moved"));
                fs::create_dir_all(root.join("content/docs")).unwrap();
                "rename content/docs to content/moved".to_owned()
            }
        },
        _ => {
            let victims = [
                "config.toml",
                "templates/page.html",
                "content/_index.md",
                "sass/site.scss",
            ];
            let path = victims[dice.below(4)].to_owned();
            let before = fs::read(root.join(&path)).unwrap();
            let wrong = [&b"+++\n{{ no(such= }} [x](@/none.md) {"[..], &before[..]].concat();
            fs::write(root.join(&path), wrong).unwrap();
            let told = format!("break {path}");
            *broken = Some((path, before));
            told
        }
    }
}

/// A generation, or everything that was told of why there is none.
fn build(root: &Path, serving: &Serving) -> Result<Generation, String> {
    let mut diagnostics = Diagnostics::new();
    let result = pipeline::generation(root, &[], serving, &mut diagnostics);
    let mut told: BTreeMap<String, ()> = diagnostics
        .iter()
        .map(|diagnostic| (diagnostic.render(false), ()))
        .collect();
    result.map_err(|failure| {
        told.extend(failure.diagnostic.map(|d| (d.render(false), ())));
        told.into_keys().collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn what_is_kept_changes_nothing() {
    let number = |name: &str, default: u64| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let rounds = number("EDITS_ROUNDS", 3);
    let seed = number("EDITS_SEED", 7);
    let (mut built, mut failed) = (0, 0);
    for round in 0..rounds {
        let mut dice = Dice(seed + round);
        let site = tempfile::tempdir().unwrap();
        let root = site.path();
        for (path, text) in SITE {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(root.join("content/blog/pic.png"), picture(&mut dice)).unwrap();
        for n in 0..6 {
            let path = root.join(format!("content/blog/p{n}.md"));
            fs::write(path, page(&mut dice, n)).unwrap();
        }
        let serving = Serving::new("http://127.0.0.1:1".to_owned());
        let mut broken = None;
        let mut history = Vec::new();
        for _ in 0..30 {
            let kept = build(root, &serving);
            let clean = build(root, &Serving::new("http://127.0.0.1:1".to_owned()));
            match (&kept, &clean) {
                (Ok(kept), Ok(clean)) => {
                    built += 1;
                    let changes = kept.changes_since(clean);
                    assert!(
                        changes.is_empty(),
                        "seed {}: {changes:?} after {history:#?}",
                        seed + round
                    );
                }
                (kept, clean) => {
                    failed += 1;
                    assert_eq!(
                        kept.as_ref().err(),
                        clean.as_ref().err(),
                        "seed {}, after {history:#?}",
                        seed + round
                    );
                }
            }
            history.push(edit(&mut dice, root, &mut broken));
        }
    }
    // Both ways have to be walked, or this holds nothing.
    assert!(built > 10 && failed > 3, "{built} built, {failed} failed");
}

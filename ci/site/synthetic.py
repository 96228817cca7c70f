"""A website of so many pages, the same twice: in Zola's layout for applgen, and as
Hugo has it, with the same texts. Sections, two taxonomies, macros, highlighted
code in a third of the pages, links between pages, feeds, pagination.

usage: synthetic.py PAGES ZOLA-DIRECTORY [HUGO-DIRECTORY]
"""

import os
import random
import sys

WORDS = """lorem image boots kernel bundle serves packet header frame static small
page server address memory reads writes quickly answers bytes cache looks path tree
record zone signs checks every build once before after while nothing else""".split()
TAGS = [f"tag-{n}" for n in range(40)]
CATEGORIES = [f"category-{n}" for n in range(8)]
CODE = {
    "rust": 'fn answer(n: u32) -> Result<String, Error> {{\n    let text = format!("{{n}} is {w}");\n    match n {{\n        0..=9 => Ok(text), // few\n        _ => Err(Error::new("{w}")),\n    }}\n}}\n',
    "python": 'class {w}:\n    """What {w} does."""\n    def run(self, n=10):\n        return [x ** 2 for x in range(n) if x % 2 == 0]\n',
    "sh": 'for name in *.md; do\n    echo "$name: {w}" | tee -a log # each\ndone\n',
}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def sentence(dice):
    words = [dice.choice(WORDS) for _ in range(dice.randint(6, 16))]
    return " ".join(words).capitalize() + "."


def body(dice, n, pages, link):
    parts = []
    for part in range(dice.randint(3, 6)):
        parts.append(f"## {sentence(dice)[:-1]}\n")
        for _ in range(dice.randint(1, 3)):
            parts.append(" ".join(sentence(dice) for _ in range(dice.randint(2, 6))) + "\n")
        if part == 0:
            parts.append("<!-- more -->\n")
            to = dice.randrange(pages)
            parts.append(f"See [page {to}]({link(to)}), *and* `more`.\n")
        if part == 1:
            parts.append("- one\n- **two**\n- three\n")
    if n % 3 == 0:
        language = list(CODE)[n // 3 % len(CODE)]
        code = CODE[language].format(w=dice.choice(WORDS).capitalize())
        parts.append(f"```{language}\n{code * dice.randint(1, 4)}```\n")
    return "\n".join(parts)


def both(pages, zola, hugo):
    for n in range(pages):
        dice = random.Random(n)
        tags = sorted(dice.sample(TAGS, 3))
        category = dice.choice(CATEGORIES)
        title = sentence(dice)[:-1]
        date = f"{2000 + n % 25}-{n % 12 + 1:02}-{n % 28 + 1:02}"
        section = f"section-{n % 10}"
        where = lambda to: f"section-{to % 10}/page-{to}.md"
        state = dice.getstate()
        for root in (zola, hugo):
            if not root:
                continue
            dice.setstate(state)
            if root is zola:
                link = lambda to: "@/" + where(to)
                taxonomies = f'[taxonomies]\ntags = {tags}\ncategories = ["{category}"]\n'
            else:
                link = lambda to: f'{{{{< ref "/{where(to)}" >}}}}'
                taxonomies = f'tags = {tags}\ncategories = ["{category}"]\n'
            text = body(dice, n, pages, link)
            front = f'+++\ntitle = "{title}"\ndate = {date}\n{taxonomies}+++\n'
            write(f"{root}/content/{where(n)}", front + text)


def zola_rest(root):
    write(f"{root}/config.toml", """base_url = "https://example.org"
title = "Synthetic"
generate_feeds = true
taxonomies = [{ name = "tags", feed = true }, { name = "categories" }]
[markdown.highlighting]
theme = "github-light"
""")
    write(f"{root}/content/_index.md", "+++\n+++\n")
    for n in range(10):
        write(f"{root}/content/section-{n}/_index.md",
              f'+++\ntitle = "Section {n}"\nsort_by = "date"\npaginate_by = 20\n+++\n')
    write(f"{root}/sass/site.scss", "$c: #246;\nbody { color: $c; main { max-width: 40rem; a { color: lighten($c, 10%); } } }\n")
    write(f"{root}/templates/macros.html", """{% macro line(page) %}<li><a href="{{ page.permalink }}">{{ page.title }}</a>{% if page.date %} <time>{{ page.date | date(format="%d %B %Y") }}</time>{% endif %}{{ self::tags(page=page) }}</li>{% endmacro line %}
{% macro tags(page) %}{% if page.taxonomies.tags %}<ul>{% for tag in page.taxonomies.tags %}<li><a href="{{ get_taxonomy_url(kind="tags", name=tag) }}">{{ tag }}</a></li>{% endfor %}</ul>{% endif %}{% endmacro tags %}
""")
    write(f"{root}/templates/base.html", """{% import "macros.html" as macros %}<!doctype html>
<html lang="{{ lang }}"><head><meta charset="utf-8"><title>{% block title %}{{ config.title }}{% endblock %}</title>
<link rel="stylesheet" href="{{ get_url(path="site.css") }}"></head>
<body><header><nav>{% for path in ["section-0/_index.md", "section-1/_index.md", "section-2/_index.md"] %}{% set s = get_section(path=path, metadata_only=true) %}<a href="{{ s.permalink }}">{{ s.title }}</a> {% endfor %}</nav></header>
<main>{% block content %}{% endblock %}</main><footer>{{ config.title }}</footer></body></html>
""")
    write(f"{root}/templates/index.html", """{% extends "base.html" %}{% block content %}{% for path in section.subsections %}{% set s = get_section(path=path) %}<h2><a href="{{ s.permalink }}">{{ s.title }}</a></h2><ul>{% for page in s.pages | slice(end=5) %}{{ macros::line(page=page) }}{% endfor %}</ul>{% endfor %}{% endblock %}
""")
    write(f"{root}/templates/section.html", """{% extends "base.html" %}{% block title %}{{ section.title }}{% endblock %}{% block content %}<h1>{{ section.title }}</h1><ul>{% for page in paginator.pages %}{{ macros::line(page=page) }}<div>{{ page.summary | safe }}</div>{% endfor %}</ul>{% if paginator.next %}<a href="{{ paginator.next }}">next</a>{% endif %}{% endblock %}
""")
    write(f"{root}/templates/page.html", """{% extends "base.html" %}{% block title %}{{ page.title }}{% endblock %}{% block content %}<article><h1>{{ page.title }}</h1><p>{{ page.date | date(format="%d %B %Y") }}, {{ page.reading_time }} min</p>{{ macros::tags(page=page) }}
<ul>{% for h in page.toc %}<li><a href="{{ h.permalink }}">{{ h.title }}</a></li>{% endfor %}</ul>
{{ page.content | safe }}</article>{% if page.lower %}<a href="{{ page.lower.permalink }}">{{ page.lower.title }}</a>{% endif %}{% if page.higher %}<a href="{{ page.higher.permalink }}">{{ page.higher.title }}</a>{% endif %}{% endblock %}
""")
    write(f"{root}/templates/taxonomy_list.html", """{% extends "base.html" %}{% block content %}<ul>{% for term in terms %}<li><a href="{{ term.permalink }}">{{ term.name }}</a> {{ term.pages | length }}</li>{% endfor %}</ul>{% endblock %}
""")
    write(f"{root}/templates/taxonomy_single.html", """{% extends "base.html" %}{% block content %}<h1>{{ term.name }}</h1><ul>{% for page in term.pages %}{{ macros::line(page=page) }}{% endfor %}</ul>{% endblock %}
""")


def hugo_rest(root):
    write(f"{root}/hugo.toml", """baseURL = "https://example.org/"
title = "Synthetic"
[pagination]
pagerSize = 20
[markup.highlight]
noClasses = true
style = "github"
[taxonomies]
tag = "tags"
category = "categories"
""")
    for n in range(10):
        write(f"{root}/content/section-{n}/_index.md", f'+++\ntitle = "Section {n}"\n+++\n')
    write(f"{root}/static/site.css", "body{color:#246}main{max-width:40rem}main a{color:#357}\n")
    write(f"{root}/layouts/partials/tags.html", """{{ with .Params.tags }}<ul>{{ range . }}<li><a href="{{ "tags/" | absURL }}{{ . | urlize }}/">{{ . }}</a></li>{{ end }}</ul>{{ end }}""")
    write(f"{root}/layouts/partials/line.html", """<li><a href="{{ .Permalink }}">{{ .Title }}</a>{{ if not .Date.IsZero }} <time>{{ .Date.Format "02 January 2006" }}</time>{{ end }}{{ partial "tags.html" . }}</li>""")
    write(f"{root}/layouts/_default/baseof.html", """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ block "title" . }}{{ site.Title }}{{ end }}</title>
<link rel="stylesheet" href="{{ "site.css" | absURL }}"></head>
<body><header><nav>{{ range slice "section-0" "section-1" "section-2" }}{{ with site.GetPage . }}<a href="{{ .Permalink }}">{{ .Title }}</a> {{ end }}{{ end }}</nav></header>
<main>{{ block "content" . }}{{ end }}</main><footer>{{ site.Title }}</footer></body></html>
""")
    write(f"{root}/layouts/index.html", """{{ define "content" }}{{ range .Sections }}<h2><a href="{{ .Permalink }}">{{ .Title }}</a></h2><ul>{{ range first 5 .RegularPages }}{{ partial "line.html" . }}{{ end }}</ul>{{ end }}{{ end }}""")
    write(f"{root}/layouts/_default/section.html", """{{ define "title" }}{{ .Title }}{{ end }}{{ define "content" }}<h1>{{ .Title }}</h1><ul>{{ range .Paginator.Pages }}{{ partial "line.html" . }}<div>{{ .Summary }}</div>{{ end }}</ul>{{ with .Paginator.Next }}<a href="{{ .URL }}">next</a>{{ end }}{{ end }}""")
    write(f"{root}/layouts/_default/single.html", """{{ define "title" }}{{ .Title }}{{ end }}{{ define "content" }}<article><h1>{{ .Title }}</h1><p>{{ .Date.Format "02 January 2006" }}, {{ .ReadingTime }} min</p>{{ partial "tags.html" . }}
{{ .TableOfContents }}
{{ .Content }}</article>{{ with .PrevInSection }}<a href="{{ .Permalink }}">{{ .Title }}</a>{{ end }}{{ with .NextInSection }}<a href="{{ .Permalink }}">{{ .Title }}</a>{{ end }}{{ end }}""")
    write(f"{root}/layouts/_default/terms.html", """{{ define "content" }}<ul>{{ range .Pages }}<li><a href="{{ .Permalink }}">{{ .Title }}</a> {{ len .Pages }}</li>{{ end }}</ul>{{ end }}""")
    write(f"{root}/layouts/_default/taxonomy.html", """{{ define "content" }}<h1>{{ .Title }}</h1><ul>{{ range .Pages }}{{ partial "line.html" . }}{{ end }}</ul>{{ end }}""")
    write(f"{root}/layouts/_default/term.html", """{{ define "content" }}<h1>{{ .Title }}</h1><ul>{{ range .Pages }}{{ partial "line.html" . }}{{ end }}</ul>{{ end }}""")


if __name__ == "__main__":
    count, zola = int(sys.argv[1]), sys.argv[2]
    hugo = sys.argv[3] if len(sys.argv) > 3 else None
    both(count, zola, hugo)
    zola_rest(zola)
    if hugo:
        hugo_rest(hugo)

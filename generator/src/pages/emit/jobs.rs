//! The pages that templates make: which there are, and what each of them sees.

use std::collections::HashSet;

use tera::{Context, Value};

use super::Emitter;
use crate::{
    pages::{
        engine,
        library::Terms,
        memory,
        pagers::{self, Pager},
    },
    report::{Diagnostic, Place},
};

/// A page to render.
pub struct Job {
    pub template: String,
    pub path: String,
    pub permalink: String,
    /// The file that it is made from.
    pub origin: String,
    pub lang: String,
    pub subject: Subject,
    /// Where a template that is not there was asked for.
    pub asked_at: Option<Place>,
}

pub enum Subject {
    Page(usize),
    Section(usize, Option<(Pager, usize)>),
    List(usize),
    Term(usize, usize, Option<(Pager, usize)>),
}

impl Emitter<'_> {
    /// Every page there is to render.
    pub fn jobs(&self) -> Vec<Job> {
        self.all_jobs().0
    }

    /// The same, and those that a taxonomy's page takes the place of, as with Zola.
    pub fn all_jobs(&self) -> (Vec<Job>, Vec<Job>) {
        let settings = &self.engine.shared.settings;
        let mut jobs = Vec::new();
        for (at, entry) in self.library.entries.iter().enumerate() {
            if !entry.meta.render || self.library.around[at].ignored {
                continue;
            }
            let own = entry.meta.template.clone();
            let asked_at = own.as_ref().and_then(|_| {
                let (_, source) = entry.source.as_ref()?;
                Some(Place::span_of(source, entry.meta.template_at.clone()))
            });
            if !entry.section {
                let template = own.or_else(|| self.library.page_template(at).map(str::to_owned));
                jobs.push(Job {
                    template: template.unwrap_or_else(|| "page.html".into()),
                    path: entry.path.clone(),
                    permalink: entry.permalink.clone(),
                    origin: entry.shown(),
                    lang: entry.lang.clone(),
                    subject: Subject::Page(at),
                    asked_at,
                });
                continue;
            }
            if entry.meta.redirect_to.is_some() {
                continue;
            }
            let usual = if entry.directories.is_empty() {
                "index.html"
            } else {
                "section.html"
            };
            let template = own.unwrap_or_else(|| usual.into());
            let make = |path: String, pager: Option<(Pager, usize)>| Job {
                template: template.clone(),
                permalink: settings.permalink(&path),
                path,
                origin: entry.shown(),
                lang: entry.lang.clone(),
                subject: Subject::Section(at, pager),
                asked_at: asked_at.clone(),
            };
            match entry.meta.paginate_by {
                None => jobs.push(make(entry.path.clone(), None)),
                Some(by) => {
                    let meta = &entry.meta;
                    let pages = &self.library.around[at].pages;
                    let all = pagers::pagers(
                        &entry.path,
                        &meta.paginate_path,
                        pages,
                        by,
                        meta.paginate_reversed,
                    );
                    let count = all.len();
                    jobs.extend(
                        all.into_iter()
                            .map(|p| make(p.path.clone(), Some((p, count)))),
                    );
                }
            }
        }
        let mut of_terms = Vec::new();
        for (n, terms) in self.library.taxonomies.iter().enumerate() {
            if terms.taxonomy.render && !terms.terms.is_empty() {
                self.term_jobs(n, terms, &mut of_terms);
            }
        }
        let taken: HashSet<&str> = of_terms.iter().map(|job| job.path.as_str()).collect();
        let (hidden, mut jobs): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|job| taken.contains(job.path.as_str()));
        jobs.extend(of_terms);
        (jobs, hidden)
    }

    fn term_jobs(&self, n: usize, terms: &Terms, jobs: &mut Vec<Job>) {
        let settings = &self.engine.shared.settings;
        let name = &terms.taxonomy.name;
        let template = |kind: &str| {
            let own = format!("{name}/{kind}.html");
            if self.engine.has(&own) {
                own
            } else {
                format!("taxonomy_{kind}.html")
            }
        };
        let make = |template: String, path: String, subject: Subject| Job {
            template,
            permalink: settings.permalink(&path),
            path,
            origin: format!("the taxonomy `{name}`"),
            lang: terms.lang.clone(),
            subject,
            asked_at: None,
        };
        jobs.push(make(template("list"), terms.path.clone(), Subject::List(n)));
        for (m, term) in terms.terms.iter().enumerate() {
            let single = template("single");
            match terms.taxonomy.paginate_by {
                None => jobs.push(make(single, term.path.clone(), Subject::Term(n, m, None))),
                Some(by) => {
                    let word = terms.taxonomy.paginate_path.as_deref().unwrap_or("page");
                    let all = pagers::pagers(&term.path, word, &term.pages, by, false);
                    let count = all.len();
                    jobs.extend(all.into_iter().map(|pager| {
                        make(
                            single.clone(),
                            pager.path.clone(),
                            Subject::Term(n, m, Some((pager, count))),
                        )
                    }));
                }
            }
        }
    }

    /// Renders one of them.
    pub fn page(&self, job: &Job) -> Result<String, Box<Diagnostic>> {
        if !self.engine.has(&job.template) {
            let mut diagnostic =
                Diagnostic::error(format!("there is no template `{}`", job.template)).hint(
                    format!("write `templates/{}`, or name another one", job.template),
                );
            diagnostic.place = job
                .asked_at
                .clone()
                .or_else(|| Some(Place::file(job.origin.as_str())));
            return Err(Box::new(diagnostic));
        }
        let slot = || {
            let inputs = (&job.template, &job.permalink, &job.lang, self.inputs(job));
            let inputs = memory::hash((self.kept.surroundings, inputs));
            (format!("page {}", job.path), inputs)
        };
        self.remember(slot, || {
            engine::seed(&job.path);
            self.engine
                .render_with(&job.template, || self.context(job))
        })
    }

    /// A hash of what the page's template sees of its subject.
    fn inputs(&self, job: &Job) -> u64 {
        let of = |entries: &[usize]| self.values.hashes_of(entries);
        let pages_of = |pager: &Option<(Pager, usize)>, all: &[usize]| match pager {
            None => (of(all), 0, 0, all.len()),
            Some((pager, count)) => (of(&pager.pages), pager.index, *count, all.len()),
        };
        match &job.subject {
            Subject::Page(at) => {
                let around = &self.library.around[*at];
                memory::hash((
                    of(&[*at]),
                    [around.lower, around.higher].map(|at| at.map(|at| of(&[at]))),
                ))
            }
            Subject::Section(at, pager) => {
                let meta = &self.library.entries[*at].meta;
                let pages = pages_of(pager, &self.library.around[*at].pages);
                memory::hash((of(&[*at]), pages, &meta.paginate_path, meta.paginate_by))
            }
            Subject::List(n) => {
                let terms = self.library.taxonomies[*n].terms.iter();
                let terms: Vec<_> = terms
                    .map(|term| (&term.name, &term.permalink, of(&term.pages)))
                    .collect();
                memory::hash(terms)
            }
            Subject::Term(n, m, pager) => {
                let term = &self.library.taxonomies[*n].terms[*m];
                let pages = pages_of(pager, &term.pages);
                memory::hash((&term.name, &term.permalink, of(&term.pages), pages))
            }
        }
    }

    /// What the page's template sees.
    fn context(&self, job: &Job) -> Context {
        let mut context = self.engine.context(&job.lang);
        let mut put = |key: &str, value: Value| engine::put(&mut context, key, value);
        put("current_path", job.path.as_str().into());
        put("current_url", job.permalink.as_str().into());
        match &job.subject {
            Subject::Page(at) => put("page", self.values.page(*at)),
            Subject::Section(at, pager) => {
                put("section", self.values.section(*at, pager.is_none()));
                if let Some((pager, count)) = pager {
                    let entry = &self.library.entries[*at];
                    let by = entry.meta.paginate_by.unwrap_or(1);
                    let total = self.library.around[*at].pages.len();
                    let value = self.paginator(
                        pager,
                        *count,
                        &entry.path,
                        &entry.meta.paginate_path,
                        by,
                        total,
                    );
                    put("paginator", value);
                }
            }
            Subject::List(n) => {
                let terms = &self.library.taxonomies[*n];
                put("taxonomy", terms.taxonomy.to_value());
                put("terms", self.values.terms(terms));
            }
            Subject::Term(n, m, pager) => {
                let terms = &self.library.taxonomies[*n];
                let term = &terms.terms[*m];
                put("taxonomy", terms.taxonomy.to_value());
                put("term", self.values.term(term, true));
                if let Some((pager, count)) = pager {
                    let word = terms.taxonomy.paginate_path.as_deref().unwrap_or("page");
                    let by = terms.taxonomy.paginate_by.unwrap_or(1);
                    let value =
                        self.paginator(pager, *count, &term.path, word, by, term.pages.len());
                    put("paginator", value);
                }
            }
        }
        context
    }

    fn paginator(
        &self,
        pager: &Pager,
        count: usize,
        path: &str,
        word: &str,
        by: usize,
        total: usize,
    ) -> Value {
        let settings = &self.engine.shared.settings;
        let address = |index: usize| match index {
            1 => settings.permalink(path),
            index => settings.permalink(&pagers::numbered(path, word, index)),
        };
        let previous = (pager.index > 1).then(|| address(pager.index - 1));
        let next = (pager.index < count).then(|| address(pager.index + 1));
        serde_json::json!({
            "paginate_by": by,
            "first": address(1),
            "last": address(count),
            "previous": previous,
            "next": next,
            "number_pagers": count,
            "base_url": settings.permalink(&pagers::base(path, word)),
            "pages": self.values.list(&pager.pages),
            "current_index": pager.index,
            "total_pages": total,
        })
    }
}

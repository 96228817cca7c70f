//! Writes what a site serves into a directory, as files: `tree SITE DIRECTORY`.
//!
//! `ci/site/compare` holds that directory against the one that Zola writes. The
//! redirects stand in `DIRECTORY.redirects`, `FROM<tab>TO` a line: files cannot
//! say them.

use std::{
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use applgen::{
    output::Content,
    render,
    report::{self, Diagnostics},
    rules::apply::Answer,
    site,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (words.next(), words.next()) else {
        return Err("usage: tree SITE DIRECTORY".into());
    };
    let mut diagnostics = Diagnostics::new();
    let rendered = site::load(&from, &[], &mut diagnostics)
        .and_then(|site| render::render(&site, None, &mut diagnostics));
    let output = match rendered {
        Ok(rendered) => Some(rendered.output),
        Err(failure) => {
            diagnostics.extend(failure.diagnostic.map(|diagnostic| *diagnostic));
            None
        }
    };
    report::tell_all(&diagnostics, false);
    let output = output.ok_or("the site is at fault")?;
    for (path, resource) in &output.resources {
        let path = path.to_string();
        let mut relative = path.trim_start_matches('/').to_owned();
        if relative.is_empty() || relative.ends_with('/') {
            relative.push_str("index.html");
        }
        let file = to.join(relative);
        fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
        match &resource.content {
            Content::Bytes(bytes) | Content::Templated(bytes) => fs::write(&file, bytes)?,
            Content::File(file_of_site) => {
                fs::copy(&file_of_site.absolute, &file)?;
            }
        }
    }
    let mut list = to.into_os_string();
    list.push(".redirects");
    let mut list = fs::File::create(list)?;
    for (from, to) in &output.redirects {
        writeln!(list, "{from}\t{to}")?;
    }
    for (from, answer) in &output.rules.exact {
        if let Answer::Redirect { location, .. } = answer {
            writeln!(list, "{from}\t{location}")?;
        }
    }
    Ok(())
}

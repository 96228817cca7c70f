//! The configuration of a Xen guest, which `xl create` reads.
//!
//! `X.xl` lies beside `X.xen`, names it by its bare file name, and has one
//! `key = value` a line (`xl.cfg(5)`), so that the two can be moved together
//! and other programs can read it.

use crate::image::descriptors::{DescriptorError, render};
use minijinja::context;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

const TEMPLATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../templates/guest/guest.xl"
));

/// The least memory that a guest is given, in MB: what serves a small site.
const LEAST_MEMORY_MB: u64 = 8;

/// What a guest has beside its image, in MB: page tables, buffers, connections.
const ROOM_MB: u64 = 6;

/// Where the configuration of an image lies: `X.xl` beside `X.xen`.
pub fn path_for(image: &Path) -> PathBuf {
    image.with_extension("xl")
}

/// The memory that a guest is given for an image of so many bytes.
pub fn memory_mb(image_bytes: u64) -> u64 {
    (image_bytes.div_ceil(1 << 20) + ROOM_MB).max(LEAST_MEMORY_MB)
}

/// The configuration beside an image that is so long.
pub fn configuration(image: &Path, image_bytes: u64) -> Result<String, DescriptorError> {
    let path = path_for(image);
    if path == image {
        return Err(DescriptorError::Taken(path));
    }
    let name = part(image.file_stem(), image)?;
    let kernel = part(image.file_name(), image)?;
    let context = context! {
        name => name,
        file => part(path.file_name(), &path)?,
        quoted_name => quoted(name)?,
        quoted_kernel => quoted(kernel)?,
        memory_mb => memory_mb(image_bytes),
    };
    Ok(render(TEMPLATE, context))
}

/// A part of a path as text.
fn part<'a>(name: Option<&'a OsStr>, of: &Path) -> Result<&'a str, DescriptorError> {
    name.and_then(|name| name.to_str())
        .filter(|name| !name.contains(char::is_control))
        .ok_or_else(|| DescriptorError::Name(of.display().to_string()))
}

/// A string of xl's: there are two quotation marks and no escapes.
fn quoted(text: &str) -> Result<String, DescriptorError> {
    for mark in ['"', '\''] {
        if !text.contains(mark) {
            return Ok(format!("{mark}{text}{mark}"));
        }
    }
    Err(DescriptorError::Name(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(image: &str, bytes: u64) -> Vec<String> {
        let text = configuration(Path::new(image), bytes).expect("a configuration");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn it_names_the_kernel_by_its_bare_name_in_one_line_a_key() {
        let lines = lines("some/where/talk.xen", 954_903);
        for line in &lines {
            assert_eq!(line.split(" = ").count(), 2, "{line}");
        }
        for line in [
            "name = \"talk\"",
            "type = \"pvh\"",
            "kernel = \"talk.xen\"",
            "memory = 8",
        ] {
            assert!(lines.iter().any(|other| other == line), "{line}");
        }
    }

    #[test]
    fn memory_grows_with_the_image() {
        assert_eq!(memory_mb(1), 8);
        assert_eq!(memory_mb(2 << 20), 8);
        assert_eq!(memory_mb((100 << 20) + 1), 107);
    }

    #[test]
    fn odd_names_are_quoted_or_refused() {
        assert!(lines("it\"s.v2.xen", 1).contains(&"kernel = 'it\"s.v2.xen'".to_owned()));
        assert!(lines("it's.v2.xen", 1).contains(&"name = \"it's.v2\"".to_owned()));
        for image in ["a\"b'c.xen", "a\nb.xen"] {
            let refused = configuration(Path::new(image), 1);
            assert!(matches!(refused, Err(DescriptorError::Name(_))), "{image}");
        }
        let taken = configuration(Path::new("a.xl"), 1);
        assert_eq!(taken, Err(DescriptorError::Taken("a.xl".into())));
    }
}

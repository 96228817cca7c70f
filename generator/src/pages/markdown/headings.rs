//! Headings: ids, anchors, and the tree of a table of contents.

use tera::Value;

/// A heading with those below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heading {
    /// From 1.
    pub level: u32,
    /// Its id.
    pub id: String,
    /// Its text, without tags.
    pub title: String,
    /// Its address.
    pub permalink: String,
    /// The headings below it.
    pub children: Vec<Heading>,
}

impl Heading {
    /// As templates see it.
    pub fn to_value(&self) -> Value {
        let children: Vec<Value> = self.children.iter().map(Self::to_value).collect();
        serde_json::json!({
            "level": self.level,
            "id": self.id,
            "title": self.title,
            "permalink": self.permalink,
            "children": children,
        })
    }
}

/// Headings in the order of the text, nested by level: each goes below the last
/// one of a smaller level.
pub fn nest(flat: Vec<Heading>) -> Vec<Heading> {
    let mut top: Vec<Heading> = Vec::new();
    for heading in flat {
        let mut list = &mut top;
        loop {
            let deeper = list.last().is_some_and(|last| last.level < heading.level);
            if !deeper {
                break;
            }
            let Some(last) = list.last_mut() else {
                return top;
            };
            list = &mut last.children;
        }
        list.push(heading);
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_nest_by_level() {
        let heading = |level: u32| Heading {
            level,
            id: level.to_string(),
            title: String::new(),
            permalink: String::new(),
            children: Vec::new(),
        };
        let show = |levels: &[u32]| {
            fn show(list: &[Heading]) -> String {
                list.iter()
                    .map(|h| format!("{}({})", h.level, show(&h.children)))
                    .collect()
            }
            show(&nest(levels.iter().map(|l| heading(*l)).collect()))
        };
        assert_eq!(show(&[1, 2, 3, 2, 1]), "1(2(3())2())1()");
        assert_eq!(show(&[3, 2, 4, 1]), "3()2(4())1()");
    }
}

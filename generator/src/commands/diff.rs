//! `applgen diff`: what differs between two deploys, revisions or images.

use std::{fmt::Write, fs, path::Path, rc::Rc};

use serde_json::json;

use crate::{
    deploy::{
        cli::Diff,
        diff::{self as compare, Difference, Facts},
        history::{Deploy, History},
        place::Place,
    },
    failure::Failure,
    report::{self, Diagnostic},
};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// What differs at one place, or between two images that are at none.
struct Compared {
    place: String,
    differences: Vec<Difference>,
}

/// One side of a comparison.
enum Side<'h> {
    /// An image on the disk.
    File(Rc<Facts>),
    /// A deploy that was named.
    Deploy(&'h Deploy),
    /// Whatever was deployed at a revision.
    Revision(Vec<&'h Deploy>),
}

/// Prints what differs.
pub fn diff(arguments: &Diff) -> Result<(), Failure> {
    let names = [&arguments.a, &arguments.b];
    let compared = if names.iter().all(|name| Path::new(name).is_file()) {
        let [a, b] = names.map(|name| facts_of_file(name));
        vec![Compared {
            place: String::new(),
            differences: compare::differences(&a?, &b?),
        }]
    } else {
        deployed(arguments)?
    };
    if arguments.json {
        let all: Vec<_> = compared
            .iter()
            .map(|one| json!({ "place": one.place, "differences": one.differences }))
            .collect();
        return super::print(format!("{:#}\n", json!(all)).as_bytes());
    }
    let mut text = String::new();
    let several = compared.len() > 1;
    for one in &compared {
        // A place that came or went is a line of its own, which names it.
        let changed = one.differences.iter().any(|found| found.kind != "place");
        if several && changed {
            let _ = writeln!(text, "{}:", one.place);
        }
        text.push_str(&compare::for_people(&one.differences));
    }
    if text.is_empty() && !compared.is_empty() {
        report::say("nothing differs");
    }
    super::print(text.as_bytes())
}

/// Compares what a repository has with another state of it, or with an image.
fn deployed(arguments: &Diff) -> Result<Vec<Compared>, Failure> {
    let selection = &arguments.selection;
    let history = History::of(&selection.repo, "HEAD")?;
    let (site, target) = (selection.site.as_deref(), selection.target.as_deref());
    let live = history.places(site, target)?;
    // What is not live any more may have been at one of the two.
    let mut places: Vec<Place> = history.deploys.iter().map(Deploy::place).collect();
    places.retain(|place| {
        site.is_none_or(|site| place.site == site)
            && target.is_none_or(|target| place.target == target)
    });
    places.extend(live.iter().cloned());
    places.sort();
    places.dedup();
    let side = |name: &str, places: &[Place]| {
        if Path::new(name).is_file() {
            return Ok(Side::File(Rc::new(facts_of_file(name)?)));
        }
        // A number alone means what is live.
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
        let found = history.find(if is_number { &live } else { places }, name)?;
        Ok::<_, Failure>(match found.as_slice() {
            [one] if one.is_called(name) || one.number.to_string() == name => Side::Deploy(one),
            _ => Side::Revision(found),
        })
    };
    let (a, b) = (side(&arguments.a, &places)?, side(&arguments.b, &places)?);
    // Whoever names one place does not ask about others.
    match (&a, &b) {
        (Side::Deploy(a), Side::Deploy(b)) if a.place() != b.place() => {
            return Ok(vec![Compared {
                place: format!("{} {}", a.place(), b.place()),
                differences: compare::differences(&facts_of(&history, a)?, &facts_of(&history, b)?),
            }]);
        }
        (Side::Deploy(one), _) | (_, Side::Deploy(one)) => places = vec![one.place()],
        (Side::File(facts), _) => places = of_image(places, &arguments.a, facts)?,
        (_, Side::File(facts)) => places = of_image(places, &arguments.b, facts)?,
        _ => {}
    }
    let mut compared = Vec::new();
    for place in &places {
        let differences = match (at(&history, &a, place)?, at(&history, &b, place)?) {
            (Some(before), Some(after)) => compare::differences(&before, &after),
            (None, Some(_)) => vec![Difference::of_place("added", place)],
            (Some(_), None) => vec![Difference::of_place("removed", place)],
            (None, None) => continue,
        };
        compared.push(Compared {
            place: place.to_string(),
            differences,
        });
    }
    Ok(compared)
}

/// What a side has at a place.
fn at(history: &History, side: &Side<'_>, place: &Place) -> Result<Option<Rc<Facts>>, Failure> {
    let deploy = match side {
        Side::File(facts) => return Ok(Some(Rc::clone(facts))),
        Side::Deploy(deploy) => Some(*deploy),
        Side::Revision(list) => list.iter().copied().find(|deploy| deploy.is_at(place)),
    };
    let facts = deploy.map(|deploy| facts_of(history, deploy)).transpose()?;
    Ok(facts.map(Rc::new))
}

/// The places that an image can stand at: those of its target, and of its site
/// where its name is that of one.
fn of_image(mut places: Vec<Place>, name: &str, facts: &Facts) -> Result<Vec<Place>, Failure> {
    let target = facts.target();
    let all: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
    places.retain(|place| place.target == target);
    if places.is_empty() {
        return Err(refuse(
            format!("`{name}` is for the target `{target}`, and nothing of that is compared"),
            &format!("there is {}", all.join(", ")),
        ));
    }
    let file = Path::new(name).file_name().unwrap_or_default();
    let own: Vec<Place> = places
        .iter()
        .filter(|place| *place.image_name() == *file)
        .cloned()
        .collect();
    Ok(if own.is_empty() { places } else { own })
}

fn facts_of(history: &History, deploy: &Deploy) -> Result<Facts, Failure> {
    Facts::of(&deploy.image(&history.git)?).map_err(|why| {
        refuse(
            format!("the image of `{}` is damaged: {why}", deploy.name),
            "`applgen verify --all` finds more",
        )
    })
}

fn facts_of_file(name: &str) -> Result<Facts, Failure> {
    let unusable = |why: String| {
        refuse(
            format!("`{name}` is no image of applgen's: {why}"),
            "name an image that `applgen build` wrote, a deploy or a revision",
        )
    };
    let image = fs::read(name).map_err(|error| unusable(error.to_string()))?;
    Facts::of(&image).map_err(unusable)
}

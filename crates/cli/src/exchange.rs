//! What import and export share: a format by its name, its files on a host, and the host's names.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use virtfn_formats::exchange::{FORMATS, Format, Lost, Machine, Part};
use virtfn_formats::{MAX_FILE_BYTES, SOURCES, Shadow, Source};
use virtfn_host::{Host, Seen, Unreadable};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_render::exchange::Told;
use virtfn_render::words::plain;

use crate::error::Error;

/// The machine itself, as import takes it.
pub const LIVE: &str = "live";

/// The formats' names for the command line, each with its sentence.
#[must_use]
pub fn names(live: bool) -> PossibleValuesParser {
    let live = live.then(|| PossibleValue::new(LIVE).help("The machine as it is"));
    let each = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(live.into_iter().chain(each))
}

/// A host's devices by all their names.
///
/// # Errors
/// When it cannot be looked at.
pub fn machine(root: &SysRoot) -> Result<Machine, Error> {
    let look = Look::at(&[Facet::Netdevs, Facet::Config, Facet::Details, Facet::Modules]);
    Ok(machine_of(root, &virtfn_observe::host(root, &look)?))
}

/// The same, of a host that was looked at.
#[must_use]
pub fn machine_of(root: &SysRoot, host: &Host) -> Machine {
    let node = match root.peek("etc/hostname", MAX_FILE_BYTES) {
        Seen::Known(name) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        Seen::Absent | Seen::Unreadable(_) => None,
    };
    Machine::of(host, node)
}

/// A format's files on a host, each with its path below the root; drop-ins stand behind theirs.
#[must_use]
pub fn installed(root: &SysRoot, format: &Format) -> (Vec<(String, String)>, Vec<Unreadable>) {
    let mut unseen = Vec::new();
    let mut texts = Vec::new();
    for source in sources(format) {
        texts.extend(
            virtfn_observe::configuration(root, &source, &mut unseen).into_iter().flatten(),
        );
    }
    for (folder, start, end) in format.places {
        let wanted = |name: &str| name.starts_with(start) && name.ends_with(end);
        let names = root.peek_names(folder, wanted);
        for name in names.known().into_iter().flatten() {
            let path = format!("{folder}/{name}");
            match root.peek(&path, MAX_FILE_BYTES) {
                Seen::Known(text) => texts.push((path, text)),
                Seen::Absent => {}
                Seen::Unreadable(unreadable) => unseen.push(unreadable),
            }
        }
    }
    (texts, unseen)
}

fn sources(format: &Format) -> impl Iterator<Item = Source> {
    SOURCES.iter().copied().filter(|source| Some(source.owner) == format.owner)
}

/// Where a format's files are on a host, as a person reads it.
#[must_use]
pub fn places(format: &Format) -> Vec<String> {
    let shown = |folder: &str, start: &str, end: &str| match start == end && !start.is_empty() {
        true => format!("/{folder}/{start}"),
        false => format!("/{folder}/{start}*{end}"),
    };
    let of_source = |source: Source| {
        let (start, end) = source.named;
        // Folders of packages and of this boot say nothing more to a person.
        let folders =
            if source.shadow == Shadow::None { source.folders } else { &source.folders[..1] };
        folders.iter().map(|folder| shown(folder, start, end)).collect::<Vec<_>>()
    };
    let own = format.places.iter().map(|(folder, start, end)| shown(folder, start, end));
    sources(format).flat_map(of_source).chain(own).collect()
}

/// The files that a person names.
///
/// # Errors
/// When one cannot be read.
pub fn named(paths: &[String]) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    for path in paths {
        let failed = |source| Error::Read { path: PathBuf::from(path), source };
        texts.push((path.clone(), crate::policy::text_of(Path::new(path)).map_err(failed)?));
    }
    Ok(texts)
}

/// docs/formats.md: the table of formats as a page.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(PAGE);
    let names: Vec<String> = FORMATS.iter().map(|format| format!(" {} |", format.name)).collect();
    text += &format!("| |{}\n|---|{}\n", names.concat(), "---|".repeat(FORMATS.len()));
    for part in Part::ALL {
        let holds = |format: &Format| if format.holds.contains(&part) { " yes |" } else { " |" };
        let row: String = FORMATS.iter().map(holds).collect();
        text += &format!("| `{}` |{row}\n", part.key());
    }
    for format in FORMATS {
        text += &format!("\n## {}\n\n{}.\n\n", format.name, format.about);
        let places: Vec<String> = places(format).iter().map(|place| format!("`{place}`")).collect();
        if !places.is_empty() {
            text += &format!("- Read from: {}.\n", places.join(", "));
        }
        let keys: Vec<&str> = format.keys.iter().map(|key| key.key()).collect();
        text += &format!("- Names a device by: {}.\n", keys.join(", "));
        for remark in format.remarks {
            text += &format!("- {remark}\n");
        }
        for (version, what) in format.since {
            text += &format!("- From {version} on: {what}.\n");
        }
    }
    text
}

const PAGE: &str = "\
# Formats that configuration comes from and goes to

Made of the table in `crates/formats/src/exchange`; `UPDATE=1 cargo test -p virtfn-cli --test schemas`
writes it anew.

`virtfn import FORMAT [FILE…]` prints a policy file that says what the files say; `virtfn export
FORMAT [-f FILE]` prints a policy in the format. What cannot be carried over is told on standard
error, and in `--json` as `lost`, with the file and line where it stands; what is wrong with a file
that is imported is told as a fault in the same way. `virtfn import live` reads the machine itself.

What each format has a word for:

";

/// What was lost, as a view shows it.
#[must_use]
pub fn told(lost: &[Lost]) -> Vec<Told> {
    let one = |lost: &Lost| Told {
        path: Some(lost.place.path.clone()).filter(|path| !path.is_empty()),
        line: Some(lost.place.line).filter(|line| *line > 0),
        what: lost.what.clone(),
    };
    lost.iter().map(one).collect()
}

/// What could not be read of a host's configuration.
#[must_use]
pub fn unread(unseen: &[Unreadable]) -> Vec<Told> {
    let one = |seen: &Unreadable| Told {
        path: Some(seen.path.clone()),
        line: None,
        what: format!("cannot be read: {}", seen.why),
    };
    unseen.iter().map(one).collect()
}

/// Tells a person, beside what the command prints.
pub fn tell(word: &str, all: &[Told]) {
    for told in all {
        anstream::eprintln!("{word}: {}", plain(&told.to_string()));
    }
}

//! The refusals that people meet, as sentences.

mod known;

use virtfn_pci::Address;

/// A refusal that is known: what is behind it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Why, in a sentence.
    pub why: String,
    /// What to type or do next, the best first.
    pub hints: Vec<String>,
}

/// A refusal as data. Where `says` has `{name}`, the message's words are taken, and stand for
/// `{name}` in the sentence and the hints; `{device}` is there always.
struct Known {
    says: &'static str,
    why: &'static str,
    hints: &'static [&'static str],
}

/// What is behind a refusal of QEMU's or libvirt's; `None` where its words are not known ones.
#[must_use]
pub fn explain(message: &str) -> Option<Explained> {
    known::REFUSALS.iter().find_map(|known| {
        let mut words = matched(known.says, message)?;
        words.push(("device", device(message)));
        let filled = |template: &str| fill(template, &words);
        Some(Explained {
            why: filled(known.why),
            hints: known.hints.iter().map(|hint| filled(hint)).collect(),
        })
    })
}

/// The words of `message` for each `{name}` of `pattern`, if all the rest of it is in there, in
/// order.
fn matched<'a>(pattern: &'a str, message: &str) -> Option<Vec<(&'a str, String)>> {
    let mut words = Vec::new();
    let (first, holes) = split_holes(pattern);
    let mut rest = &message[message.find(first)? + first.len()..];
    for (name, literal) in holes {
        let end = if literal.is_empty() {
            rest.find(|letter: char| letter.is_whitespace()).unwrap_or(rest.len())
        } else {
            rest.find(literal)?
        };
        words.push((name, rest[..end].trim().to_owned()));
        rest = &rest[end + literal.len()..];
    }
    Some(words)
}

/// The text before the first hole, and each hole's name with the text after it.
fn split_holes(pattern: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = pattern.split('{');
    let first = parts.next().unwrap_or_default();
    (first, parts.filter_map(|part| part.split_once('}')).collect())
}

fn fill(template: &str, words: &[(&str, String)]) -> String {
    words
        .iter()
        .fold(template.to_owned(), |text, (name, word)| text.replace(&format!("{{{name}}}"), word))
}

/// The first PCI address in the message, or a word for the reader to replace.
fn device(message: &str) -> String {
    let marks = |letter: char| !(letter.is_ascii_hexdigit() || matches!(letter, ':' | '.'));
    let address = |word: &str| word.trim_matches([':', '.']).parse::<Address>().ok();
    message.split(marks).find_map(address).map_or_else(|| "DEVICE".into(), Address::short)
}

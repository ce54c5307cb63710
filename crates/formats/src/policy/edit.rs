//! Changes in a policy file where they are meant: comments, order and layout stay as they were.
//!
//! A change is made in the text, piece by piece, and the text is read again after each; in the end
//! it must declare what was asked for and nothing else, or the file is left to its owner.

use virtfn_host::{Declared, DeclaredPf, DriverWish, Place, VfIndex, VfWish};

use super::{Fault, range, read, write};
use crate::yaml::{self, Node, Value};

/// A change of what one PF, or one whole function, shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Another number of VFs.
    pub vfs: Option<u16>,
    /// Other settings of single VFs: what they say nothing of stays.
    pub vf: Vec<(VfIndex, VfWish)>,
    /// Another driver for a whole function.
    pub driver: Option<DriverWish>,
}

/// Why a file cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotEdit {
    /// It has faults.
    #[error("line {line}: {why}", line = .0.line(), why = .0.why())]
    Faults(Fault),
    /// No device is declared at that place.
    #[error("line {line}: no device is declared there", line = .0.line)]
    NoEntry(Place),
    /// It is laid out in a way that no change can be made in without changing more.
    #[error("line {line}: its layout leaves no place for the change: it is to be made by hand", line = .0.line)]
    Layout(Place),
}

/// The text with the change made in the entry of the PF that is declared at `place`.
///
/// # Errors
/// When there is no such entry, or the change cannot be made in it alone.
pub fn edit(text: &str, place: &Place, edit: &Edit) -> Result<String, CannotEdit> {
    let first = |mut faults: Vec<Fault>| CannotEdit::Faults(faults.swap_remove(0));
    let before = read(&place.path, text).map_err(first)?;
    if let Some(driver) = &edit.driver {
        return edit_device(text, place, &before, driver);
    }
    let number = before.pfs.iter().position(|pf| pf.place == *place);
    let number = number.ok_or_else(|| CannotEdit::NoEntry(place.clone()))?;
    let wanted = edited(&before.pfs[number], edit);
    let layout = || CannotEdit::Layout(place.clone());
    let changed = change(text, number, edit).ok_or_else(layout)?;
    let after = read(&place.path, &changed).map_err(|_| layout())?;
    if is_change(&before, &after, number, &wanted) { Ok(changed) } else { Err(layout()) }
}

/// The text with another driver in the entry of the whole function that is declared at `place`.
fn edit_device(
    text: &str,
    place: &Place,
    before: &Declared,
    driver: &DriverWish,
) -> Result<String, CannotEdit> {
    let number = before.devices.iter().position(|device| device.place == *place);
    let number = number.ok_or_else(|| CannotEdit::NoEntry(place.clone()))?;
    let layout = || CannotEdit::Layout(place.clone());
    let there = entry(text, "devices", number).and_then(|device| {
        let driver = device.at_key("driver")?;
        Some(driver.at.bytes.clone())
    });
    let mut changed = text.to_owned();
    changed.replace_range(there.ok_or_else(layout)?, &write::write_driver(driver));
    let mut wanted = before.clone();
    wanted.devices[number].driver = driver.clone();
    match read(&place.path, &changed) {
        Ok(after) if after.clone().without_places() == wanted.clone().without_places() => {
            Ok(changed)
        }
        _ => Err(layout()),
    }
}

/// What the entry shall declare afterwards, VF by VF.
fn edited(pf: &DeclaredPf, edit: &Edit) -> (u16, Vec<VfWish>) {
    let vfs = edit.vfs.unwrap_or(pf.vfs);
    let mut wishes: Vec<VfWish> = (0..vfs).map(|index| pf.wish(VfIndex(index))).collect();
    for (index, wish) in &edit.vf {
        if let Some(now) = wishes.get_mut(usize::from(index.0)) {
            *now = wish.or(now);
        }
    }
    (vfs, wishes)
}

/// Does `after` differ from `before` by the change alone?
fn is_change(
    before: &Declared,
    after: &Declared,
    number: usize,
    wanted: &(u16, Vec<VfWish>),
) -> bool {
    let plain = |pf: &DeclaredPf| pf.clone().without_places();
    let same_devices = before.devices.len() == after.devices.len()
        && before.devices.iter().zip(&after.devices).all(|(before, after)| {
            (&before.matching, &before.driver) == (&after.matching, &after.driver)
        });
    let same = |(at, (before, after)): (usize, (&DeclaredPf, &DeclaredPf))| {
        if at != number {
            return plain(before) == plain(after);
        }
        let all = |pf: &DeclaredPf| (0..pf.vfs).map(|index| pf.wish(VfIndex(index))).collect();
        let rest = |pf: &DeclaredPf| DeclaredPf { vfs: 0, vf: Vec::new(), ..plain(pf) };
        (after.vfs, all(after)) == *wanted && rest(before) == rest(after)
    };
    same_devices
        && before.pfs.len() == after.pfs.len()
        && before.pfs.iter().zip(&after.pfs).enumerate().all(same)
}

fn change(text: &str, number: usize, edit: &Edit) -> Option<String> {
    let mut text = text.to_owned();
    if let Some(vfs) = edit.vfs {
        while let Some(shorter) = without_vfs_from(&text, number, vfs)? {
            text = shorter;
        }
        let pf = entry(&text, "pfs", number)?;
        let count = pf.at_key("vfs")?.at.bytes.clone();
        text.replace_range(count, &vfs.to_string());
    }
    for (index, wish) in &edit.vf {
        if let Some(apart) = with_vf_apart(&text, number, *index)? {
            text = apart;
        }
        for (key, value) in write::said(wish) {
            text = with_setting(&text, number, *index, key, &value)?;
        }
    }
    Some(text)
}

/// An entry of a list of the policy, by its number.
fn entry(text: &str, list: &str, number: usize) -> Option<Node> {
    let root = yaml::parse(text).ok()??;
    match &root.at_key(list)?.value {
        Value::List(items) => items.get(number).cloned(),
        _ => None,
    }
}

/// One step of taking away what is said of VFs that there will not be; `None` when nothing is.
#[allow(clippy::option_option, reason = "cannot be read, or has nothing more to do")]
fn without_vfs_from(text: &str, number: usize, vfs: u16) -> Option<Option<String>> {
    let pf = entry(text, "pfs", number)?;
    let Some(vf) = pf.at_key("vf") else { return Some(None) };
    for (at, (key, _)) in pairs(vf).iter().enumerate() {
        let (first, last) = range(key.word()?).ok()?;
        if first.0 >= vfs {
            let owner = if pairs(vf).len() == 1 { (&pf, place_of(&pf, "vf")?) } else { (vf, at) };
            return Some(Some(without_pair(text, owner.0, owner.1)?));
        }
        if last.0 >= vfs {
            let kept = shown(first.0, vfs - 1);
            let mut text = text.to_owned();
            text.replace_range(key.at.bytes.clone(), &kept);
            return Some(Some(text));
        }
    }
    Some(None)
}

/// A range of which one VF shall differ becomes up to three; `None` when the VF stands alone, or
/// nowhere.
#[allow(clippy::option_option, reason = "cannot be read, or has nothing to do")]
fn with_vf_apart(text: &str, number: usize, index: VfIndex) -> Option<Option<String>> {
    let pf = entry(text, "pfs", number)?;
    let Some(vf) = pf.at_key("vf") else { return Some(None) };
    for (key, value) in pairs(vf) {
        let (first, last) = range(key.word()?).ok()?;
        if first == last || index < first || last < index {
            continue;
        }
        let said = text.get(key.at.bytes.end..value.at.bytes.end)?;
        let parts = [
            (first.0, index.0.wrapping_sub(1)),
            (index.0, index.0),
            (index.0.saturating_add(1), last.0),
        ];
        let parts = parts.iter().filter(|(a, b)| (first.0..=last.0).contains(a) && a <= b);
        let parts: Vec<String> = parts
            .filter(|(_, b)| *b <= last.0)
            .map(|(a, b)| format!("{}{said}", shown(*a, *b)))
            .collect();
        let between = if vf.flow { ", ".to_owned() } else { new_line(text, key) };
        let mut text = text.to_owned();
        text.replace_range(key.at.bytes.start..value.at.bytes.end, &parts.join(&between));
        return Some(Some(text));
    }
    Some(None)
}

/// One setting of one VF, written over or added.
fn with_setting(
    text: &str,
    number: usize,
    index: VfIndex,
    key: &str,
    value: &str,
) -> Option<String> {
    let pf = entry(text, "pfs", number)?;
    let Some(vf) = pf.at_key("vf").filter(|vf| !pairs(vf).is_empty()) else {
        let said = format!("{{ {index}: {{ {key}: {value} }} }}");
        return match pf.at_key("vf") {
            Some(empty) => over(text, &pf, "vf", empty, &said),
            None => added(text, &pf, &format!("vf: {said}")),
        };
    };
    let own = pairs(vf).iter().find(|(key, _)| key.word() == Some(&index.to_string()));
    let Some((name, settings)) = own else {
        return added(text, vf, &format!("{index}: {{ {key}: {value} }}"));
    };
    match settings.at_key(key) {
        Some(there) => {
            let mut text = text.to_owned();
            text.replace_range(there.at.bytes.clone(), value);
            Some(text)
        }
        None if pairs(settings).is_empty() => {
            over(text, vf, name.word()?, settings, &format!("{{ {key}: {value} }}"))
        }
        None => added(text, settings, &format!("{key}: {value}")),
    }
}

/// An empty value written over: `{}`, or nothing at all after the colon.
fn over(text: &str, map: &Node, key: &str, value: &Node, said: &str) -> Option<String> {
    let (name, _) = pairs(map).iter().find(|(name, _)| name.word() == Some(key))?;
    let mut text = text.to_owned();
    if value.flow {
        text.replace_range(value.at.bytes.clone(), said);
    } else {
        let after = text.get(name.at.bytes.end..)?.find(':')? + name.at.bytes.end + 1;
        text.insert_str(after, &format!(" {said}"));
    }
    Some(text)
}

/// One more pair at the end of a mapping that has some.
fn added(text: &str, map: &Node, said: &str) -> Option<String> {
    let (first, _) = pairs(map).first()?;
    let (_, last) = pairs(map).last()?;
    let between = if map.flow { ", ".to_owned() } else { new_line(text, first) };
    let mut at = last.at.bytes.end;
    if !map.flow {
        // What is said of the last line, in a comment behind it, stays with it.
        at += text.get(at..)?.find('\n').unwrap_or(text.len() - at);
    }
    let mut text = text.to_owned();
    text.insert_str(at, &format!("{between}{said}"));
    Some(text)
}

/// A mapping without one of its pairs, of which it has more.
fn without_pair(text: &str, map: &Node, at: usize) -> Option<String> {
    let all = pairs(map);
    let (key, value) = all.get(at)?;
    let mut text = text.to_owned();
    if map.flow {
        let gone = match (all.get(at + 1), at.checked_sub(1).and_then(|at| all.get(at))) {
            (Some((next, _)), _) => key.at.bytes.start..next.at.bytes.start,
            (None, Some((_, before))) => before.at.bytes.end..value.at.bytes.end,
            (None, None) => return None,
        };
        text.replace_range(gone, "");
    } else {
        let start = text.get(..key.at.bytes.start)?.rfind('\n')?;
        let end = value.at.bytes.end.max(key.at.bytes.end);
        let end = end + text.get(end..)?.find('\n').unwrap_or(text.len() - end);
        text.replace_range(start..end, "");
    }
    Some(text)
}

/// A line end, and the indentation of a key.
fn new_line(text: &str, key: &Node) -> String {
    let before = text.get(..key.at.bytes.start).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    // A key may stand behind the dash of its list.
    let indent = before.get(line..).unwrap_or_default().chars().map(|_| ' ');
    std::iter::once('\n').chain(indent).collect()
}

fn pairs(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(pairs) => pairs,
        Value::Scalar { .. } | Value::List(_) => &[],
    }
}

fn place_of(map: &Node, key: &str) -> Option<usize> {
    pairs(map).iter().position(|(name, _)| name.word() == Some(key))
}

fn shown(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

#[cfg(test)]
mod tests;

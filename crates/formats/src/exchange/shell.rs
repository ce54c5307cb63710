//! A plain shell script: `echo` into sysfs, and `ip link`.

use std::collections::HashMap;

use virtfn_host::{Declared, DeclaredPf, DriverWish, MacWish, Matching, Owner, VfIndex, VfWish};
use virtfn_pci::Address;

use super::draft::Drafts;
use super::resolve::{name, vfs};
use super::{Exported, Format, Key, Part, Terms, sysfs_conf};
use crate::{File, numbered};

pub(super) const FORMAT: Format = Format {
    name: "shell",
    about: "a shell script: echo, and ip link",
    owner: Some(Owner::Script),
    places: &[],
    holds: &[
        Part::Vfs,
        Part::Autoprobe,
        Part::Mac,
        Part::Vlan,
        Part::Qos,
        Part::Proto,
        Part::Spoofchk,
        Part::Trust,
        Part::Link,
        Part::MinRate,
        Part::MaxRate,
        Part::QueryRss,
        Part::Driver,
        Part::Devices,
    ],
    keys: &[Key::Pci, Key::Netdev],
    remarks: &[
        "Variables that are set to a word are read; loops, conditions and what other commands say are not, and each such line is told.",
        "The script asks nobody before it takes VFs away: it refuses to where there are some.",
    ],
    since: &[],
    read,
    write,
};

fn read(files: &[File<'_>], terms: &Terms<'_>, drafts: &mut Drafts) {
    for file in files {
        let mut script = Script { path: file.path, words: HashMap::new() };
        for (line, text) in numbered(file.text) {
            script.line(line, text, terms, drafts);
        }
    }
}

struct Script<'a> {
    path: &'a str,
    /// Variables. The folder of interfaces of a function stands for its interface.
    words: HashMap<String, String>,
}

/// More variables than this has no script that sets VFs.
const MAX_WORDS: usize = 256;

impl Script<'_> {
    fn line(&mut self, line: u32, text: &str, terms: &Terms<'_>, drafts: &mut Drafts) {
        let text = text.trim();
        if text.starts_with('#') {
            return;
        }
        if let Some((key, value)) = assignment(text) {
            if self.words.len() < MAX_WORDS {
                let value = value.trim_matches(['"', '\'']);
                let value = value.strip_prefix("$(ls ").map_or(value, |folder| {
                    folder.split_whitespace().next().unwrap_or_default().trim_matches('"')
                });
                let value = self.expand(value);
                self.words.insert(key.to_owned(), value);
            }
            return;
        }
        let bears = |text: &str| {
            text.contains("sriov_") || text.contains(" vf ") || text.contains("driver_override")
        };
        if !bears(text) {
            return;
        }
        let commands = text.split([';', '\n']).flat_map(|part| part.split("&&"));
        for command in commands.flat_map(|part| part.split("||")).filter(|part| bears(part)) {
            let command = self.expand(command);
            if self.command(line, command.trim(), terms, drafts).is_none() {
                let shown = sysfs_conf::clip(command.trim());
                drafts.lose(self.path, line, format!("not understood: {shown}"));
            }
        }
    }

    fn expand(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let inner = part.strip_prefix('{').unwrap_or(part);
            let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (key, rest) = inner.split_at(end.unwrap_or(inner.len()));
            match self.words.get(key) {
                Some(value) if expanded.len() < crate::MAX_FILE_BYTES => {
                    let closed = part.starts_with('{') && rest.starts_with('}');
                    expanded += value;
                    expanded += if closed { &rest[1..] } else { rest };
                }
                _ => {
                    expanded.push('$');
                    expanded += part;
                }
            }
        }
        expanded
    }

    fn command(
        &self,
        line: u32,
        command: &str,
        terms: &Terms<'_>,
        drafts: &mut Drafts,
    ) -> Option<()> {
        let words: Vec<&str> = command
            .split([' ', '\t', '"', '\'', '>', '|'])
            .filter(|word| !word.is_empty())
            .collect();
        if words.contains(&"vf") {
            return self.vf(line, &words, drafts);
        }
        let path = words.iter().rev().find(|word| word.contains('/'))?;
        let (folder, attribute) = path.rsplit_once('/')?;
        let writes = command.contains('>') || words.contains(&"tee");
        if !writes {
            // Looking at it lays nothing down.
            return Some(());
        }
        let echo = words.iter().position(|word| matches!(*word, "echo" | "printf"))?;
        if attribute == "driver_override" && words.get(echo + 1) == Some(path) {
            return driver((self.path, line), folder, "default", terms, drafts);
        }
        let value = words[echo + 1..].iter().find(|word| !word.starts_with('-'))?;
        let at = (self.path, line);
        if attribute == "driver_override" {
            return driver(at, folder, value, terms, drafts);
        }
        // A variable that is not known may stand for any number.
        if value.starts_with('$') {
            return None;
        }
        let matching = sysfs_conf::device(folder)?;
        sysfs_conf::set(at, matching, attribute, value, drafts);
        Some(())
    }

    /// `ip link set [dev] PF vf N KEY VALUE …`.
    fn vf(&self, line: u32, words: &[&str], drafts: &mut Drafts) -> Option<()> {
        let set = words.iter().position(|word| *word == "set")?;
        let rest = &words[set + 1..];
        let rest = rest.strip_prefix(&["dev"]).unwrap_or(rest);
        let [pf, "vf", index, settings @ ..] = rest else { return None };
        let index: VfIndex = index.parse().ok()?;
        let matching = interface(pf)?;
        let mut wish = VfWish::default();
        for pair in settings.chunks(2) {
            let [key, value] = pair else { return None };
            setting(&mut wish, key, value)?;
        }
        let own = drafts.pf(self.path, line, matching).vf.entry(index).or_default();
        *own = wish.or(own);
        Some(())
    }
}

/// `NAME=VALUE`, and nothing else.
fn assignment(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let (key, value) = text.split_once('=')?;
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let whole =
        !value.contains([';', '&', '>']) && (!value.contains(' ') || value.starts_with(['"', '$']));
    (plain && whole).then_some((key, value))
}

/// An interface by its name, or by the folder of its function's interfaces.
fn interface(word: &str) -> Option<Matching> {
    if let Some(folder) = word.strip_suffix("/net") {
        return sysfs_conf::device(folder);
    }
    let plain = !word.contains(['$', '/', '`', '(']);
    plain.then(|| Matching { netdev: Some(word.to_owned()), ..Matching::default() })
}

fn setting(wish: &mut VfWish, key: &str, value: &str) -> Option<()> {
    let admin = &mut wish.admin;
    match key {
        "mac" => wish.mac = Some(MacWish::Given(value.parse().ok()?)),
        "vlan" => admin.vlan = Some(value.parse().ok()?),
        "qos" => admin.qos = Some(value.parse().ok()?),
        "proto" => admin.proto = Some(super::proto(value)?),
        "spoofchk" => admin.spoofchk = Some(value.parse().ok()?),
        "trust" => admin.trust = Some(value.parse().ok()?),
        "state" => admin.link = Some(value.parse().ok()?),
        "rate" | "max_tx_rate" => admin.max_rate = Some(value.parse().ok()?),
        "min_tx_rate" => admin.min_rate = Some(value.parse().ok()?),
        "query_rss" => admin.query_rss = Some(value.parse().ok()?),
        _ => return None,
    }
    Some(())
}

/// A driver into `…/PF/virtfnN/driver_override`, or into a function's own.
fn driver(
    at: (&str, u32),
    folder: &str,
    value: &str,
    terms: &Terms<'_>,
    drafts: &mut Drafts,
) -> Option<()> {
    let driver = super::driver_wish(value)?;
    let (parent, last) = folder.rsplit_once('/')?;
    if let Some(index) = last.strip_prefix("virtfn") {
        let index: VfIndex = index.parse().ok()?;
        let matching = sysfs_conf::device(parent)?;
        drafts.pf(at.0, at.1, matching).vf.entry(index).or_default().driver = Some(driver);
        return Some(());
    }
    let pci = last.parse::<Address>().ok()?;
    drafts.driver(at, Matching { pci: Some(pci), ..Matching::default() }, driver, terms);
    Some(())
}

fn write(declared: &Declared, terms: &Terms<'_>, exported: &mut Exported) {
    let mut text = String::from("#!/bin/sh\nset -e\n");
    for pf in &declared.pfs {
        let variant = terms
            .machine
            .and_then(|machine| machine.meant(&pf.matching).next()?.vf_variant.clone());
        match write_pf(pf, variant.as_deref()).filter(|_| is_plain(pf)) {
            Some(part) => text += &part,
            None => {
                let why = "not written: neither its address nor its interface is known, or a name means something to a shell";
                exported.lose(&pf.place, format!("{}: {why}", pf.matching));
            }
        }
    }
    for device in &declared.devices {
        match (device.matching.pci, name(&device.driver, None)) {
            (Some(pci), Some(driver)) => {
                text += &bind(&format!("/sys/bus/pci/devices/{pci}"), &driver)
            }
            (Some(_), None) => {
                exported
                    .lose(&device.place, "`driver: default` is a device that nothing is done to");
            }
            (None, _) => {
                let why = "not written: it is not named by its PCI address";
                exported.lose(&device.place, format!("device {}: {why}", device.matching));
            }
        }
    }
    exported.file("usr/local/sbin/virtfn-sriov", text);
}

fn write_pf(pf: &DeclaredPf, variant: Option<&str>) -> Option<String> {
    let folder = match (pf.matching.pci, &pf.matching.netdev) {
        (Some(pci), _) => format!("/sys/bus/pci/devices/{pci}"),
        (None, Some(netdev)) => format!("/sys/class/net/{netdev}/device"),
        (None, None) => return None,
    };
    let mut text = format!("\n# {}\npf={folder}\n", pf.matching);
    if let Some(on) = pf.autoprobe {
        text += &format!("echo {} > \"$pf/sriov_drivers_autoprobe\"\n", u8::from(on));
    }
    // The kernel refuses another number than none or the same while there are VFs.
    text += &format!("echo {} > \"$pf/sriov_numvfs\"\n", pf.vfs);
    if vfs(pf).any(|(_, wish)| !settings(wish).is_empty()) {
        text += "dev=$(ls \"$pf/net\" | head -n 1)\n";
    }
    for (index, wish) in vfs(pf) {
        // One setting a command, so that an error names it.
        for setting in settings(wish) {
            text += &format!("ip link set dev \"$dev\" vf {index} {setting}\n");
        }
    }
    for (index, wish) in vfs(pf) {
        match &wish.driver {
            None => {}
            Some(DriverWish::Default) => text += &release(&format!("$pf/virtfn{index}")),
            Some(driver) => {
                let driver = name(driver, variant)?;
                text += &bind(&format!("$pf/virtfn{index}"), &driver);
            }
        }
    }
    Some(text)
}

/// Are the names such that a shell takes them for nothing else?
fn is_plain(pf: &DeclaredPf) -> bool {
    let plain = |name: &str| {
        name.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'@'))
    };
    let drivers = pf.vf.iter().filter_map(|range| match &range.wish.driver {
        Some(DriverWish::Named(name)) => Some(name.as_str()),
        _ => None,
    });
    pf.matching
        .netdev
        .as_deref()
        .into_iter()
        .chain(pf.matching.driver.as_deref())
        .chain(drivers)
        .all(plain)
}

/// Takes a function from whoever has it, and gives it to a driver.
fn bind(folder: &str, driver: &str) -> String {
    let mut text = String::new();
    if driver != "none" {
        text += &format!("modprobe {driver}\n");
    }
    text += &format!("vf=$(basename \"$(readlink -f {folder})\")\n");
    text += &format!("echo {driver} > \"{folder}/driver_override\"\n");
    text += &format!(
        "if [ -e \"{folder}/driver\" ]; then echo \"$vf\" > \"{folder}/driver/unbind\"; fi\n"
    );
    text + "echo \"$vf\" > /sys/bus/pci/drivers_probe\n"
}

/// Leaves a function to the kernel's own choice of driver.
fn release(folder: &str) -> String {
    format!(
        "echo > \"{folder}/driver_override\" # default\nbasename \"$(readlink -f {folder})\" > /sys/bus/pci/drivers_probe\n"
    )
}

/// The settings of a VF as `ip link` takes them.
fn settings(wish: &VfWish) -> Vec<String> {
    let admin = &wish.admin;
    let mut settings = Vec::new();
    if let Some(MacWish::Given(mac)) = wish.mac {
        settings.push(format!("mac {mac}"));
    }
    if let Some(vlan) = admin.vlan {
        let qos = admin.qos.map(|qos| format!(" qos {qos}")).unwrap_or_default();
        let proto = admin.proto.map(|proto| format!(" proto {proto}")).unwrap_or_default();
        settings.push(format!("vlan {vlan}{qos}{proto}"));
    }
    settings.extend(admin.trust.map(|to| format!("trust {to}")));
    settings.extend(admin.spoofchk.map(|to| format!("spoofchk {to}")));
    let rates = [
        admin.min_rate.map(|rate| format!("min_tx_rate {rate}")),
        admin.max_rate.map(|rate| format!("max_tx_rate {rate}")),
    ];
    let rates: Vec<String> = rates.into_iter().flatten().collect();
    if !rates.is_empty() {
        settings.push(rates.join(" "));
    }
    settings.extend(admin.link.map(|to| format!("state {to}")));
    settings.extend(admin.query_rss.map(|to| format!("query_rss {to}")));
    settings
}

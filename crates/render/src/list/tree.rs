//! The list as a tree: each PF with its VFs beneath.

use std::collections::BTreeMap;

use virtfn_pci::Address;

use super::{Kind, List, Listed, ListedGuest, Which};
use crate::paint::Tone;
use crate::words::plain;
use crate::{Page, Symbols};

impl List {
    /// The list as a tree.
    #[must_use]
    pub fn tree(&self, page: Page) -> String {
        if self.which == Which::Sriov && self.of_kind(Kind::Pf).next().is_none() {
            return self.nothing();
        }
        let mut vfs: BTreeMap<Address, Vec<&Listed>> = BTreeMap::new();
        for vf in self.of_kind(Kind::Vf) {
            if let Some(pf) = vf.pf {
                vfs.entry(pf).or_default().push(vf);
            }
        }
        let mut text = String::new();
        for top in self.functions.iter().filter(|function| function.kind != Kind::Vf) {
            text.push_str(&top_line(top));
            let mut below = vfs.remove(&top.address).unwrap_or_default();
            below.sort_by_key(|vf| (vf.vf_index.is_none(), vf.vf_index, vf.address));
            push_vfs(&below, page.symbols, &mut text);
        }
        text.push_str(&self.guests_text());
        text.push_str(&self.unseen_text());
        text
    }
}

fn top_line(function: &Listed) -> String {
    let mut parts = vec![Tone::Heading.paint(&function.address.short())];
    parts.extend(function.netdev.as_deref().map(|name| plain(name).into_owned()));
    parts.push(plain(&function.name).into_owned());
    parts.extend(function.driver.as_deref().map(|name| plain(name).into_owned()));
    if function.kind == Kind::Pf {
        parts.push(format!("{} VFs", function.room()));
    }
    parts.extend(function.iommu_group.map(|id| format!("group {id}")));
    parts.join("  ") + "\n"
}

fn push_vfs(vfs: &[&Listed], symbols: Symbols, text: &mut String) {
    let wide = |part: fn(&Listed) -> String| {
        vfs.iter().map(|vf| part(vf).chars().count()).max().unwrap_or_default()
    };
    let (numbers, drivers) = (wide(number), wide(driver));
    for (at, vf) in vfs.iter().enumerate() {
        let branch = if at + 1 == vfs.len() { symbols.last_branch() } else { symbols.branch() };
        let mut line = format!(
            "{branch}{:>numbers$}  {}  {:drivers$}",
            number(vf),
            vf.address.short(),
            driver(vf)
        );
        line.extend(vf.mac.map(|mac| format!("  {mac}")));
        line.extend(vf.vlan.map(|vlan| format!("  vlan {vlan}")));
        line.extend(vf.iommu_group.map(|id| format!("  group {id}")));
        line.extend(vf.netdev.as_deref().map(|name| format!("  {}", plain(name))));
        text.push_str(line.trim_end());
        text.push_str(&vf.used_by_note());
        text.push('\n');
    }
}

fn number(vf: &Listed) -> String {
    vf.vf_index.map_or_else(|| "leaving".to_owned(), |index| format!("VF {index}"))
}

fn driver(vf: &Listed) -> String {
    vf.driver.as_deref().map_or_else(|| "-".to_owned(), |name| plain(name).into_owned())
}

impl Listed {
    fn used_by_note(&self) -> String {
        let used = self.named_guests().any(ListedGuest::is_live);
        match &self.holders {
            None => format!("  {}", Tone::Unknown.paint("used by ?")),
            Some(holders) if holders.is_empty() && !used => {
                let given = self.guest_words();
                let owner = self.owner.as_deref().map(|owner| plain(owner).into_owned());
                let words: Vec<String> = given.chain(owner).collect();
                if words.is_empty() {
                    String::new()
                } else {
                    format!("  for {}", plain(&words.join("; ")))
                }
            }
            Some(_) => format!("  used by {}", self.used_by().words()),
        }
    }
}

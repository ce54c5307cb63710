//! The way to the root from what shares a group, as a small tree with the place where isolation
//! ends.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Function, Host};
use virtfn_pci::Address;
use virtfn_predict::{Acs, Ground, Kind, Step, isolation};

use super::Why;
use crate::Symbols;
use crate::paint::Tone;
use crate::words::{class, count, plain};

/// The functions of a group with the bridges above them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<Address, Node>,
    /// What hangs below each; `None`: on a root bus.
    below: BTreeMap<Option<Address>, BTreeSet<Address>>,
}

#[derive(Clone, Debug)]
struct Node {
    what: String,
    /// The ACS state of a port.
    acs: Option<String>,
    /// Isolation ends here.
    ends: bool,
    /// What a member of a group says in the last column.
    group: Option<String>,
    /// A PF's VFs in the group, which get no line each.
    vfs: usize,
}

impl Tree {
    /// Adds a group's functions with all that is above them. VFs are counted at their PF.
    pub(super) fn add(&mut self, host: &Host, guests: &[&Function], why: &[Why], id: Option<u32>) {
        let ends: BTreeSet<Address> = why.iter().map(|why| why.at).collect();
        let group = id.map_or_else(|| "one group".to_owned(), |id| format!("group {id}"));
        let mut vfs: BTreeMap<Address, usize> = BTreeMap::new();
        for guest in guests {
            if let Some(vf) = guest.vf() {
                *vfs.entry(vf.pf).or_default() += 1;
                if let Some(pf) = host.functions.get(&vf.pf) {
                    self.climb(host, pf, &ends);
                }
            } else {
                self.climb(host, guest, &ends);
            }
            if let Some(node) = self.nodes.get_mut(&guest.address) {
                node.group = Some(group.clone());
            }
        }
        for (pf, number) in vfs {
            if let Some(node) = self.nodes.get_mut(&pf) {
                node.vfs = number;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds a function and all above it.
    fn climb(&mut self, host: &Host, function: &Function, ends: &BTreeSet<Address>) {
        let path = isolation(host, function).path;
        for (step, above) in path.iter().zip(path.iter().skip(1).map(Some).chain([None])) {
            self.below.entry(above.map(|above| above.address)).or_default().insert(step.address);
            let ends = ends.contains(&step.address);
            let node = self.nodes.entry(step.address).or_insert_with(|| Node::of(host, step));
            if ends {
                node.ends = true;
                node.acs = Some(said(&step.acs));
            }
        }
    }

    /// The lines, each with a newline.
    pub(super) fn text(&self, symbols: Symbols) -> String {
        let mut lines = Vec::new();
        self.lines(None, "", symbols, &mut lines);
        let columns = |line: &Line| line.head.chars().count();
        let head = lines.iter().map(columns).max().unwrap_or_default();
        let acs = lines.iter().map(|line| line.acs.chars().count()).max().unwrap_or_default();
        let mut text = String::new();
        for line in lines {
            let row = format!("  {:head$}  {:acs$}  {}", line.head, line.acs, line.tail);
            text.push_str(row.trim_end());
            if line.ends {
                let mark = symbols.pick("◄ isolation ends here", "<- isolation ends here");
                text.push_str(&format!("  {}", Tone::Bad.paint(mark)));
            }
            text.push('\n');
        }
        text
    }

    fn lines(&self, at: Option<Address>, stem: &str, symbols: Symbols, lines: &mut Vec<Line>) {
        let below = self.below.get(&at).into_iter().flatten();
        let below: Vec<(Address, &Node)> =
            below.filter_map(|address| Some((*address, self.nodes.get(address)?))).collect();
        for (number, (address, node)) in below.iter().enumerate() {
            let last = number + 1 == below.len();
            let (branch, more) = match (at.is_none(), last) {
                (true, _) => ("", ""),
                (false, true) => (symbols.pick("└ ", "`- "), symbols.pick("  ", "   ")),
                (false, false) => (symbols.pick("├ ", "|- "), symbols.pick("│ ", "|  ")),
            };
            let head = format!("{stem}{branch}{}  {}", address.short(), plain(&node.what));
            lines.push(node.line(head));
            self.lines(Some(*address), &format!("{stem}{more}"), symbols, lines);
        }
    }
}

struct Line {
    head: String,
    acs: String,
    tail: String,
    ends: bool,
}

impl Node {
    fn of(host: &Host, step: &Step) -> Self {
        let function = host.functions.get(&step.address);
        let is_bridge = function.is_none_or(Function::is_bridge);
        let what = match (step.kind, function) {
            (Some(kind), _) if is_bridge => kind.to_string(),
            (_, Some(function)) => named(host, function),
            (Some(Kind::Endpoint) | None, None) => "not listed".to_owned(),
            (Some(kind), None) => kind.to_string(),
        };
        let acs = is_bridge.then(|| said(&step.acs));
        Self { what, acs, ends: false, group: None, vfs: 0 }
    }

    fn line(&self, head: String) -> Line {
        let vfs = (self.vfs > 0).then(|| format!("with {}", count(self.vfs, "VF", "VFs")));
        let tail: Vec<String> = self.group.iter().cloned().chain(vfs).collect();
        let acs = self.acs.clone().unwrap_or_default();
        Line { head, acs, tail: tail.join(" "), ends: self.ends }
    }
}

/// A function's name, its class where it has none.
fn named(host: &Host, function: &Function) -> String {
    let ids = function.ids;
    match host.names.devices.get(&(ids.vendor, ids.device)) {
        Some(_) => host.names.of(ids.vendor, ids.device),
        None => format!("{} {:04x}:{:04x}", class(ids.class), ids.vendor, ids.device),
    }
}

/// A port's ACS state in a few words.
fn said(acs: &Acs) -> String {
    match acs {
        Acs::Isolates(Ground::On(flags)) if !flags.is_empty() => {
            format!("ACS {}", flags.names().collect::<Vec<_>>().join(" "))
        }
        Acs::Isolates(Ground::WillBeOn(flags)) => {
            format!("ACS {}, once the IOMMU is on", flags.names().collect::<Vec<_>>().join(" "))
        }
        Acs::Isolates(Ground::Alone) => "passes all up".into(),
        Acs::Isolates(ground) => ground.to_string(),
        Acs::Lacks { missing, .. } if missing.is_empty() => "cannot isolate".into(),
        Acs::Lacks { lack: virtfn_predict::Lack::SwitchedOff, missing } => {
            format!("ACS without {}", missing.names().collect::<Vec<_>>().join(" "))
        }
        Acs::Lacks { .. } => "no ACS".into(),
        Acs::Unseen(unseen) => format!("not seen: {}", unseen.unreadable.why),
    }
}

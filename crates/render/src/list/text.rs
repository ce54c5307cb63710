//! The list as tables.

use virtfn_host::{Holder, HolderKind, Vm};

use super::{Kind, List, Listed, ListedGuest, Settings, Which};
use crate::paint::Tone;
use crate::unseen::Unseen;
use crate::words::{count, speed};
use crate::{Cell, Column, Page, Table};

impl List {
    /// The list as tables: the PFs, then the VFs, then what could not be seen.
    #[must_use]
    pub fn text(&self, page: Page) -> String {
        let mut text = match self.which {
            Which::All => self.all_table().render(page),
            Which::Sriov if self.functions.is_empty() => self.nothing(),
            Which::Sriov => self.sriov_tables(page),
        };
        text.push_str(&self.guests_text());
        text.push_str(&self.unseen_text());
        text
    }

    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Listed> {
        self.functions.iter().filter(move |function| function.kind == kind)
    }

    pub(super) fn nothing(&self) -> String {
        let all = count(self.of_all, "PCI function", "PCI functions");
        format!(
            "No SR-IOV here: the kernel shows none of the {all} as able to make VFs.\n\
             hint: virtfn doctor says why, virtfn list --all shows every function\n"
        )
    }

    fn sriov_tables(&self, page: Page) -> String {
        let (pfs, vfs) = (self.pf_table(), self.vf_table());
        // What a change was about may be VFs alone.
        if pfs.is_empty() {
            return vfs.render(page);
        }
        let mut text = pfs.render(page);
        if vfs.is_empty() {
            if let Some(pf) = self.of_kind(Kind::Pf).find(|pf| pf.total_vfs > Some(0)) {
                let (pf, most) = (pf.address.short(), pf.total_vfs.unwrap_or_default());
                text.push_str(&format!(
                    "\nNo VFs yet. To make some: virtfn create {pf} --vfs {most}\n"
                ));
            }
        } else {
            text.push('\n');
            text.push_str(&vfs.render(page));
        }
        text
    }

    fn pf_table(&self) -> Table {
        let mut table = Table::new([
            Column::text("PF"),
            Column::text("NETDEV"),
            Column::long("DEVICE"),
            Column::text("DRIVER"),
            Column::number("VFS"),
            Column::number("GROUP"),
            Column::text("LINK"),
        ]);
        for pf in self.of_kind(Kind::Pf) {
            table.row([
                Cell::from(pf.address.short()),
                Cell::of(pf.netdev.as_deref()),
                Cell::from(&pf.name),
                Cell::of(pf.driver.as_deref()),
                Cell::from(pf.room()),
                Cell::of(pf.iommu_group),
                pf.link(),
            ]);
        }
        table
    }

    fn vf_table(&self) -> Table {
        let mut table = Table::new([
            Column::text("VF"),
            Column::text("ADDRESS"),
            Column::text("DRIVER"),
            Column::text("MAC"),
            Column::number("VLAN"),
            Column::number("GROUP"),
            Column::long("USED BY"),
        ]);
        let mut vfs: Vec<&Listed> = self.of_kind(Kind::Vf).collect();
        // A PF's VFs together and in the order of their numbers: two ports' VFs interleave.
        vfs.sort_by_key(|vf| (vf.pf, vf.vf_index.is_none(), vf.vf_index, vf.address));
        for vf in vfs {
            table.row([
                Cell::from(vf.place()),
                Cell::from(vf.address.short()),
                Cell::of(vf.driver.as_deref()),
                vf.mac_cell(),
                vf.vlan_cell(),
                Cell::of(vf.iommu_group),
                vf.used_by(),
            ]);
        }
        table
    }

    fn all_table(&self) -> Table {
        let mut table = Table::new([
            Column::text("ADDRESS"),
            Column::text("KIND"),
            Column::long("DEVICE"),
            Column::text("DRIVER"),
            Column::number("GROUP"),
            Column::number("NUMA"),
            Column::text("NETDEV"),
        ]);
        for function in &self.functions {
            table.row([
                Cell::from(function.address.short()),
                match function.kind {
                    Kind::Pf => Cell::from("PF"),
                    Kind::Vf => Cell::from("VF"),
                    Kind::Function => Cell::none(),
                },
                Cell::from(&function.name),
                Cell::of(function.driver.as_deref()),
                Cell::of(function.iommu_group),
                Cell::of(function.numa_node),
                Cell::of(function.netdev.as_deref()),
            ]);
        }
        table
    }

    /// One line for all that could not be seen, with what shows more.
    pub(super) fn unseen_text(&self) -> String {
        let Some(first) = self.unseen.first() else {
            return String::new();
        };
        let of = |what: &str| self.unseen.iter().filter(|unseen| unseen.what == what).count();
        let parts = [
            ("who uses", of("holders"), "function", "functions"),
            ("the VF settings of", of("vf-settings"), "function", "functions"),
        ];
        let guests = (of("guests") > 0).then(|| "which VMs are given a VF".to_owned());
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, number, ..)| *number > 0)
            .map(|(what, number, one, many)| format!("{what} {}", count(*number, one, many)))
            .chain(guests)
            .collect();
        let more = if self.unseen.iter().any(Unseen::needs_root) {
            "as root there is more to see"
        } else {
            "virtfn list --json names each"
        };
        let why = crate::words::plain(&first.why).into_owned();
        let why = why.split(" (run as root").next().unwrap_or(&why);
        let line = format!("? Not seen: {}: {why}; {more}.", parts.join(" and "));
        format!("\n{}\n", Tone::Unknown.paint(&line))
    }
}

impl Listed {
    /// How many VFs it has of how many it may have.
    pub(super) fn room(&self) -> String {
        format!("{}/{}", self.vfs.unwrap_or_default(), self.total_vfs.unwrap_or_default())
    }

    /// A VF by its PF and number.
    fn place(&self) -> String {
        let pf = self.pf.map_or_else(|| "?".to_owned(), virtfn_pci::Address::short);
        match self.vf_index {
            Some(index) => format!("{pf}/{index}"),
            None => format!("{pf}/leaving"),
        }
    }

    pub(super) fn link(&self) -> Cell {
        match (self.netdev.is_some(), self.up, self.carrier, self.speed_mbps) {
            (false, ..) => Cell::none(),
            (true, Some(false), ..) => Cell::new("down", Tone::Warn),
            (true, Some(true), Some(false), _) => Cell::new("no carrier", Tone::Warn),
            (true, Some(true), Some(true), Some(mbps)) => Cell::from(speed(mbps)),
            (true, Some(true), Some(true), None) => Cell::from("up"),
            (true, ..) => Cell::unknown(),
        }
    }

    pub(super) fn mac_cell(&self) -> Cell {
        match (self.mac, self.settings) {
            (None, Settings::Unseen) => Cell::unknown(),
            (mac, _) => Cell::of(mac),
        }
    }

    fn vlan_cell(&self) -> Cell {
        match self.settings {
            Settings::Unseen => Cell::unknown(),
            Settings::Seen | Settings::None => Cell::of(self.vlan),
        }
    }

    pub(super) fn used_by(&self) -> Cell {
        let mut words: Vec<String> = self.guest_words().collect();
        if self.holders.is_none() && words.is_empty() {
            return Cell::unknown();
        }
        words.extend(self.other_holders().map(in_short));
        words.extend(self.holders.is_none().then(|| "?".to_owned()));
        words.extend(self.owner.as_deref().map(|owner| format!("for {owner}")));
        match words.join("; ") {
            words if words.is_empty() => Cell::none(),
            words if self.is_contested() => Cell::new(&format!("! {words}"), Tone::Warn),
            words => Cell::from(words),
        }
    }

    /// Those of its users that are not among its guests.
    pub(super) fn other_holders(&self) -> impl Iterator<Item = &Holder> {
        let is_named = |holder: &Holder| {
            let same = |vm: &Vm| {
                let is =
                    |guest: &ListedGuest| guest.name == vm.name && guest.manager == vm.managed_by;
                self.named_guests().any(is)
            };
            holder.vm.as_ref().is_some_and(same)
        };
        self.holders.iter().flatten().filter(move |holder| !is_named(holder))
    }
}

/// A holder in the words of a table.
fn in_short(holder: &Holder) -> String {
    if let Some(vm) = &holder.vm {
        return format!("VM {} (running)", vm.name);
    }
    match (holder.kind, holder.pid) {
        (HolderKind::Process, Some(pid)) => format!("{} (pid {pid})", holder.name),
        (HolderKind::Netns, _) => format!("netns {}, {}", holder.name, holder.through),
        _ => holder.to_string(),
    }
}

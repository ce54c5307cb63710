//! Is there memory for the VFs' BARs?

use std::fmt;

use virtfn_host::{Function, Host, Pf, Reason, Resource, Seen};
use virtfn_pci::{Address, Bar, Looked, Place, Sriov};

use super::{Answer, Cause, Limit};
use crate::acs::Unseen;
use crate::kernel_words::{self, Said};
use crate::window::{self, Wish};

/// Lines of `resource` that are the VFs' BARs (`PCI_IOV_RESOURCES`, `include/linux/pci.h`).
const FIRST_VF_LINE: usize = 7;
const VF_LINES: usize = 6;

/// The kernel places each VF BAR once, at boot, for all of TotalVFs, and makes no VF while one has
/// no place (`drivers/pci/iov.c`, `sriov_enable`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMemory {
    /// The VF BARs without a place.
    pub bars: Vec<u8>,
    /// How many VFs the kernel wanted room for.
    pub total_vfs: Option<u16>,
    /// Bytes that they want in all; `None` where that was not said.
    pub wanted: Option<u64>,
    /// The bridge above; `None` on a root bus.
    pub port: Option<Address>,
    /// How many VFs the windows of the bridge above would have room for, were the card's own number
    /// of VFs (TotalVFs) set to that. `None`: not known.
    pub would_fit: Option<u16>,
}

pub(super) fn judge(host: &Host, function: &Function, pf: &Pf) -> Answer {
    if !pf.vfs.is_empty() {
        return Ok(None);
    }
    let lines = lines(function)?;
    let said = kernel_words::vf_bars(host, function.address);
    let bars = bars(function, &lines, &said)?;
    if bars.is_empty() {
        return Err(failed(function, "no VF BAR is to be seen"));
    }
    let unplaced: Vec<Wanted> = bars.into_iter().filter(|bar| !bar.placed).collect();
    if unplaced.is_empty() {
        return Ok(None);
    }
    // A register that holds an address contradicts an empty line; who is right is not known.
    if let Some(odd) = unplaced.iter().find(|bar| bar.register != 0 && !bar.unset) {
        let why = format!(
            "the kernel shows no place for VF BAR {}, and its register holds {:x}",
            odd.index, odd.register
        );
        return Err(failed(function, &why));
    }
    let lack = lack(host, function, &unplaced);
    Ok(Some(Limit { most: 0, cause: Cause::Memory(lack) }))
}

/// A VF BAR, and what became of it.
struct Wanted {
    index: u8,
    /// What its register holds, less the type bits.
    register: u64,
    prefetchable: bool,
    placed: bool,
    /// Did the kernel mark it as wanted and not placed?
    unset: bool,
    /// Bytes for all VFs.
    size: Option<u64>,
}

fn lines(function: &Function) -> Result<Vec<Resource>, Unseen> {
    match &function.resources {
        Seen::Known(lines) => {
            let own: Vec<_> = lines.iter().skip(FIRST_VF_LINE).take(VF_LINES).copied().collect();
            let whole = own.len() == VF_LINES;
            if whole { Ok(own) } else { Err(resource(function, Reason::CutShort)) }
        }
        Seen::Absent => Err(resource(function, Reason::Failed("not there".into()))),
        Seen::Unreadable(unreadable) => {
            Err(Unseen { address: function.address, unreadable: unreadable.clone() })
        }
    }
}

/// Every VF BAR that anything speaks of: the lines, the registers, the kernel's log. A register of 32
/// bits without an address reads as if there were none, and the kernel empties the line of a BAR that
/// it could not place: then the log alone knows.
fn bars(function: &Function, lines: &[Resource], said: &[Said]) -> Result<Vec<Wanted>, Unseen> {
    let registers = registers(function);
    let in_lines = lines.iter().any(|line| line.is_unset());
    let sriov = match registers {
        Ok(bars) => bars,
        // A line that says "unset" is enough to know.
        Err(_) if in_lines => Vec::new(),
        Err(unseen) => return Err(unseen),
    };
    let wanted = |(index, line): (u8, &Resource)| {
        let bar = sriov.iter().find(|bar| bar.index == index);
        let said = said.iter().find(|said| said.bar == index);
        let placed = line.size() > 0 && !line.is_unset();
        let denied = said.is_some_and(|said| !said.placed);
        if bar.is_none() && line.size() == 0 && !line.is_unset() && !denied {
            return None;
        }
        let (register, prefetchable) = bar.map_or((0, false), place);
        let size = Some(line.size()).filter(|size| *size > 0).or(said.and_then(|said| said.size));
        Some(Wanted { index, register, prefetchable, placed, unset: line.is_unset(), size })
    };
    Ok((0u8..).zip(lines).filter_map(wanted).collect())
}

fn place(bar: &Bar) -> (u64, bool) {
    match bar.place {
        Place::Memory { address, prefetchable, .. } => (address, prefetchable),
        Place::Io { .. } => (0, false),
    }
}

fn registers(function: &Function) -> Result<Vec<Bar>, Unseen> {
    with_sriov(function, Sriov::vf_bars).ok_or_else(|| Unseen::config(function))
}

fn with_sriov<T>(function: &Function, look: impl FnOnce(&Sriov) -> T) -> Option<T> {
    let walk = function.config.known()?.capabilities();
    match walk.sriov() {
        Looked::Found(sriov) => Some(look(sriov)),
        Looked::Absent | Looked::NotVisible(_) => None,
    }
}

fn lack(host: &Host, function: &Function, unplaced: &[Wanted]) -> NoMemory {
    let total_vfs = with_sriov(function, |sriov| sriov.total_vfs).filter(|total| *total > 0);
    let sizes: Option<Vec<u64>> = unplaced.iter().map(|bar| bar.size).collect();
    let wanted =
        sizes.as_ref().map(|sizes| sizes.iter().fold(0, |sum: u64, one| sum.saturating_add(*one)));
    let wishes = total_vfs.zip(sizes).map(|(total, sizes)| {
        let one = |(bar, size): (&Wanted, u64)| Wish {
            each: size / u64::from(total),
            prefetchable: bar.prefetchable,
        };
        unplaced.iter().zip(sizes).map(one).collect::<Vec<_>>()
    });
    NoMemory {
        bars: unplaced.iter().map(|bar| bar.index).collect(),
        total_vfs,
        wanted,
        port: function.parent,
        would_fit: total_vfs
            .zip(wishes)
            .and_then(|(total, wishes)| window::would_fit(host, function, &wishes, total)),
    }
}

fn resource(function: &Function, why: Reason) -> Unseen {
    let path = format!("sys/bus/pci/devices/{}/resource", function.address);
    Unseen { address: function.address, unreadable: virtfn_host::Unreadable { path, why } }
}

fn failed(function: &Function, why: &str) -> Unseen {
    resource(function, Reason::Failed(why.into()))
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bars: Vec<String> = self.bars.iter().map(u8::to_string).collect();
        let many = if bars.len() == 1 { "" } else { "s" };
        write!(f, "the kernel found no memory for VF BAR{many} {}", bars.join(" and "))?;
        if let Some(total) = self.total_vfs {
            write!(f, " of {total} VFs")?;
        }
        if let Some(wanted) = self.wanted {
            write!(f, " ({} KiB)", wanted.div_ceil(1024))?;
        }
        if let Some(port) = self.port {
            write!(f, " in the window of {}", port.short())?;
        }
        match self.would_fit {
            Some(0) | None => Ok(()),
            Some(count) => write!(f, ", which has room for {count}"),
        }
    }
}

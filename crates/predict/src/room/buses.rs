//! Are there bus numbers for the VFs' routing IDs?

use std::fmt;

use virtfn_host::{Function, Host, Pf, Reason, Seen, Unreadable};
use virtfn_pci::{Address, Looked, SriovControl};

use super::{Answer, Cause, Limit};
use crate::acs::Unseen;

/// VFs lie where their routing IDs say: PF + offset + stride × number. What passes the last bus
/// below the bridge above the PF cannot be reached (`drivers/pci/iov.c`, `sriov_enable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBuses {
    /// The PF.
    pub pf: Address,
    /// Routing ID of VF 0 less the PF's.
    pub offset: u16,
    /// Routing IDs from one VF to the next.
    pub stride: u16,
    /// The bridge above; `None` for a root bus.
    pub port: Option<Address>,
    /// The last bus below it.
    pub last_bus: u8,
    /// How many VFs there would be addresses for at all, were every bus up to ff its own.
    pub ever: u16,
    /// Does the PF use alternative routing IDs, which put VFs nearer to it? `None`: not seen.
    pub ari: Option<bool>,
    /// Does the bridge above forward them?
    pub port_forwards_ari: Option<bool>,
}

pub(super) fn judge(host: &Host, function: &Function, pf: &Pf) -> Answer {
    let (offset, stride) = placement(function, pf)?;
    let own = function.address.bus();
    let needed = usize::from(pf.total_vfs);
    if fitting(function.address, offset, stride, own) >= needed {
        return Ok(None);
    }
    let last_bus = last_bus(host, function)?;
    let most = fitting(function.address, offset, stride, last_bus);
    if most >= needed {
        return Ok(None);
    }
    let ever = fitting(function.address, offset, stride, u8::MAX);
    let buses = NoBuses {
        pf: function.address,
        offset,
        stride,
        port: function.parent,
        last_bus,
        ever: u16::try_from(ever).unwrap_or(u16::MAX),
        ari: ari(function),
        port_forwards_ari: port_forwards_ari(host, function),
    };
    let most = u16::try_from(most).unwrap_or(u16::MAX);
    Ok(Some(Limit { most, cause: Cause::Buses(buses) }))
}

/// How many VFs lie on buses up to `last`.
fn fitting(pf: Address, offset: u16, stride: u16, last: u8) -> usize {
    let first = usize::from(pf.routing_id()) + usize::from(offset);
    let end = (usize::from(last) << 8) + 0xff;
    match end.checked_sub(first) {
        None => 0,
        // Stride 0 lets a single VF be.
        Some(_) if stride == 0 => 1,
        Some(left) => left / usize::from(stride) + 1,
    }
}

/// First VF offset and VF stride: as the kernel reckons with them, else from the registers. Offset 0
/// would put VF 0 on top of its PF: no kernel makes a PF of that.
fn placement(function: &Function, pf: &Pf) -> Result<(u16, u16), Unseen> {
    let broken = || {
        Unseen::because(function, Reason::Failed("first VF offset 0 is no place for a VF".into()))
    };
    let found = match (&pf.vf_offset, &pf.vf_stride) {
        (Seen::Known(offset), Seen::Known(stride)) => (*offset, *stride),
        _ => {
            let config = function.config.known().ok_or_else(|| Unseen::config(function))?;
            let walk = config.capabilities();
            let Looked::Found(sriov) = walk.sriov() else {
                return Err(Unseen::config(function));
            };
            (sriov.first_vf_offset, sriov.vf_stride)
        }
    };
    if found.0 == 0 { Err(broken()) } else { Ok(found) }
}

/// The last bus that a function's VFs may lie on.
fn last_bus(host: &Host, function: &Function) -> Result<u8, Unseen> {
    let Some(port) = function.parent else {
        return root_bus(host, function);
    };
    let bridge = host.functions.get(&port).ok_or_else(|| Unseen::missing(port))?;
    let header = bridge.config.known().and_then(|config| config.header());
    let own = header.and_then(|header| header.bridge).ok_or_else(|| Unseen::config(bridge))?;
    Ok(own.subordinate)
}

/// `pci_bus 0000:00: root bus resource [bus 00-fe]`: the kernel says it at boot and nowhere else.
fn root_bus(host: &Host, function: &Function) -> Result<u8, Unseen> {
    let bus = format!("pci_bus {:04x}:{:02x}: ", function.address.domain(), function.address.bus());
    let lines = host.kernel.log.known().map_or(&[][..], Vec::as_slice);
    let range = lines.iter().rev().find_map(|line| {
        let (_, said) = line.split_once(&bus)?;
        let range = said.strip_prefix("root bus resource [bus ")?.split(']').next()?;
        u8::from_str_radix(range.rsplit('-').next()?, 16).ok()
    });
    range.ok_or_else(|| {
        let why = match &host.kernel.log {
            Seen::Unreadable(unreadable) => unreadable.why.clone(),
            Seen::Known(_) | Seen::Absent => {
                Reason::Failed("no word of the root bus's numbers".into())
            }
        };
        let unreadable = Unreadable { path: "kernel.log".into(), why };
        Unseen { address: function.address, unreadable }
    })
}

fn ari(function: &Function) -> Option<bool> {
    let walk = function.config.known()?.capabilities();
    let sriov = walk.sriov().found()?;
    Some(sriov.control.has(SriovControl::ARI_HIERARCHY))
}

fn port_forwards_ari(host: &Host, function: &Function) -> Option<bool> {
    let port = host.functions.get(&function.parent?)?;
    let walk = port.config.known()?.capabilities();
    walk.express().found().map(|express| express.forwards_ari())
}

impl NoBuses {
    /// The bus that VF `index` would lie on; beyond ff there is none.
    #[must_use]
    pub fn bus_of(&self, index: u16) -> u32 {
        let ahead = u32::from(self.stride) * u32::from(index) + u32::from(self.offset);
        (u32::from(self.pf.routing_id()) + ahead) >> 8
    }

    pub(super) fn kernel_words(&self, count: u16) -> String {
        let bus = self.bus_of(count.saturating_sub(1));
        format!("can't enable {count} VFs (bus {bus:02x} out of range of {})", self.range())
    }

    /// The buses as the kernel prints them (`lib/vsprintf.c`, `resource_string`).
    #[must_use]
    pub fn range(&self) -> String {
        let first = self.pf.bus();
        if first == self.last_bus {
            format!("[bus {first:02x}]")
        } else {
            format!("[bus {first:02x}-{:02x}]", self.last_bus)
        }
    }
}

impl fmt::Display for NoBuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = fitting(self.pf, self.offset, self.stride, self.last_bus);
        let first_out = u16::try_from(most).unwrap_or(u16::MAX);
        let bus = self.bus_of(first_out);
        write!(f, "VF {first_out} would be on bus {bus:02x}, out of range of {}", self.range())?;
        match self.port {
            Some(port) => write!(f, ", all that {} has", port.short()),
            None => f.write_str(", all that its root has"),
        }
    }
}

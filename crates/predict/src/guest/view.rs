//! The view of one function: every byte, register by register.

use virtfn_host::{Function, Role, Seen, Unreadable};
use virtfn_pci::{CapabilityId, ConfigSpace, HEADER_LEN, STANDARD_LEN};

use super::byte::Byte;
use super::map::{Map, NOBODY, VIRTUAL};
use super::register::{Head, Label, Permissions, Place, Register};
use super::{Rules, bars, capabilities, extended, header, lengths};

/// What a guest sees of a function's config space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose rules these are.
    pub rules: Rules,
    /// Every byte that could be read, in order.
    pub bytes: Vec<Byte>,
    /// The same, register by register: each byte is in exactly one.
    pub registers: Vec<Register>,
    /// The capabilities that VFIO leaves out of the guest's list.
    pub hidden: Vec<Hidden>,
    /// Was config space read whole? If not, nothing is known of what lies behind the header.
    pub is_whole: bool,
}

/// A capability that is left out of the guest's list. Its registers are in nobody's table, and so
/// whoever knows where they are reads and writes them straight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Which.
    pub id: CapabilityId,
    /// Where.
    pub at: u16,
}

/// Why there is no view of a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoView {
    /// VFIO takes no function with another header than type 0
    /// (`vfio_pci_core_register_device`).
    #[error("a bridge goes to no guest: vfio-pci takes none")]
    Bridge,
    /// It answers nothing but ones.
    #[error("it does not answer: gone, or asleep")]
    Silent,
    /// Its config space could not be read.
    #[error("its config space could not be read: {0}")]
    Unreadable(Unreadable),
    /// Fewer bytes than a header has were read.
    #[error("its config space could not be read: it is too short")]
    TooShort,
}

/// Lays VFIO's permissions over a function's config space.
///
/// What only the running kernel knows is taken as it is nearly always: INTx is not known to be
/// broken, and a display's firmware tables are where its register says.
///
/// # Errors
/// [`NoView`].
pub fn guest_view(function: &Function, rules: Rules) -> Result<View, NoView> {
    let config = match &function.config {
        Seen::Known(config) if config.is_silent() => return Err(NoView::Silent),
        Seen::Known(config) if config.len() < HEADER_LEN => return Err(NoView::TooShort),
        Seen::Known(config) => config,
        Seen::Absent => return Err(NoView::TooShort),
        Seen::Unreadable(why) => return Err(NoView::Unreadable(why.clone())),
    };
    if config.u8_at(0x0e).is_some_and(|kind| kind & 0x7f != 0) {
        return Err(NoView::Bridge);
    }
    let is_whole = config.len() >= STANDARD_LEN;
    let seen = ConfigSpace::new(if is_whole {
        config.bytes().to_vec()
    } else {
        config.bytes().iter().copied().take(HEADER_LEN).collect()
    });
    let mut map = Map::of(&seen, rules);
    let is_vf = matches!(function.role, Role::Vf(_) | Role::Leaving { .. });
    own_header(&mut map, function, is_vf);
    firmware_tables(&mut map, function, &seen);
    let cells = cells(&map, is_vf);
    Ok(View {
        rules,
        registers: registers(&map, &seen, &cells),
        bytes: cells.into_iter().map(|cell| cell.byte).collect(),
        hidden: map.hidden,
        is_whole,
    })
}

/// What VFIO puts into its copy of the header itself (`vfio_config_init`, `vfio_bar_fixup`).
fn own_header(map: &mut Map<'_>, function: &Function, is_vf: bool) {
    if is_vf {
        let [vendor, device] = [function.ids.vendor, function.ids.device].map(u16::to_le_bytes);
        map.copy[..2].copy_from_slice(&vendor);
        map.copy[2..4].copy_from_slice(&device);
        map.copy[0x04] |= 1 << 1;
        map.copy[0x3d] = 0;
    }
    if let Seen::Known(resources) = &function.resources {
        let places = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30];
        let register = |at: usize| {
            let bytes = [map.copy[at], map.copy[at + 1], map.copy[at + 2], map.copy[at + 3]];
            u32::from_le_bytes(bytes)
        };
        let shown = bars::shown(places.map(register), resources);
        for (at, value) in places.into_iter().zip(shown) {
            map.put_double(at, value);
        }
    }
}

/// Intel's display has the address of its firmware tables (OpRegion) in a register, which VFIO
/// answers by itself (`vfio_pci_igd_opregion_init`).
fn firmware_tables(map: &mut Map<'_>, function: &Function, config: &ConfigSpace) {
    const INTEL: u16 = 0x8086;
    const VGA: u32 = 0x0300;
    const AT: usize = 0xfc;
    let is_display = function.ids.vendor == INTEL && function.ids.class >> 8 == VGA;
    if is_display && config.u32_at(AT).is_some_and(|address| !matches!(address, 0 | u32::MAX)) {
        map.claim(AT, 4, VIRTUAL);
    }
}

/// A byte with what it belongs to; bytes of one register have equal `owner` and `label`.
struct Cell {
    byte: Byte,
    owner: Owner,
    label: Label,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Owner {
    id: u8,
    start: usize,
}

const UNASSIGNED: Label = Label {
    number: 0,
    name: "no capability's",
    why: Some("VFIO has no table for it: some devices keep registers here"),
    by: "unassigned_perms",
};
const FIRMWARE: Label =
    Label { number: 0, name: "firmware tables", why: None, by: "vfio_pci_igd_opregion_init" };

fn cells(map: &Map<'_>, is_vf: bool) -> Vec<Cell> {
    let cell = |(at, start): (usize, usize)| {
        let (byte, label, start) = match map.owners[at] {
            NOBODY => (Byte::RAW, UNASSIGNED, 0),
            VIRTUAL => (Byte::VIRTUAL, FIRMWARE, start),
            id => {
                let (byte, label) = fate(map, id, at, at - start, is_vf);
                (byte, label, start)
            }
        };
        let owner = Owner { id: map.owners[at], start };
        Cell { byte: byte.with(map.copy[at]), owner, label }
    };
    map.starts().into_iter().enumerate().map(cell).collect()
}

/// What becomes of a byte that a capability or the header owns.
fn fate(map: &Map<'_>, id: u8, at: usize, offset: usize, is_vf: bool) -> (Byte, Label) {
    let offset = u16::try_from(offset).unwrap_or(u16::MAX);
    if at >= STANDARD_LEN {
        let permissions = extended::permissions(id);
        return (
            permissions.byte(offset, Head::Extended),
            permissions.label(offset, Head::Extended),
        );
    }
    if id == 0 {
        let permissions = Permissions::bits(header::BY, header::RULES);
        let label = permissions.label(offset, Head::None);
        let command = header::VF_COMMAND;
        return if is_vf && command.holds(offset) {
            (command.byte(offset), Label { why: command.why, ..label })
        } else {
            (permissions.byte(offset, Head::None), label)
        };
    }
    let permissions = capabilities::permissions(id, map.msi.unwrap_or_default());
    // Only behind the header does the kernel mind where the list goes on.
    let head = if at >= HEADER_LEN { Head::Standard } else { Head::None };
    (permissions.byte(offset, head), permissions.label(offset, head))
}

/// Cells side by side that are one register, joined; gaps parted where a hidden capability is.
fn registers(map: &Map<'_>, config: &ConfigSpace, cells: &[Cell]) -> Vec<Register> {
    let hidden = hidden_bytes(map, config);
    let place = |at: usize| match (cells[at].owner.id, hidden[at]) {
        (0, _) if at < STANDARD_LEN => Place::Header,
        (_, Some(hidden)) => Place::Hidden(hidden),
        (NOBODY | VIRTUAL, None) => Place::Nobody,
        (id, None) if at < STANDARD_LEN => Place::Capability(CapabilityId::Standard(id)),
        (id, None) => Place::Capability(CapabilityId::Extended(id.into())),
    };
    let mut registers = Vec::new();
    let mut from = 0;
    for at in 1..=cells.len() {
        let same = cells.get(at).is_some_and(|cell| {
            cell.owner == cells[from].owner
                && cell.label == cells[from].label
                && place(at) == place(from)
        });
        if !same {
            let bytes: Vec<Byte> = cells[from..at].iter().map(|cell| cell.byte).collect();
            let start = u16::try_from(from).unwrap_or(u16::MAX);
            registers.push(Register::of(start, place(from), cells[from].label, &bytes));
            from = at;
        }
    }
    registers
}

/// Which hidden capability each byte would belong to, were it not hidden.
fn hidden_bytes(map: &Map<'_>, config: &ConfigSpace) -> Vec<Option<CapabilityId>> {
    let mut bytes = vec![None; config.len()];
    for hidden in &map.hidden {
        let at = usize::from(hidden.at);
        let id = match hidden.id {
            CapabilityId::Standard(id) => u16::from(id),
            CapabilityId::Extended(id) => id,
        };
        let end = (at + lengths::hidden(config, id, at)).min(bytes.len());
        if let Some(bytes) = bytes.get_mut(at..end) {
            bytes.fill(Some(hidden.id));
        }
    }
    bytes
}

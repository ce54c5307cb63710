//! Whose each byte is, as VFIO maps a config space when a function is opened.
//!
//! `vfio_config_init`, `vfio_cap_init` and `vfio_ecap_init`, with what they do to bytes that no
//! specification allows: they follow pointers anywhere, and the last capability that claims a byte
//! has it.

use virtfn_pci::{CapabilityId, ConfigSpace, EXTENDED_LEN, HEADER_LEN, STANDARD_LEN};

use super::capabilities::MsiFlags;
use super::view::Hidden;
use super::{Rules, lengths};

/// The bytes' owners: the low byte of a capability's id, 0 for the header, or one of these two
/// (`PCI_CAP_ID_INVALID`, `PCI_CAP_ID_INVALID_VIRT`).
pub(super) const NOBODY: u8 = 0xff;
pub(super) const VIRTUAL: u8 = 0xfe;
const HEADER: u8 = 0;

/// The map of one config space.
pub(super) struct Map<'a> {
    config: &'a ConfigSpace,
    rules: Rules,
    pub(super) owners: Vec<u8>,
    /// What VFIO's copy holds (`vconfig`).
    pub(super) copy: Vec<u8>,
    pub(super) hidden: Vec<Hidden>,
    /// The first MSI capability's flags, after which the one table is made.
    pub(super) msi: Option<MsiFlags>,
    has_extended: bool,
}

impl<'a> Map<'a> {
    /// Lays it over the bytes; of fewer than 256, the capabilities could not be read.
    pub(super) fn of(config: &'a ConfigSpace, rules: Rules) -> Self {
        let mut map = Self {
            config,
            rules,
            owners: vec![NOBODY; config.len()],
            copy: config.bytes().to_vec(),
            hidden: Vec::new(),
            msi: None,
            has_extended: false,
        };
        map.claim(0, HEADER_LEN, HEADER);
        if config.len() >= STANDARD_LEN {
            map.standard();
            map.extended();
        }
        map
    }

    fn standard(&mut self) {
        const HAS_LIST: u8 = 1 << 4;
        const LIST_POINTER: usize = 0x34;
        if self.byte(0x06) & HAS_LIST == 0 {
            return;
        }
        let (mut pointer_at, mut at) = (LIST_POINTER, usize::from(self.byte(LIST_POINTER)));
        let mut listed = false;
        // As many as have room, whatever the pointers say.
        for _ in 0..(STANDARD_LEN - HEADER_LEN) / 4 {
            if at == 0 {
                break;
            }
            let (id, next) = (self.byte(at), self.byte(at + 1));
            match lengths::standard(self.config, id, at) {
                Some(len) => {
                    self.note(id, at);
                    self.claim(at, len, id);
                    (pointer_at, listed) = (at + 1, true);
                }
                None => {
                    self.hide(CapabilityId::Standard(id), at);
                    self.put(pointer_at, next);
                }
            }
            at = usize::from(next);
        }
        if !listed {
            self.put(0x06, self.byte(0x06) & !HAS_LIST);
        }
    }

    /// What some capabilities mean for the rest.
    fn note(&mut self, id: u8, at: usize) {
        let flags = self.config.u16_at(at + 2).unwrap_or_default();
        match id {
            0x01 => self.silence_power_events(at),
            0x05 if self.msi.is_none() => self.msi = Some(MsiFlags(flags)),
            // PCI Express, and PCI-X of version 1 or 2, may have an extended list.
            0x10 => self.look_beyond(),
            0x07 if flags & 0x3000 != 0 => self.look_beyond(),
            _ => {}
        }
    }

    fn look_beyond(&mut self) {
        self.has_extended = self.config.u32_at(STANDARD_LEN).is_some_and(|first| first != 0);
    }

    /// `vfio_update_pm_vconfig_bytes`: PME support, status and enable read 0.
    fn silence_power_events(&mut self, at: usize) {
        self.put(at + 3, self.byte(at + 3) & 0x07);
        self.put(at + 5, self.byte(at + 5) & 0x7e);
    }

    fn extended(&mut self) {
        const NEXT: u32 = 0xffc << 20;
        if !self.has_extended {
            return;
        }
        let (mut at, mut before) = (STANDARD_LEN, None);
        let mut listed = false;
        for _ in 0..(EXTENDED_LEN - STANDARD_LEN) / 4 {
            let Some(head) = self.config.u32_at(at).filter(|_| at >= STANDARD_LEN) else { break };
            let [low, high, ..] = head.to_le_bytes();
            let id = u16::from_le_bytes([low, high]);
            let next = usize::try_from((head & NEXT) >> 20).unwrap_or_default();
            let len = lengths::extended(self.config, id, at, self.rules);
            match (len, before) {
                (Some(len), _) => {
                    self.claim(at, len, low);
                    (before, listed) = (Some(at), true);
                }
                (None, Some(before)) => {
                    self.hide(CapabilityId::Extended(id), at);
                    let kept = self.double(before) & !NEXT;
                    self.put_double(before, kept | head & NEXT);
                }
                // The first cannot be passed over: its header stays, without its id.
                (None, None) => {
                    self.hide(CapabilityId::Extended(id), at);
                    self.claim(at, 4, low);
                    self.put_double(at, head & NEXT);
                    before = Some(at);
                }
            }
            at = next;
        }
        if !listed {
            self.put_double(STANDARD_LEN, 0);
        }
    }

    fn hide(&mut self, id: CapabilityId, at: usize) {
        let hidden = Hidden { id, at: u16::try_from(at).unwrap_or(u16::MAX) };
        if !self.hidden.contains(&hidden) {
            self.hidden.push(hidden);
        }
    }

    /// Gives bytes an owner, and the copy what the hardware has in them now.
    pub(super) fn claim(&mut self, at: usize, len: usize, owner: u8) {
        let end = (at + len).min(self.owners.len());
        let hardware = self.config.bytes().get(at..end);
        if let (Some(hardware), Some(copy)) = (hardware, self.copy.get_mut(at..end)) {
            copy.copy_from_slice(hardware);
            self.owners[at..end].fill(owner);
        }
    }

    /// Where the kernel takes each byte's capability to start (`vfio_find_cap_start`): as far back
    /// as its neighbours have the same owner, so that two of a kind side by side are one to it.
    pub(super) fn starts(&self) -> Vec<usize> {
        let mut starts: Vec<usize> = Vec::with_capacity(self.owners.len());
        for (at, owner) in self.owners.iter().enumerate() {
            let base = if at >= STANDARD_LEN { STANDARD_LEN } else { HEADER_LEN };
            let goes_on = at > base && self.owners[at - 1] == *owner;
            starts.push(match starts.last() {
                _ if *owner == HEADER => 0,
                Some(start) if goes_on => *start,
                _ => at,
            });
        }
        starts
    }

    fn byte(&self, at: usize) -> u8 {
        self.config.u8_at(at).unwrap_or_default()
    }

    fn put(&mut self, at: usize, value: u8) {
        if let Some(byte) = self.copy.get_mut(at) {
            *byte = value;
        }
    }

    fn double(&self, at: usize) -> u32 {
        let bytes = self.copy.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_le_bytes).unwrap_or_default()
    }

    pub(super) fn put_double(&mut self, at: usize, value: u32) {
        for (offset, byte) in value.to_le_bytes().into_iter().enumerate() {
            self.put(at + offset, byte);
        }
    }
}

//! PCI addresses in every form that people and tools write them.

use std::fmt;
use std::str::FromStr;

/// A function's place: domain, bus, device and function number.
///
/// Ordered as the kernel lists functions. The domain has up to eight hex digits (a VMD controller
/// makes domains from `10000` on; Hyper-V uses all 32 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    domain: u32,
    bus: u8,
    devfn: u8,
}

/// Why a text is no PCI address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a PCI address ({why}); expected DDDD:BB:DD.F, BB:DD.F or pci_DDDD_BB_DD_F, in hex"
)]
pub struct BadAddress {
    text: String,
    why: &'static str,
}

impl Address {
    /// The address of `device` (0–31) and `function` (0–7) on `bus` of `domain`;
    /// `None` when a number is out of range.
    #[must_use]
    pub const fn new(domain: u32, bus: u8, device: u8, function: u8) -> Option<Self> {
        if device > 31 || function > 7 {
            return None;
        }
        Some(Self { domain, bus, devfn: device << 3 | function })
    }

    /// The function with this routing ID (bus in the upper byte, devfn in the lower) in `domain`.
    #[must_use]
    pub const fn from_routing_id(domain: u32, routing_id: u16) -> Self {
        let [bus, devfn] = routing_id.to_be_bytes();
        Self { domain, bus, devfn }
    }

    /// PCI segment group, called domain by the kernel.
    #[must_use]
    pub const fn domain(self) -> u32 {
        self.domain
    }

    /// Bus number.
    #[must_use]
    pub const fn bus(self) -> u8 {
        self.bus
    }

    /// Device number, 0–31.
    #[must_use]
    pub const fn device(self) -> u8 {
        self.devfn >> 3
    }

    /// Function number, 0–7.
    #[must_use]
    pub const fn function(self) -> u8 {
        self.devfn & 7
    }

    /// Device and function in one byte, as ARI sees them.
    #[must_use]
    pub const fn devfn(self) -> u8 {
        self.devfn
    }

    /// What the device puts on the wire as requester: bus and devfn.
    #[must_use]
    pub const fn routing_id(self) -> u16 {
        u16::from_be_bytes([self.bus, self.devfn])
    }

    /// For people: without the domain while it is 0000 (`0b:10.0`).
    #[must_use]
    pub fn short(self) -> String {
        if self.domain == 0 {
            format!("{:02x}:{:02x}.{}", self.bus, self.device(), self.function())
        } else {
            self.to_string()
        }
    }

    /// libvirt's node device name (`pci_0000_0b_10_0`).
    #[must_use]
    pub fn libvirt_name(self) -> String {
        let (bus, device, function) = (self.bus, self.device(), self.function());
        format!("pci_{:04x}_{bus:02x}_{device:02x}_{function}", self.domain)
    }
}

impl fmt::Display for Address {
    /// The kernel's own form: `0000:0b:10.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, function) = (self.device(), self.function());
        write!(f, "{:04x}:{:02x}:{device:02x}.{function}", self.domain, self.bus)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    /// Takes `0000:0b:10.0`, `0b:10.0` and `pci_0000_0b_10_0`, upper or lower case.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why| BadAddress { text: text.chars().take(64).collect(), why };
        let (domain, bus, device, function) = split(text).ok_or(bad("wrong shape"))?;
        let domain = match domain {
            None => 0,
            Some(digits) if (4..=8).contains(&digits.len()) => {
                hex(digits).ok_or(bad("domain is not hex"))?
            }
            Some(_) => return Err(bad("a domain has four to eight digits")),
        };
        let bus = two_digits(bus).ok_or(bad("bus is not 00–ff"))?;
        let device = two_digits(device).ok_or(bad("device is not 00–1f"))?;
        let function = match function.len() {
            1 => hex(function).and_then(|n| u8::try_from(n).ok()),
            _ => None,
        }
        .ok_or(bad("function is not 0–7"))?;
        Self::new(domain, bus, device, function).ok_or(bad("device is over 1f or function over 7"))
    }
}

type Parts<'a> = (Option<&'a str>, &'a str, &'a str, &'a str);

fn split(text: &str) -> Option<Parts<'_>> {
    if let Some(rest) = text.strip_prefix("pci_") {
        let mut parts = rest.split('_');
        let found = (parts.next(), parts.next()?, parts.next()?, parts.next()?);
        return parts.next().is_none().then_some(found);
    }
    let (rest, function) = text.split_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    match rest.split_once(':') {
        Some((domain, bus)) => Some((Some(domain), bus, device, function)),
        None => Some((None, rest, device, function)),
    }
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2).then(|| hex(text)).flatten().and_then(|n| u8::try_from(n).ok())
}

/// `from_str_radix` would take a sign; the kernel never writes one.
fn hex(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok())?
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_of_the_contract_is_read() {
        let given = Address::new(0, 0x0b, 0x10, 0).unwrap();
        for text in ["0000:0b:10.0", "0b:10.0", "pci_0000_0b_10_0", "0B:10.0", "00000000:0b:10.0"] {
            assert_eq!(text.parse(), Ok(given), "{text}");
        }
        let vmd: Address = "10000:e1:1f.7".parse().unwrap();
        assert_eq!((vmd.domain(), vmd.bus(), vmd.device(), vmd.function()), (0x10000, 0xe1, 31, 7));
        assert_eq!(vmd.short(), "10000:e1:1f.7");
        assert_eq!(given.short(), "0b:10.0");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":",
            ".",
            "0b:10",
            "0b:20.0",
            "0b:10.8",
            "0b:10.00",
            "b:10.0",
            "0b:1.0",
            "000:0b:10.0",
            "000000000:0b:10.0",
            "0000:0b:10.0.0",
            "+0b:10.0",
            "0000:+b:10.0",
            "pci_0000_0b_10",
            "pci_0000_0b_10_0_0",
            "0000:0000:0b:10.0",
            "eth0",
            "é0:10.0",
            "0b:1é.0",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_and_read_back_is_the_same(domain: u32, routing_id: u16) {
            let address = Address::from_routing_id(domain, routing_id);
            prop_assert_eq!(address.routing_id(), routing_id);
            prop_assert_eq!(address.to_string().parse(), Ok(address));
            prop_assert_eq!(address.short().parse(), Ok(address));
            prop_assert_eq!(address.libvirt_name().parse(), Ok(address));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Address>();
        }
    }
}

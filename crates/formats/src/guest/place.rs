//! A function, or a device with all its functions, as Proxmox VE's files name them.

use std::ops::RangeInclusive;

use virtfn_pci::Address;

/// What an address without a function means is every function of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One function.
    Function(Address),
    /// All functions of the device that has this one.
    Device(Address),
}

impl Place {
    /// `0000:0b:10.0`, `0b:10.0`, or `0b:10` for the whole device.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let whole = || format!("{text}.0").parse().ok().map(Self::Device);
        text.parse().ok().map(Self::Function).or_else(whole)
    }

    /// The addresses that are meant.
    #[must_use]
    pub fn span(self) -> RangeInclusive<Address> {
        match self {
            Self::Function(address) => address..=address,
            Self::Device(address) => {
                let last = Address::new(address.domain(), address.bus(), address.device(), 7);
                address..=last.unwrap_or(address)
            }
        }
    }

    /// The same as a shell pattern of full addresses.
    #[must_use]
    pub fn pattern(self) -> String {
        match self {
            Self::Function(address) => address.to_string(),
            Self::Device(address) => {
                format!("{}*", address.to_string().trim_end_matches(|last| last != '.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_all_its_functions() {
        for (text, function, covered) in [
            ("0000:0b:10.0", "0000:0b:10.0", true),
            ("0b:10.0", "0000:0b:10.1", false),
            ("0b:10", "0000:0b:10.6", true),
            ("0b:10", "0000:0b:11.0", false),
            ("0001:0b:10", "0000:0b:10.0", false),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!(
                place.span().contains(&function.parse().unwrap()),
                covered,
                "{text} {function}"
            );
            assert_eq!(virtfn_host::fits(&place.pattern(), function), covered, "{text}");
        }
        assert_eq!(Place::parse("mapping=x"), None);
        assert_eq!(Place::parse(""), None);
    }
}

//! driverctl's `/etc/driverctl.d/pci-BDF`: one file a device, its whole content a driver's name.
//!
//! Nothing is lost; files of other buses are not looked at.

use virtfn_host::{Condition, Demand, Field, Owner};
use virtfn_pci::Address;

use crate::{File, Reading};

/// The kernel's drivers have short names.
const MAX_NAME: usize = 64;

pub(crate) fn read(files: &[File<'_>]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let device = name.strip_prefix("pci-").and_then(|text| text.parse::<Address>().ok());
        let driver = file.text.trim();
        let fits = (1..=MAX_NAME).contains(&driver.len()) && !driver.contains(char::is_whitespace);
        match device {
            Some(address) if fits => {
                let of = [Condition::new(Field::Address, [address.to_string()])];
                reading.claim(
                    Owner::Driverctl,
                    file.path,
                    0,
                    &of,
                    Demand::Driver(driver.to_owned()),
                );
            }
            Some(_) => reading.miss(file.path, 1, "no driver's name"),
            None => {}
        }
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_names_the_device_and_holds_the_driver() {
        let file = |path, text| read(&[File { path, text }]);
        let claims = file("etc/driverctl.d/pci-0000:0b:10.0", "vfio-pci\n").claims;
        assert_eq!(claims[0].of, [Condition::new(Field::Address, ["0000:0b:10.0"])]);
        assert_eq!((claims[0].line, claims[0].what.to_string()), (None, "driver vfio-pci".into()));
        assert_eq!(file("etc/driverctl.d/pci-x", "vfio-pci").claims, []);
        assert_eq!(file("etc/driverctl.d/pci-0000:0b:10.0", "a b").unread.len(), 1);
    }
}

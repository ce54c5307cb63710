//! Devices: attached, detached, described.

use crate::VirtError;
use crate::xdr::Encoder;

use super::connection::{About, Libvirt};
use super::domains::domain_argument;
use super::procedure::Procedure;
use super::replies;
use super::types::{Affect, Domain};

impl Libvirt {
    /// Attaches the device that `xml` describes (`<interface>`, `<hostdev>`).
    ///
    /// # Errors
    /// When libvirt or QEMU refuses.
    pub fn attach(&mut self, domain: &Domain, xml: &str, to: Affect) -> Result<(), VirtError> {
        let operation = match to {
            Affect::Live => "attach a device to the running machine",
            Affect::Config => "attach a device to the saved definition",
            Affect::Both => "attach a device to the running machine and the saved definition",
        };
        let about = About { object: &domain.name, operation };
        let arguments = domain_argument(domain).string(xml).u32(to.flags());
        self.call(Procedure::DomainAttachDeviceFlags, arguments, about).map(drop)
    }

    /// Detaches the device that `xml` describes. Of a running machine the guest has to let go:
    /// libvirt waits five seconds for it and then says yes all the same. Whether it did is told by
    /// [`Libvirt::await_removal`], or by the XML.
    ///
    /// # Errors
    /// When libvirt or QEMU refuses.
    pub fn detach(&mut self, domain: &Domain, xml: &str, from: Affect) -> Result<(), VirtError> {
        let operation = match from {
            Affect::Live => "detach a device from the running machine",
            Affect::Config => "detach a device from the saved definition",
            Affect::Both => "detach a device from the running machine and the saved definition",
        };
        let about = About { object: &domain.name, operation };
        let arguments = domain_argument(domain).string(xml).u32(from.flags());
        self.call(Procedure::DomainDetachDeviceFlags, arguments, about).map(drop)
    }

    /// The XML of a device of this host, by libvirt's name for it (`pci_0000_0b_10_0`).
    ///
    /// # Errors
    /// When the call fails.
    pub fn node_device_xml(&mut self, name: &str) -> Result<String, VirtError> {
        let about = About { object: name, operation: "read its node device XML" };
        let arguments = Encoder::default().string(name).u32(0);
        self.ask(Procedure::NodeDeviceGetXmlDesc, arguments, about, replies::string)
    }
}

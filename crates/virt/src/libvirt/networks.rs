//! Networks: found, listed, described.

use crate::VirtError;
use crate::xdr::Encoder;

use super::connection::{About, Libvirt};
use super::procedure::Procedure;
use super::replies;
use super::types::Network;

impl Libvirt {
    /// Every network, active or only defined.
    ///
    /// # Errors
    /// When the call fails.
    pub fn networks(&mut self) -> Result<Vec<Network>, VirtError> {
        let about = About { object: "libvirt", operation: "list networks" };
        let arguments = Encoder::default().i32(1).u32(0);
        self.ask(Procedure::ConnectListAllNetworks, arguments, about, replies::networks)
    }

    /// The network of this name.
    ///
    /// # Errors
    /// When the call fails; where there is none, with [`super::ErrorCode::NoNetwork`].
    pub fn network(&mut self, name: &str) -> Result<Network, VirtError> {
        let about = About { object: name, operation: "look up the network" };
        let arguments = Encoder::default().string(name);
        self.ask(Procedure::NetworkLookupByName, arguments, about, replies::network)
    }

    /// A network's XML: of an active one as it is now.
    ///
    /// # Errors
    /// When the call fails.
    pub fn network_xml(&mut self, network: &Network) -> Result<String, VirtError> {
        let about = About { object: &network.name, operation: "read its network XML" };
        let arguments = Encoder::default().string(&network.name).fixed(&network.uuid.0).u32(0);
        self.ask(Procedure::NetworkGetXmlDesc, arguments, about, replies::string)
    }
}

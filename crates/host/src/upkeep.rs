//! Who looks after interfaces and device nodes: udev, network managers, libvirt, the kernel's own
//! owners and modes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use virtfn_pci::Address;

use crate::{MacAddress, Seen, VlanId};

/// What other programs did, and do, with the host's interfaces and nodes. `Absent`: a recording
/// that does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {
    /// The `.link` file that udev followed, by the PF's interface (`ID_NET_LINK_FILE` of its
    /// database). An interface that udev knows and gave no file is there with an empty path.
    pub link_files: Seen<BTreeMap<String, String>>,
    /// Who manages a VF's interface, by interface: NetworkManager, or systemd-networkd with its file.
    pub managers: Seen<BTreeMap<String, String>>,
    /// The VLAN interfaces that stand on an interface, by that interface.
    pub vlans: Seen<BTreeMap<String, BTreeSet<String>>>,
    /// What libvirt keeps to put back on VFs (`/run/libvirt/hostdevmgr`), by file name.
    pub hostdevs: Seen<BTreeSet<String>>,
    /// What stands in those files, as far as they could be read.
    #[serde(default)]
    pub saved: BTreeMap<String, SavedVf>,
    /// May this process use a VFIO node (`/dev/vfio/…`)? By its path below the root.
    pub vfio_nodes: Seen<BTreeMap<String, bool>>,
    /// What the masters of interfaces are, by the master's name; one that does not tell is not here.
    #[serde(skip)]
    pub masters: BTreeMap<String, MasterKind>,
    /// What mlx5 says of a PF's LAG (`active`, `disabled`), where it drives it.
    #[serde(skip)]
    pub lag_states: BTreeMap<Address, Seen<String>>,
    /// The node GUID of a VF on InfiniBand.
    #[serde(skip)]
    pub node_guids: BTreeMap<Address, Seen<String>>,
}

/// What a VF had before libvirt set it for a guest (`virNetDevSaveNetConfig`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedVf {
    /// The address that its PF had given it.
    pub admin_mac: Option<MacAddress>,
    /// The address of its interface on this host.
    pub mac: Option<MacAddress>,
    /// The VLAN it was locked into; 0 for none.
    pub vlan: Option<VlanId>,
}

/// What interfaces are enslaved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MasterKind {
    /// A Linux bridge.
    Bridge,
    /// A bond.
    Bond,
    /// Anything else: Open vSwitch, a team, a VRF.
    Other,
}

impl Upkeep {
    /// Nobody asked.
    #[must_use]
    pub fn unasked() -> Self {
        Self::all(&Seen::not_asked("virtfn/upkeep.json"))
    }

    /// A recording that does not say.
    #[must_use]
    pub fn unrecorded() -> Self {
        Self::all(&Seen::Absent)
    }

    /// The same answer to every question.
    #[must_use]
    pub fn all(answer: &Seen<()>) -> Self {
        fn same<T>(answer: &Seen<()>) -> Seen<T> {
            match answer {
                Seen::Unreadable(unreadable) => Seen::Unreadable(unreadable.clone()),
                Seen::Known(()) | Seen::Absent => Seen::Absent,
            }
        }
        Self {
            link_files: same(answer),
            managers: same(answer),
            vlans: same(answer),
            hostdevs: same(answer),
            saved: BTreeMap::new(),
            vfio_nodes: same(answer),
            masters: BTreeMap::new(),
            lag_states: BTreeMap::new(),
            node_guids: BTreeMap::new(),
        }
    }
}

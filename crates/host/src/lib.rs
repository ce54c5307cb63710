//! Everything known about a machine, as one plain value.
//!
//! [`Host`] is what a look at a machine gave; whoever judges or decides takes a `Host` and cannot
//! tell a live machine from a recording. [`Policy`] is what shall be. Values only: nothing here
//! does I/O.
//!
//! A newcomer starts at [`Host`], goes on to [`Function`], and minds [`Seen`]: what could not be
//! read is never silently a "no".

mod claim;
mod declared;
mod devlink;
mod function;
mod guest;
mod guid;
mod holder;
mod host;
mod live;
mod netdev;
mod page_size;
mod platform;
mod policy;
mod port;
mod seen;
mod units;
mod upkeep;

pub use claim::{Applies, Claim, Claims, Condition, Demand, Field, Owner, Quirk, VfCount, fits};
pub use declared::{
    Declared, DeclaredDevice, DeclaredHost, DeclaredPf, DeclaredVfs, DriverWish, MacWish, Matching,
    Place, VfWish,
};
pub use devlink::{EswitchMode, FirmwareChange, FirmwareVfs, Param, ParamTime, ParamValue};
pub use function::{Function, Ids, Pf, Resource, Role, VfAdmin, VfId, is_vfio_driver};
pub use guest::{Guest, GuestState, Guests, ManagedBy, Pool, Stale};
pub use guid::Guid;
pub use holder::{Holder, HolderKind, Vm};
pub use host::{Cpu, Firmware, Host, IommuGroup, Kernel, Names, Nearest, distance};
pub use netdev::{IpNet, Netdev, is_representor};
pub use page_size::PageSize;
pub use platform::{HugePool, IommuRegisters, Memlock, Platform, ReservedRegion};
pub use policy::{
    DevicePolicy, DriverChoice, HostPolicy, NetdevChange, NetdevPolicy, PfPolicy, Policy, VfChange,
    VfPolicy,
};
pub use port::{
    Capability, GroupChoice, Limits, PortChange, PortPolicy, Ports, VfPort, group_name,
};
pub use seen::{Reason, Seen, Unreadable};
pub use units::{
    BadValue, LinkState, MacAddress, Mbps, Mtu, Qos, Switch, VfIndex, VlanId, VlanProto,
};
pub use upkeep::{MasterKind, SavedVf, Upkeep};

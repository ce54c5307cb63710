//! rtnetlink: the links of this network namespace, and the settings of VFs. devlink: what a card is
//! set to as a whole.

mod attributes;
pub mod devlink;
mod links;
mod message;
mod socket;
mod vf;

pub use attributes::{Filter, RawLink};
pub use links::{link_request, links, links_of_function};
pub use message::Message;
pub use socket::{Answer, Netlink, NetlinkError};
pub use vf::{VfList, parse_vf_list, vf_list, vf_request};

//! libvirt's daemon over its local socket.

mod codes;
mod connection;
mod devices;
mod domains;
mod events;
mod message;
mod networks;
mod procedure;
pub mod replies;
mod types;
mod uri;

pub use codes::{ErrorCode, ErrorDomain};
pub use connection::Libvirt;
pub use events::{Removal, RemovalWatch};
pub use message::{Header, Kind, MESSAGE_MAX, Status, split};
pub use types::{Affect, BadUuid, Definition, Domain, DomainState, Network, Uuid, Version};
pub use uri::Uri;

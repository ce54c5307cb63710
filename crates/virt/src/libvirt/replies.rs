//! What a reply says: the bytes behind its header into values.
//!
//! Pure, bounded, and fuzzed: the daemon is trusted to run virtual machines, not to be free of
//! faults. The structures are those of `src/remote/remote_protocol.x`, each `remote_NAME_ret`.

use crate::xdr::{Decoder, XdrError};

use super::types::{Domain, Network, Uuid};

/// `REMOTE_AUTH_TYPE_LIST_MAX`.
const AUTH_TYPES_MAX: usize = 20;
/// `REMOTE_DOMAIN_LIST_MAX`.
const DOMAINS_MAX: usize = 16384;
/// `REMOTE_NETWORK_LIST_MAX`.
const NETWORKS_MAX: usize = 16384;

/// A refusal: `struct virNetMessageError` as far as anything is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `virErrorNumber`.
    pub code: i32,
    /// `virErrorDomain`.
    pub domain: i32,
    /// libvirt's own words.
    pub message: String,
}

/// An event of a domain's device, or of the domain itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which registration it is for.
    pub callback: i32,
    /// The domain.
    pub domain: Domain,
    /// What happened.
    pub what: Happened,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The device of this alias is out of the domain.
    DeviceRemoved(String),
    /// The guest refused to let go of it.
    DeviceRemovalFailed(String),
    /// `virDomainEventType`: 5 is stopped.
    Lifecycle(i32),
}

/// `virNetMessageError`.
///
/// # Errors
/// When the bytes are no such value.
pub fn fault(bytes: &[u8]) -> Result<Fault, XdrError> {
    let mut decoder = Decoder::of(bytes);
    let code = decoder.i32("error code")?;
    let domain = decoder.i32("error domain")?;
    let message = decoder.optional("error message", |d| d.text("error message"))?;
    // What follows (level, domain, three strings, two numbers, network) says nothing more.
    Ok(Fault { code, domain, message: message.unwrap_or_default() })
}

/// `remote_auth_list_ret`: `enum remote_auth_type`, as numbers.
///
/// # Errors
/// When the bytes are no such value.
pub fn auth_types(bytes: &[u8]) -> Result<Vec<i32>, XdrError> {
    Decoder::of(bytes).array("kinds of authentication", AUTH_TYPES_MAX, |d| d.i32("kind"))
}

/// `remote_domain_lookup_by_name_ret` and the like.
///
/// # Errors
/// When the bytes are no such value.
pub fn domain(bytes: &[u8]) -> Result<Domain, XdrError> {
    read_domain(&mut Decoder::of(bytes))
}

/// `remote_connect_list_all_domains_ret`.
///
/// # Errors
/// When the bytes are no such value.
pub fn domains(bytes: &[u8]) -> Result<Vec<Domain>, XdrError> {
    Decoder::of(bytes).array("domains", DOMAINS_MAX, read_domain)
}

/// `remote_network_lookup_by_name_ret`.
///
/// # Errors
/// When the bytes are no such value.
pub fn network(bytes: &[u8]) -> Result<Network, XdrError> {
    read_network(&mut Decoder::of(bytes))
}

/// `remote_connect_list_all_networks_ret`.
///
/// # Errors
/// When the bytes are no such value.
pub fn networks(bytes: &[u8]) -> Result<Vec<Network>, XdrError> {
    Decoder::of(bytes).array("networks", NETWORKS_MAX, read_network)
}

/// An answer of one string: every XML.
///
/// # Errors
/// When the bytes are no such value.
pub fn string(bytes: &[u8]) -> Result<String, XdrError> {
    Decoder::of(bytes).string("text")
}

/// An answer of one number, or whose first is the one that counts.
///
/// # Errors
/// When the bytes are no such value.
pub fn number(bytes: &[u8]) -> Result<i32, XdrError> {
    Decoder::of(bytes).i32("number")
}

/// An answer of one unsigned hyper: a version.
///
/// # Errors
/// When the bytes are no such value.
pub fn hyper(bytes: &[u8]) -> Result<u64, XdrError> {
    Decoder::of(bytes).u64("version")
}

/// `remote_domain_event_callback_device_removed_msg`; `…_removal_failed_msg` is laid out alike.
///
/// # Errors
/// When the bytes are no such value.
pub fn device_event(
    bytes: &[u8],
    what: impl FnOnce(String) -> Happened,
) -> Result<Event, XdrError> {
    let mut decoder = Decoder::of(bytes);
    Ok(Event {
        callback: decoder.i32("callback")?,
        domain: read_domain(&mut decoder)?,
        what: what(decoder.string("device alias")?),
    })
}

/// `remote_domain_event_callback_lifecycle_msg`.
///
/// # Errors
/// When the bytes are no such value.
pub fn lifecycle_event(bytes: &[u8]) -> Result<Event, XdrError> {
    let mut decoder = Decoder::of(bytes);
    Ok(Event {
        callback: decoder.i32("callback")?,
        domain: read_domain(&mut decoder)?,
        what: Happened::Lifecycle(decoder.i32("event")?),
    })
}

/// `remote_nonnull_domain`. A domain that does not run has the number -1.
fn read_domain(decoder: &mut Decoder<'_>) -> Result<Domain, XdrError> {
    Ok(Domain {
        name: decoder.string("domain name")?,
        uuid: Uuid(decoder.fixed("domain UUID")?),
        id: u32::try_from(decoder.i32("domain number")?).ok(),
    })
}

/// `remote_nonnull_network`.
fn read_network(decoder: &mut Decoder<'_>) -> Result<Network, XdrError> {
    Ok(Network {
        name: decoder.string("network name")?,
        uuid: Uuid(decoder.fixed("network UUID")?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xdr::Encoder;

    #[test]
    fn a_domain_that_does_not_run_has_no_number() {
        let bytes =
            |id| Encoder::default().string("MyGuest").fixed(&[9; 16]).i32(id).into_bytes().unwrap();
        assert_eq!(domain(&bytes(-1)).unwrap().id, None);
        assert_eq!(domain(&bytes(3)).unwrap().id, Some(3));
    }

    #[test]
    fn more_domains_than_libvirt_has_are_refused() {
        let bytes = Encoder::default().u32(16385).into_bytes().unwrap();
        let too_long = XdrError::TooLong { what: "domains", length: 16385, limit: 16384 };
        assert_eq!(domains(&bytes), Err(too_long));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (fault(&bytes), auth_types(&bytes), domain(&bytes), domains(&bytes));
            let _ = (network(&bytes), networks(&bytes), string(&bytes), number(&bytes));
            let _ = (hyper(&bytes), lifecycle_event(&bytes));
            let _ = device_event(&bytes, Happened::DeviceRemoved);
        }
    }
}

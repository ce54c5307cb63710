//! Domains: found, listed, described.

use virtfn_host::distance;

use crate::VirtError;
use crate::xdr::Encoder;

use super::codes::ErrorCode;
use super::connection::{About, Libvirt};
use super::procedure::Procedure;
use super::replies;
use super::types::{Definition, Domain, DomainState, Uuid};

/// How many names are offered where one is not known.
const OFFERED: usize = 3;

impl Libvirt {
    /// The domain that `text` means: a number while it runs, a UUID, or a name, as virsh reads it.
    ///
    /// # Errors
    /// [`VirtError::NoSuchDomain`] with the nearest names; or when the call fails.
    pub fn domain(&mut self, text: &str) -> Result<Domain, VirtError> {
        let by_id = text.parse().ok().map(|id| self.domain_by_id(id));
        if let Some(found) = by_id.and_then(found_or_failed) {
            return found;
        }
        let by_uuid = text.parse().ok().map(|uuid| self.domain_by_uuid(uuid));
        if let Some(found) = by_uuid.and_then(found_or_failed) {
            return found;
        }
        self.domain_by_name(text)
    }

    /// The domain of this name.
    ///
    /// # Errors
    /// [`VirtError::NoSuchDomain`] with the nearest names; or when the call fails.
    pub fn domain_by_name(&mut self, name: &str) -> Result<Domain, VirtError> {
        let arguments = Encoder::default().string(name);
        self.look_up(Procedure::DomainLookupByName, arguments, name)
    }

    /// The domain of this UUID.
    ///
    /// # Errors
    /// [`VirtError::NoSuchDomain`]; or when the call fails.
    pub fn domain_by_uuid(&mut self, uuid: Uuid) -> Result<Domain, VirtError> {
        let arguments = Encoder::default().fixed(&uuid.0);
        self.look_up(Procedure::DomainLookupByUuid, arguments, &uuid.to_string())
    }

    /// The running domain of this number.
    ///
    /// # Errors
    /// [`VirtError::NoSuchDomain`]; or when the call fails.
    pub fn domain_by_id(&mut self, id: u32) -> Result<Domain, VirtError> {
        let name = id.to_string();
        match i32::try_from(id) {
            Ok(id) => {
                let arguments = Encoder::default().i32(id);
                self.look_up(Procedure::DomainLookupById, arguments, &name)
            }
            Err(_) => Err(VirtError::NoSuchDomain { name, nearest: Vec::new() }),
        }
    }

    /// Every domain, running or only defined.
    ///
    /// # Errors
    /// When the call fails.
    pub fn domains(&mut self) -> Result<Vec<Domain>, VirtError> {
        let about = About { object: "libvirt", operation: "list domains" };
        // The list itself and not its length alone; no flag: of every kind.
        let arguments = Encoder::default().i32(1).u32(0);
        self.ask(Procedure::ConnectListAllDomains, arguments, about, replies::domains)
    }

    /// What a domain does now.
    ///
    /// # Errors
    /// When the call fails.
    pub fn state(&mut self, domain: &Domain) -> Result<DomainState, VirtError> {
        let about = About { object: &domain.name, operation: "ask for its state" };
        let arguments = domain_argument(domain).u32(0);
        self.ask(Procedure::DomainGetState, arguments, about, replies::number)
            .map(DomainState::from)
    }

    /// Whether a domain's definition outlives its run: one that is not persistent has no config to
    /// change.
    ///
    /// # Errors
    /// When the call fails.
    pub fn is_persistent(&mut self, domain: &Domain) -> Result<bool, VirtError> {
        let about = About { object: &domain.name, operation: "ask whether it is persistent" };
        let arguments = domain_argument(domain);
        self.ask(Procedure::DomainIsPersistent, arguments, about, replies::number)
            .map(|number| number != 0)
    }

    /// A domain's XML, without secrets.
    ///
    /// # Errors
    /// When the call fails.
    pub fn xml(&mut self, domain: &Domain, which: Definition) -> Result<String, VirtError> {
        let about = About { object: &domain.name, operation: "read its XML" };
        let arguments = domain_argument(domain).u32(which.flags());
        self.ask(Procedure::DomainGetXmlDesc, arguments, about, replies::string)
    }

    fn look_up(
        &mut self,
        procedure: Procedure,
        arguments: Encoder,
        name: &str,
    ) -> Result<Domain, VirtError> {
        let about = About { object: name, operation: "look up the domain" };
        match self.ask(procedure, arguments, about, replies::domain) {
            Err(VirtError::Refused { code: ErrorCode::NoDomain, .. }) => {
                // The list is a kindness: without it the error is still right.
                let nearest = self.domains().map(|known| nearest(name, &known)).unwrap_or_default();
                Err(VirtError::NoSuchDomain { name: name.into(), nearest })
            }
            other => other,
        }
    }
}

/// `remote_nonnull_domain`: libvirt goes by the UUID.
pub(super) fn write_domain(encoder: Encoder, domain: &Domain) -> Encoder {
    let id = domain.id.and_then(|id| i32::try_from(id).ok()).unwrap_or(-1);
    encoder.string(&domain.name).fixed(&domain.uuid.0).i32(id)
}

/// The first argument of every call about a domain.
pub(super) fn domain_argument(domain: &Domain) -> Encoder {
    write_domain(Encoder::default(), domain)
}

/// `None` where no such domain is there and the next way to find it may do.
fn found_or_failed(found: Result<Domain, VirtError>) -> Option<Result<Domain, VirtError>> {
    match found {
        Err(VirtError::NoSuchDomain { .. }) => None,
        other => Some(other),
    }
}

fn nearest(name: &str, known: &[Domain]) -> Vec<String> {
    let name = name.to_lowercase();
    let mut ranked: Vec<(usize, &str)> = known
        .iter()
        .map(|domain| (distance(&name, &domain.name.to_lowercase()), domain.name.as_str()))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(OFFERED).map(|(_, name)| name.to_owned()).collect()
}

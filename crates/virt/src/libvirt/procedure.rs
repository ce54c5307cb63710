//! The procedures that are called, and the messages that come unasked.

/// `enum remote_procedure` (src/remote/remote_protocol.x): numbers are only ever added there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Procedure {
    ConnectOpen = 1,
    ConnectClose = 2,
    ConnectGetVersion = 4,
    DomainGetXmlDesc = 14,
    DomainLookupById = 22,
    DomainLookupByName = 23,
    DomainLookupByUuid = 24,
    NetworkGetXmlDesc = 43,
    NetworkLookupByName = 46,
    AuthList = 66,
    NodeDeviceGetXmlDesc = 114,
    DomainIsPersistent = 151,
    ConnectGetLibVersion = 157,
    DomainAttachDeviceFlags = 160,
    DomainDetachDeviceFlags = 161,
    DomainGetState = 212,
    ConnectListAllDomains = 273,
    ConnectListAllNetworks = 283,
    ConnectDomainEventCallbackRegisterAny = 316,
    ConnectDomainEventCallbackDeregisterAny = 317,
    DomainEventCallbackLifecycle = 318,
    DomainEventCallbackDeviceRemoved = 333,
    DomainEventCallbackDeviceRemovalFailed = 367,
}

impl Procedure {
    /// The number on the wire.
    pub(super) fn number(self) -> i32 {
        self as i32
    }
}

/// `virDomainEventID` (include/libvirt/libvirt-domain.h): what may be registered for.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(super) enum EventId {
    Lifecycle = 0,
    DeviceRemoved = 15,
    DeviceRemovalFailed = 22,
}

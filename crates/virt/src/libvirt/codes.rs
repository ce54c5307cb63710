//! libvirt's error numbers, the same in every language.

use std::fmt;

/// `virErrorNumber` (include/libvirt/virterror.h), as far as a caller here acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// `VIR_ERR_INTERNAL_ERROR`: also what QEMU refused.
    Internal,
    /// `VIR_ERR_NO_SUPPORT`: this daemon has no driver for it.
    NoSupport,
    /// `VIR_ERR_INVALID_ARG`.
    InvalidArgument,
    /// `VIR_ERR_OPERATION_FAILED`: also a device that is already attached.
    OperationFailed,
    /// `VIR_ERR_XML_ERROR`: the XML does not say what libvirt needs.
    XmlError,
    /// `VIR_ERR_OPERATION_DENIED`: the connection may only look.
    OperationDenied,
    /// `VIR_ERR_XML_DETAIL`: the XML is not well-formed.
    XmlDetail,
    /// `VIR_ERR_SYSTEM_ERROR`: the kernel refused something.
    SystemError,
    /// `VIR_ERR_RPC`.
    Rpc,
    /// `VIR_ERR_NO_DOMAIN`.
    NoDomain,
    /// `VIR_ERR_NO_NETWORK`.
    NoNetwork,
    /// `VIR_ERR_AUTH_FAILED`.
    AuthFailed,
    /// `VIR_ERR_NO_NODE_DEVICE`.
    NoNodeDevice,
    /// `VIR_ERR_OPERATION_INVALID`: not in the state that the domain or device is in.
    OperationInvalid,
    /// `VIR_ERR_CONFIG_UNSUPPORTED`: the XML asks for what this host or QEMU cannot do.
    ConfigUnsupported,
    /// `VIR_ERR_OPERATION_TIMEOUT`: another operation has the domain.
    OperationTimeout,
    /// `VIR_ERR_ARGUMENT_UNSUPPORTED`.
    ArgumentUnsupported,
    /// `VIR_ERR_OPERATION_UNSUPPORTED`.
    OperationUnsupported,
    /// `VIR_ERR_RESOURCE_BUSY`.
    ResourceBusy,
    /// `VIR_ERR_ACCESS_DENIED`.
    AccessDenied,
    /// `VIR_ERR_AUTH_UNAVAILABLE`: polkit is wanted and no agent is there.
    AuthUnavailable,
    /// `VIR_ERR_DEVICE_MISSING`: the domain has no such device.
    DeviceMissing,
    /// Any other, by its number.
    Other(i32),
}

impl From<i32> for ErrorCode {
    fn from(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            3 => Self::NoSupport,
            8 => Self::InvalidArgument,
            9 => Self::OperationFailed,
            27 => Self::XmlError,
            29 => Self::OperationDenied,
            35 => Self::XmlDetail,
            38 => Self::SystemError,
            39 => Self::Rpc,
            42 => Self::NoDomain,
            43 => Self::NoNetwork,
            45 => Self::AuthFailed,
            53 => Self::NoNodeDevice,
            55 => Self::OperationInvalid,
            67 => Self::ConfigUnsupported,
            68 => Self::OperationTimeout,
            74 => Self::ArgumentUnsupported,
            84 => Self::OperationUnsupported,
            87 => Self::ResourceBusy,
            88 => Self::AccessDenied,
            94 => Self::AuthUnavailable,
            99 => Self::DeviceMissing,
            other => Self::Other(other),
        }
    }
}

/// `virErrorDomain`: which part of libvirt refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorDomain(pub i32);

impl fmt::Display for ErrorDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            5 => "XML",
            7 | 13 => "RPC",
            10 => "QEMU driver",
            12 => "test driver",
            19 => "network driver",
            20 => "domain configuration",
            22 => "node device driver",
            24 => "security driver",
            49 => "device",
            55 => "access control",
            60 => "polkit",
            number => return write!(f, "part {number}"),
        })
    }
}

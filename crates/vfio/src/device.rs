//! A function that this process has opened through VFIO.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use virtfn_pci::Address;

use crate::{Config, VfioError, ioctl};

/// An open function. It stays open, and in use, after its [`crate::Group`] was dropped.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    address: Address,
}

/// What a device offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Regions: BARs 0 to 5, ROM, config space, and vendor regions after these.
    pub regions: u32,
    /// Kinds of interrupt: INTx, MSI, MSI-X, error, request.
    pub interrupt_kinds: u32,
}

impl Device {
    pub(crate) fn new(fd: OwnedFd, address: Address) -> Self {
        Self { fd, address }
    }

    /// Which function it is.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Asks the kernel what the device offers.
    ///
    /// # Errors
    /// The kernel's refusal; ENODEV once the function is being removed.
    pub fn info(&self) -> Result<DeviceInfo, VfioError> {
        let info = ioctl::device_info(&self.fd)
            .map_err(|errno| self.refused("ask what it offers", errno))?;
        Ok(DeviceInfo { regions: info.num_regions, interrupt_kinds: info.num_irqs })
    }

    /// The function's config space as VFIO shows it.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn config(&self) -> Result<Config<'_>, VfioError> {
        Config::of(self)
    }

    pub(crate) fn refused(&self, operation: &'static str, errno: Errno) -> VfioError {
        VfioError::Refused { object: self.address.to_string(), operation, errno }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

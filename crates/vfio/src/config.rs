//! An open function's config space, through VFIO: as a virtual machine monitor has it.

use rustix::io::Errno;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;

use crate::{Device, VfioError, ioctl};

/// Config space as VFIO shows it: partly the hardware's, partly VFIO's own copy.
#[derive(Debug, Clone, Copy)]
pub struct Config<'d> {
    device: &'d Device,
    /// Where in the device's file it starts.
    start: u64,
    len: u16,
}

impl<'d> Config<'d> {
    pub(crate) fn of(device: &'d Device) -> Result<Self, VfioError> {
        let asked = "ask where its config space is";
        let info = ioctl::region_info(device, VFIO_PCI_CONFIG_REGION_INDEX)
            .map_err(|errno| device.refused(asked, errno))?;
        let len = u16::try_from(info.size).map_err(|_| device.refused(asked, Errno::OVERFLOW))?;
        Ok(Self { device, start: info.offset, len })
    }

    /// How many bytes it has: 256 or 4096.
    #[must_use]
    pub fn len(self) -> u16 {
        self.len
    }

    /// Has it none?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Reads from `at` on, as many bytes as `into` has.
    ///
    /// # Errors
    /// The kernel's refusal; EFAULT where that is past its end.
    pub fn read(self, at: u16, into: &mut [u8]) -> Result<(), VfioError> {
        let asked = into.len();
        match rustix::io::pread(self.device, into, self.start + u64::from(at)) {
            Ok(read) if read == asked => Ok(()),
            Ok(_) => Err(self.device.refused("read its config space", Errno::IO)),
            Err(errno) => Err(self.device.refused("read its config space", errno)),
        }
    }

    /// Writes `bytes` from `at` on. What VFIO does not let through is dropped without a word.
    ///
    /// # Errors
    /// The kernel's refusal; EFAULT where that is past its end.
    pub fn write(self, at: u16, bytes: &[u8]) -> Result<(), VfioError> {
        match rustix::io::pwrite(self.device, bytes, self.start + u64::from(at)) {
            Ok(written) if written == bytes.len() => Ok(()),
            Ok(_) => Err(self.device.refused("write its config space", Errno::IO)),
            Err(errno) => Err(self.device.refused("write its config space", errno)),
        }
    }
}

//! A VFIO group: the smallest set of functions that the IOMMU can part from the rest.

use std::ffi::CString;
use std::fmt;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use vfio_bindings::bindings::vfio::VFIO_GROUP_FLAGS_VIABLE;
use virtfn_pci::Address;

use crate::{Container, Device, VfioError, ioctl};

/// An IOMMU group's number, the last part of a function's `iommu_group` link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A group that this process has claimed; nobody else can open it until it drops.
#[derive(Debug)]
pub struct Group {
    fd: OwnedFd,
    id: GroupId,
}

impl Group {
    /// Claims a group.
    ///
    /// # Errors
    /// [`VfioError::NoGroup`] when nothing in it is bound to VFIO, [`VfioError::GroupInUse`] when
    /// another process has it or a device of it open, [`VfioError::NotViable`] when a function in
    /// it has a host driver, or the kernel's refusal (EACCES without root).
    pub fn open(id: GroupId) -> Result<Self, VfioError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let fd =
            rustix::fs::open(format!("/dev/vfio/{id}"), flags, Mode::empty()).map_err(|errno| {
                match errno {
                    Errno::NOENT | Errno::NODEV | Errno::NXIO => VfioError::NoGroup { group: id },
                    Errno::BUSY => VfioError::GroupInUse { group: id },
                    errno => refused(id, "open", errno),
                }
            })?;
        let flags =
            ioctl::group_flags(&fd).map_err(|errno| refused(id, "read its state", errno))?;
        if flags & VFIO_GROUP_FLAGS_VIABLE == 0 {
            return Err(VfioError::NotViable { group: id });
        }
        Ok(Self { fd, id })
    }

    /// Puts the group into a container and switches the container's IOMMU on, as a virtual machine
    /// monitor does before it can open a device.
    ///
    /// # Errors
    /// The kernel's refusal: EPERM where interrupts are not remapped and that was not waived.
    pub fn join(&self, container: &Container) -> Result<(), VfioError> {
        ioctl::set_container(&self.fd, container)
            .map_err(|errno| refused(self.id, "join a container", errno))?;
        container.start_iommu()
    }

    /// Opens a function of the group; the group must have joined a container.
    ///
    /// # Errors
    /// [`VfioError::NoDevice`] when it is not in the group, or the kernel's refusal.
    pub fn device(&self, address: Address) -> Result<Device, VfioError> {
        let name = CString::new(address.to_string())
            .map_err(|_| VfioError::NoDevice { address, group: self.id })?;
        let fd = ioctl::device_fd(&self.fd, &name).map_err(|errno| match errno {
            Errno::NODEV => VfioError::NoDevice { address, group: self.id },
            errno => VfioError::Refused { object: address.to_string(), operation: "open", errno },
        })?;
        Ok(Device::new(fd, address))
    }
}

fn refused(id: GroupId, operation: &'static str, errno: Errno) -> VfioError {
    VfioError::Refused { object: format!("IOMMU group {id}"), operation, errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_said_so() {
        let refusal = Group::open(GroupId(u32::MAX)).unwrap_err();
        assert!(matches!(refusal, VfioError::NoGroup { .. }), "{refusal}");
        assert!(refusal.to_string().contains("4294967295"));
    }
}

//! A VFIO container: an IOMMU context that groups are put into.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use vfio_bindings::bindings::vfio::{VFIO_API_VERSION, VFIO_TYPE1v2_IOMMU};

use crate::{VfioError, ioctl};

const PATH: &str = "/dev/vfio/vfio";

/// An IOMMU context. It has page tables of its own once a group has joined.
#[derive(Debug)]
pub struct Container {
    fd: OwnedFd,
}

impl Container {
    /// Opens an empty container.
    ///
    /// # Errors
    /// [`VfioError::NotLoaded`], [`VfioError::Version`], [`VfioError::NoIommuBackend`], or the
    /// kernel's refusal (EACCES without root).
    pub fn open() -> Result<Self, VfioError> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let fd = rustix::fs::open(PATH, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NODEV | Errno::NXIO => VfioError::NotLoaded,
            errno => refused("open", errno),
        })?;
        let version = ioctl::api_version(&fd).map_err(|errno| refused("ask its version", errno))?;
        if u32::try_from(version) != Ok(VFIO_API_VERSION) {
            return Err(VfioError::Version { version });
        }
        match ioctl::check_extension(&fd, VFIO_TYPE1v2_IOMMU) {
            Ok(0) => Err(VfioError::NoIommuBackend),
            Ok(_) => Ok(Self { fd }),
            Err(errno) => Err(refused("ask for an IOMMU backend", errno)),
        }
    }

    /// Gives the container its IOMMU; it must have a group by now.
    pub(crate) fn start_iommu(&self) -> Result<(), VfioError> {
        ioctl::set_iommu(&self.fd, VFIO_TYPE1v2_IOMMU)
            .map_err(|errno| refused("set its IOMMU", errno))
    }
}

impl AsFd for Container {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn refused(operation: &'static str, errno: Errno) -> VfioError {
    VfioError::Refused { object: PATH.to_owned(), operation, errno }
}

//! The calls of `include/uapi/linux/vfio.h`, one safe function each.

use std::ffi::{CStr, c_void};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_TYPE, vfio_device_info, vfio_group_status, vfio_region_info,
};

// What the kernel's header says on every architecture.
const _: () = assert!(size_of::<vfio_group_status>() == 8);
const _: () = assert!(size_of::<vfio_device_info>() == 24);
const _: () = assert!(size_of::<vfio_region_info>() == 32);

/// Numbers above `VFIO_BASE`, in the header's order.
#[derive(Clone, Copy)]
enum Number {
    GetApiVersion = 0,
    CheckExtension = 1,
    SetIommu = 2,
    GroupGetStatus = 3,
    GroupSetContainer = 4,
    GroupGetDeviceFd = 6,
    DeviceGetInfo = 7,
    DeviceGetRegionInfo = 8,
}

/// One call: its number and the value that goes with it. The answer is what ioctl(2) returns.
struct Call {
    number: Number,
    argument: *mut c_void,
}

// SAFETY: every VFIO call takes one word, which `argument` is, and answers with an int. Whether the
// word is a number or points to the right structure is for the function that builds the call.
unsafe impl Ioctl for Call {
    type Output = i32;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        // VFIO_BASE is 100 and the numbers are below 100, so the sum fits into a byte.
        #[allow(clippy::cast_possible_truncation)]
        opcode::none(VFIO_TYPE, VFIO_BASE as u8 + self.number as u8)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(answer: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(answer)
    }
}

/// A call whose word is a plain number, or unused.
fn number(fd: impl AsFd, number: Number, value: usize) -> rustix::io::Result<i32> {
    let argument = std::ptr::without_provenance_mut(value);
    // SAFETY: the kernel reads the word as a number and dereferences nothing.
    unsafe { ioctl(fd, Call { number, argument }) }
}

/// `VFIO_GET_API_VERSION` of a container.
pub(crate) fn api_version(container: impl AsFd) -> rustix::io::Result<i32> {
    number(container, Number::GetApiVersion, 0)
}

/// `VFIO_CHECK_EXTENSION` of a container: not 0 when the kernel has that IOMMU backend.
pub(crate) fn check_extension(container: impl AsFd, backend: u32) -> rustix::io::Result<i32> {
    number(container, Number::CheckExtension, backend as usize)
}

/// `VFIO_SET_IOMMU` of a container that has a group.
pub(crate) fn set_iommu(container: impl AsFd, backend: u32) -> rustix::io::Result<()> {
    number(container, Number::SetIommu, backend as usize).map(drop)
}

/// `VFIO_GROUP_GET_STATUS`: the group's flags.
pub(crate) fn group_flags(group: impl AsFd) -> rustix::io::Result<u32> {
    let mut status = vfio_group_status { argsz: argsz::<vfio_group_status>(), flags: 0 };
    let argument = (&raw mut status).cast();
    // SAFETY: the kernel writes at most `argsz` bytes to `status`, which is that long and lives on.
    unsafe { ioctl(group, Call { number: Number::GroupGetStatus, argument }) }?;
    Ok(status.flags)
}

/// `VFIO_GROUP_SET_CONTAINER`: puts the group into a container.
pub(crate) fn set_container(group: impl AsFd, container: impl AsFd) -> rustix::io::Result<()> {
    let mut fd: RawFd = container.as_fd().as_raw_fd();
    let argument = (&raw mut fd).cast();
    // SAFETY: the kernel reads one int, which `fd` is.
    unsafe { ioctl(group, Call { number: Number::GroupSetContainer, argument }) }.map(drop)
}

/// `VFIO_GROUP_GET_DEVICE_FD`: opens a function of the group, named as in sysfs.
pub(crate) fn device_fd(group: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let argument = name.as_ptr().cast_mut().cast();
    // SAFETY: the kernel reads a string up to its zero and writes nothing there.
    let fd = unsafe { ioctl(group, Call { number: Number::GroupGetDeviceFd, argument }) }?;
    // SAFETY: a successful call answers with a descriptor that is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `VFIO_DEVICE_GET_INFO`: flags, and how many regions and interrupt kinds the device has.
pub(crate) fn device_info(device: impl AsFd) -> rustix::io::Result<vfio_device_info> {
    let argsz = argsz::<vfio_device_info>();
    let mut info = vfio_device_info { argsz, ..Default::default() };
    let argument = (&raw mut info).cast();
    // SAFETY: the kernel writes at most `argsz` bytes to `info`, which is that long and lives on.
    unsafe { ioctl(device, Call { number: Number::DeviceGetInfo, argument }) }?;
    Ok(info)
}

/// `VFIO_DEVICE_GET_REGION_INFO`: a region's size, and where in the device's file it is.
pub(crate) fn region_info(device: impl AsFd, index: u32) -> rustix::io::Result<vfio_region_info> {
    let argsz = argsz::<vfio_region_info>();
    let mut info = vfio_region_info { argsz, index, ..Default::default() };
    let argument = (&raw mut info).cast();
    // SAFETY: the kernel writes at most `argsz` bytes to `info`, which is that long and lives on.
    unsafe { ioctl(device, Call { number: Number::DeviceGetRegionInfo, argument }) }?;
    Ok(info)
}

/// A structure's own length, as VFIO wants it in the structure's first field.
const fn argsz<T>() -> u32 {
    // The structures here are asserted to be a few bytes long.
    #[allow(clippy::cast_possible_truncation)]
    {
        size_of::<T>() as u32
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_kernel_header() {
        // _IO(';', 100 + n): no direction, no size.
        for (number, opcode) in [
            (Number::GetApiVersion, 0x3b64),
            (Number::SetIommu, 0x3b66),
            (Number::GroupGetDeviceFd, 0x3b6a),
            (Number::DeviceGetInfo, 0x3b6b),
            (Number::DeviceGetRegionInfo, 0x3b6c),
        ] {
            let call = Call { number, argument: std::ptr::null_mut() };
            assert_eq!(call.opcode(), opcode);
        }
    }

    #[test]
    fn a_file_that_is_not_vfio_refuses_every_call() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(api_version(&file), Err(Errno::NOTTY));
        assert_eq!(check_extension(&file, 1), Err(Errno::NOTTY));
        assert_eq!(set_iommu(&file, 1), Err(Errno::NOTTY));
        assert_eq!(group_flags(&file), Err(Errno::NOTTY));
        assert_eq!(set_container(&file, &file), Err(Errno::NOTTY));
        assert_eq!(device_fd(&file, c"0000:00:00.0").err(), Some(Errno::NOTTY));
        assert_eq!(device_info(&file).err(), Some(Errno::NOTTY));
        assert_eq!(region_info(&file, 7).err(), Some(Errno::NOTTY));
    }
}

//! How much memory a guest must be able to lock: all that its devices may reach.

use super::domain::Domain;

/// A limit of locked memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockable {
    /// This much.
    Bytes(u64),
    /// All.
    Unlimited,
    /// Another rule holds, which is not known here: libvirt has its own for POWER.
    Unknown,
}

/// What is added for the memory of devices.
const BESIDE_BYTES: u64 = 1 << 30;

impl Domain {
    /// What libvirt lets QEMU lock when the domain has `devices` functions of the host in all
    /// (`qemuDomainGetMemLockLimitBytes`): a hard limit is it; locked memory has none; else the
    /// guest's memory and 1 GiB, and with an IOMMU of its own the memory once for each device, since
    /// each has its own space then.
    #[must_use]
    pub fn lockable(&self, devices: usize) -> Lockable {
        if let Some(limit) = self.hard_limit_bytes {
            return Lockable::Bytes(limit);
        }
        if self.locked {
            return Lockable::Unlimited;
        }
        if self.arch.starts_with("ppc64") || self.memory_bytes == 0 {
            return Lockable::Unknown;
        }
        if devices == 0 {
            return Lockable::Bytes(0);
        }
        let times = if self.viommu { u64::try_from(devices).unwrap_or(u64::MAX) } else { 1 };
        let bytes = self.memory_bytes.checked_mul(times);
        let bytes = bytes.and_then(|bytes| bytes.checked_add(BESIDE_BYTES));
        bytes.map_or(Lockable::Unlimited, Lockable::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_follows_libvirts_rule() {
        const GIB: u64 = 1 << 30;
        let plain = Domain { memory_bytes: 4 * GIB, arch: "x86_64".into(), ..Domain::default() };
        let viommu = Domain { viommu: true, ..plain.clone() };
        let limited = Domain { hard_limit_bytes: Some(6 * GIB), ..viommu.clone() };
        let locked = Domain { locked: true, ..plain.clone() };
        let power = Domain { arch: "ppc64le".into(), ..plain.clone() };
        for (domain, devices, lockable) in [
            (&plain, 0, Lockable::Bytes(0)),
            (&plain, 1, Lockable::Bytes(5 * GIB)),
            (&plain, 3, Lockable::Bytes(5 * GIB)),
            (&viommu, 3, Lockable::Bytes(13 * GIB)),
            (&limited, 3, Lockable::Bytes(6 * GIB)),
            (&locked, 1, Lockable::Unlimited),
            (&power, 1, Lockable::Unknown),
            (&Domain::default(), 1, Lockable::Unknown),
        ] {
            assert_eq!(domain.lockable(devices), lockable, "{domain:?}");
        }
        let endless = Domain { memory_bytes: u64::MAX, ..viommu };
        assert_eq!(endless.lockable(2), Lockable::Unlimited);
    }
}

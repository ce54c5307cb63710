//! What the kernel does when a VF is held through VFIO: the ground that virtfn's guard stands on.

use virtfn_lab::{self as lab, Guest, Hold};

const PF: &str = "/sys/bus/pci/devices/0000:0b:00.0";

/// `seed` with VFs of which 0b:10.0 is bound to vfio-pci, all by hand.
fn seed_with_a_vfio_vf(kernel: &str) -> Guest {
    let seed = lab::boot_on("seed", kernel);
    seed.ok(&format!("echo 2 > {PF}/sriov_numvfs && modprobe vfio-pci"));
    seed.ok("cd /sys/bus/pci/devices/0000:0b:10.0 && echo vfio-pci > driver_override");
    seed.ok("echo 0000:0b:10.0 | tee /sys/bus/pci/devices/0000:0b:10.0/driver/unbind");
    seed.ok("echo 0000:0b:10.0 > /sys/bus/pci/drivers_probe");
    assert_eq!(seed.driver("0b:10.0").as_deref(), Some("vfio-pci"));
    seed
}

#[test]
fn a_holder_is_seen_by_name_and_by_a_busy_group() {
    let seed = seed_with_a_vfio_vf("6.12");
    for what in [Hold::Group, Hold::GroupAndDevice, Hold::DeviceOnly] {
        let holder = seed.hold(what, "0b:10.0");
        let name = seed.ok(&format!("cat /proc/{}/comm", holder.pid));
        assert_eq!(name.trim(), holder.name, "{what:?}");
        let second = seed.run("lab-guest hold group 0b:10.0 < /dev/null");
        second.exits(1).says("in use");
        holder.release();
        seed.run("lab-guest hold group 0b:10.0 < /dev/null").exits(0).says("holding");
    }
}

#[test]
fn with_the_group_alone_held_the_kernel_takes_the_vfs_away() {
    for kernel in ["6.12", "6.1"] {
        let seed = seed_with_a_vfio_vf(kernel);
        let _holder = seed.hold(Hold::Group, "0b:10.0");
        seed.ok(&format!("echo 0 > {PF}/sriov_numvfs"));
        assert_eq!(seed.vfs("0b:00.0"), 0, "{kernel}");
    }
}

#[test]
fn with_the_device_held_the_writer_hangs_until_the_holder_ends() {
    for kernel in ["6.12", "6.1"] {
        let seed = seed_with_a_vfio_vf(kernel);
        let holder = seed.hold(Hold::GroupAndDevice, "0b:10.0");
        let mut writer = seed.spawn(&format!("echo 0 > {PF}/sriov_numvfs"));
        seed.eventually(&format!("grep -q vfio_ /proc/{}/stack", writer.pid()));
        assert!(writer.is_running(), "{kernel}");
        holder.release();
        assert_eq!(writer.finish(lab::COMMAND_LIMIT).unwrap().ending.status(), 0, "{kernel}");
        assert_eq!(seed.vfs("0b:00.0"), 0, "{kernel}");
    }
}

//! The Debian package comes, is replaced by a newer one, and goes, in a Debian guest.

use virtfn_lab as lab;

/// All of the system's files but what dpkg writes of its own work.
const FILES: &str =
    "cd / && find etc usr var -xdev | grep -v '^var/\\(lib/dpkg\\|log\\|cache\\)/' | sort";
const ENABLED: &str = "readlink /etc/systemd/system/sysinit.target.wants/virtfn.service";

#[test]
fn the_debian_package_comes_is_replaced_and_goes() {
    let seed = lab::boot_system("seed");
    // The lab's own link, which stands where the package has the program.
    seed.ok("rm /usr/bin/virtfn");
    let before = seed.ok(FILES);

    seed.ok("dpkg -i /run/lab/virtfn.deb");
    seed.run("/usr/bin/virtfn --version").exits(0).says("virtfn ");
    seed.run("/usr/bin/virtfn install").exits(0).says("Installed already");
    assert_eq!(seed.ok(ENABLED).trim(), "/usr/lib/systemd/system/virtfn.service");
    seed.run("systemd-analyze verify --man=no virtfn.service virtfn-pf@.service").exits(0);
    seed.run("systemctl show -p UnitFileState virtfn.service").exits(0).says("=enabled");
    seed.run("dpkg --verify virtfn").exits(0).does_not_say("virtfn");
    let installed = seed.ok(FILES);

    let example = "/usr/share/doc/virtfn/examples/policy.yaml";
    seed.ok(&format!("mkdir -p /etc/virtfn && cp {example} /etc/virtfn/"));
    seed.ok("/usr/bin/virtfn apply && /usr/bin/virtfn status");
    assert_eq!(seed.vfs("0b:00.0"), 7);

    let newer = "cd /run && dpkg-deb -R lab/virtfn.deb newer && \
         sed -i 's/^Version: .*/&+newer/' newer/DEBIAN/control && dpkg-deb -Znone -b newer newer.deb";
    seed.ok(newer);
    seed.ok("dpkg -i /run/newer.deb");
    seed.run("dpkg-query -W virtfn").exits(0).says("+newer");
    seed.run("/usr/bin/virtfn status").exits(0);
    seed.ok("mv /etc/virtfn /run/policy");
    assert_eq!(seed.ok(FILES), installed, "a newer package has the same files");

    seed.ok("dpkg --purge virtfn");
    assert_eq!(seed.ok(FILES), before, "nothing is left");
    assert_eq!(seed.vfs("0b:00.0"), 7, "the VFs stay");
}

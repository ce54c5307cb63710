//! Sets of Debian packages for guests that need more than the small userland: unpacked whole into the
//! cache by `cargo xtask setup`, never installed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::cache;

/// Packages, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageSet {
    /// Its folder in the cache.
    pub name: &'static str,
    /// What is asked for.
    pub packages: &'static [&'static str],
    /// Whether apt adds all that they need, as for a machine that has nothing.
    pub needs: bool,
}

/// Programs that virtfn is compared with.
pub const PEERS: PackageSet =
    PackageSet { name: "peers", packages: &["libvirt-clients"], needs: true };

/// A Debian system with systemd as process 1, libvirt and QEMU.
pub const FULL: PackageSet = PackageSet {
    name: "full",
    packages: &[
        "base-files",
        "base-passwd",
        "bash",
        "coreutils",
        "dash",
        "dbus",
        "debianutils",
        "diffutils",
        "dpkg",
        "driverctl",
        "findutils",
        "grep",
        "gzip",
        "hostname",
        "init-system-helpers",
        "iproute2",
        "iputils-ping",
        "kmod",
        "libc-bin",
        "libvirt-clients",
        "libvirt-daemon",
        "libvirt-daemon-driver-qemu",
        "libvirt-daemon-system",
        "libvirt-daemon-system-systemd",
        "mawk",
        "mount",
        "ncurses-bin",
        "netplan.io",
        "network-manager",
        "pciutils",
        "perl-base",
        "procps",
        "qemu-system-x86",
        "sed",
        "strace",
        "systemd",
        "systemd-sysv",
        "sysvinit-utils",
        "tar",
        "tcpdump",
        "udev",
        "util-linux",
    ],
    needs: true,
};

/// nova and neutron, as far as the parsers of their options import it: a tenth of what the packages
/// depend on. The interpreter is the full image's.
pub const OPENSTACK: PackageSet = PackageSet {
    name: "openstack",
    packages: &[
        "python3-alembic",
        "python3-appdirs",
        "python3-attr",
        "python3-barbicanclient",
        "python3-bcrypt",
        "python3-castellan",
        "python3-certifi",
        "python3-cffi-backend",
        "python3-cffi",
        "python3-charset-normalizer",
        "python3-cryptography",
        "python3-cursive",
        "python3-dateutil",
        "python3-debtcollector",
        "python3-decorator",
        "python3-dnspython",
        "python3-dogpile.cache",
        "python3-eventlet",
        "python3-fasteners",
        "python3-greenlet",
        "python3-idna",
        "python3-iso8601",
        "python3-jinja2",
        "python3-jmespath",
        "python3-json-pointer",
        "python3-jsonpatch",
        "python3-jsonschema",
        "python3-keystoneauth1",
        "python3-mako",
        "python3-markupsafe",
        "python3-monotonic",
        "python3-msgpack",
        "python3-munch",
        "python3-netaddr",
        "python3-netifaces",
        "python3-neutron-lib",
        "python3-neutron",
        "python3-nova",
        "python3-openstacksdk",
        "python3-os-ken",
        "python3-os-resource-classes",
        "python3-os-service-types",
        "python3-os-traits",
        "python3-oslo.cache",
        "python3-oslo.concurrency",
        "python3-oslo.config",
        "python3-oslo.context",
        "python3-oslo.db",
        "python3-oslo.i18n",
        "python3-oslo.log",
        "python3-oslo.messaging",
        "python3-oslo.metrics",
        "python3-oslo.middleware",
        "python3-oslo.policy",
        "python3-oslo.privsep",
        "python3-oslo.rootwrap",
        "python3-oslo.serialization",
        "python3-oslo.service",
        "python3-oslo.utils",
        "python3-oslo.versionedobjects",
        "python3-osprofiler",
        "python3-packaging",
        "python3-paste",
        "python3-pastedeploy",
        "python3-pbr",
        "python3-pecan",
        "python3-pkg-resources",
        "python3-ply",
        "python3-psutil",
        "python3-pycparser",
        "python3-pyroute2",
        "python3-pyrsistent",
        "python3-repoze.lru",
        "python3-requests",
        "python3-requestsexceptions",
        "python3-rfc3986",
        "python3-routes",
        "python3-setproctitle",
        "python3-setuptools",
        "python3-six",
        "python3-sqlalchemy",
        "python3-stevedore",
        "python3-tenacity",
        "python3-tz",
        "python3-urllib3",
        "python3-webob",
        "python3-wrapt",
        "python3-yaml",
        "python3-yappi",
    ],
    needs: false,
};

/// The file in a set's folder that names what was asked for when it was made.
const ASKED: &str = "asked";

impl PackageSet {
    /// The folder of the set: the unpacked files are in its `root`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        cache::directory().join("packages").join(self.name)
    }

    /// Where the files are.
    ///
    /// # Errors
    /// When setup has not put them there, or has put there what was asked for at another time.
    pub fn root(&self) -> Result<PathBuf> {
        let asked = fs::read_to_string(self.folder().join(ASKED)).unwrap_or_default();
        if asked != self.asked() {
            bail!(
                "the packages {} are not in the lab's cache; `cargo xtask setup` gets them",
                self.packages.join(", ")
            );
        }
        Ok(self.folder().join("root"))
    }

    /// Says in a folder that it holds this set: the last thing to write.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn seal(&self, folder: &std::path::Path) -> Result<()> {
        Ok(fs::write(folder.join(ASKED), self.asked())?)
    }

    fn asked(&self) -> String {
        self.packages.iter().map(|package| format!("{package}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_not_there_says_how_it_comes() {
        let set = PackageSet { name: "no-such-set", packages: &["one", "two"], needs: true };
        let refusal = set.root().unwrap_err().to_string();
        assert!(refusal.contains("one, two") && refusal.contains("cargo xtask setup"), "{refusal}");
    }

    #[test]
    fn a_folder_is_sealed_with_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        PEERS.seal(folder.path()).unwrap();
        let asked = fs::read_to_string(folder.path().join(ASKED)).unwrap();
        assert_eq!(asked, "libvirt-clients\n");
    }
}

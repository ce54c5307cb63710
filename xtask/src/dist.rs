//! `cargo xtask dist`: what is shipped: the static binary, a Debian package, a tarball.
//!
//! The same commit gives the same bytes: times are the commit's, entries are sorted and owned by root,
//! and no path of this machine is in the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use virtfn_lab::programs::{need, stdout_of};

use crate::{build, progress, workspace};

const UNITS: &str = "crates/cli/src/boot/files";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is shipped, in `target/dist`.
pub(crate) struct Shipped {
    /// The static binary.
    pub(crate) binary: PathBuf,
    /// The Debian package.
    pub(crate) package: PathBuf,
    /// The same files for other systems.
    pub(crate) tarball: PathBuf,
}

/// Builds the binary and puts it at `target/dist/virtfn`.
///
/// # Errors
/// When the build fails.
pub(crate) fn build() -> Result<PathBuf> {
    let built = build::build("release", &["virtfn-cli"])?.join("virtfn");
    let kept = workspace::target().join("dist/virtfn");
    if let Some(directory) = kept.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(&built, &kept).with_context(|| kept.display().to_string())?;
    Ok(kept)
}

/// Builds and packs all of it.
///
/// # Errors
/// When the build fails, or Debian's packer is missing.
pub(crate) fn all() -> Result<Shipped> {
    let binary = build()?;
    let folder = workspace::target().join("dist");
    let (package, tarball) = progress::step("Packing", || pack(&binary, &folder))?;
    Ok(Shipped { binary, package, tarball })
}

/// Packs a binary into a Debian package and a tarball.
///
/// # Errors
/// When a packer is missing or fails.
pub(crate) fn pack(binary: &Path, folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let stage = tempfile::tempdir()?;
    let root = stage.path().join(format!("virtfn-{VERSION}"));
    lay_out(binary, &root)?;
    let tarball = folder.join(format!("virtfn-{VERSION}-x86_64-linux.tar.gz"));
    let time = commit_time()?;
    let mut tar = Command::new(need("tar")?);
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]);
    tar.arg(format!("--mtime=@{time}")).args(["--use-compress-program=gzip -n", "-cf"]);
    stdout_of(tar.arg(&tarball).arg("-C").arg(stage.path()).arg(format!("virtfn-{VERSION}")))?;

    control(&root)?;
    let package = folder.join(format!("virtfn_{VERSION}_amd64.deb"));
    let mut dpkg = Command::new(need("dpkg-deb")?);
    dpkg.env("SOURCE_DATE_EPOCH", &time).args(["--root-owner-group", "-Zxz", "--build"]);
    stdout_of(dpkg.arg(&root).arg(&package))?;
    Ok((package, tarball))
}

fn lay_out(binary: &Path, root: &Path) -> Result<()> {
    let sources = workspace::root();
    let units = sources.join(UNITS);
    let (lib, share) = (root.join("usr/lib"), root.join("usr/share"));
    put(binary, &root.join("usr/bin/virtfn"))?;
    put(&units.join("virtfn.service"), &lib.join("systemd/system/virtfn.service"))?;
    put(&units.join("virtfn-pf@.service"), &lib.join("systemd/system/virtfn-pf@.service"))?;
    put(&units.join("systemd.rules"), &lib.join("udev/rules.d/80-virtfn.rules"))?;
    let docs = share.join("doc/virtfn");
    put(&sources.join("LICENSE"), &docs.join("copyright"))?;
    for page in ["policy.md", "boot.md"] {
        put(&sources.join("docs").join(page), &docs.join(page))?;
    }
    fs::create_dir_all(docs.join("examples"))?;
    fs::write(docs.join("examples/policy.yaml"), SAMPLE)?;
    let man = share.join("man/man1");
    fs::create_dir_all(&man)?;
    stdout_of(Command::new(binary).args(["man", "--dir"]).arg(&man))?;
    for (shell, place) in [
        ("bash", "bash-completion/completions/virtfn"),
        ("zsh", "zsh/vendor-completions/_virtfn"),
        ("fish", "fish/vendor_completions.d/virtfn.fish"),
    ] {
        let text = stdout_of(Command::new(binary).args(["completions", shell]))?;
        let place = share.join(place);
        fs::create_dir_all(place.parent().context("a file has a folder")?)?;
        fs::write(place, text)?;
    }
    plain_modes(root)
}

/// Debian's own part: what the package is, and what is to be done as it comes and goes.
fn control(root: &Path) -> Result<()> {
    let folder = root.join("DEBIAN");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("control"),
        format!(
            "Package: virtfn\nVersion: {VERSION}\nArchitecture: amd64\nSection: admin\nPriority: optional\n\
             Maintainer: The virtfn developers <virtfn@localhost>\nRecommends: kmod\n\
             Description: the whole life of SR-IOV virtual functions\n \
             Judges a host, makes virtual functions as a file declares them, keeps them\n \
             over reboots, and protects those in use.\n"
        ),
    )?;
    fs::write(folder.join("md5sums"), md5sums(root)?)?;
    mode(&folder.join("md5sums"), 0o644)?;
    for (name, text) in [("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)] {
        fs::write(folder.join(name), text)?;
        mode(&folder.join(name), 0o755)?;
    }
    mode(&folder.join("control"), 0o644)?;
    mode(&folder, 0o755)
}

/// One line a file, as `dpkg --verify` reads them.
fn md5sums(root: &Path) -> Result<String> {
    let mut md5sum = Command::new("sh");
    md5sum.current_dir(root).args(["-c", "find usr -type f | LC_ALL=C sort | xargs md5sum"]);
    stdout_of(&mut md5sum)
}

const SAMPLE: &str = "\
# To /etc/virtfn/policy.yaml; then: virtfn plan, virtfn apply
version: 1
pfs:
  - match: { pci: \"0000:0b:00.0\" }
    vfs: 7
    defaults: { mac: auto, driver: vfio }
    vf:
      0:   { mac: \"52:54:00:6d:90:02\", vlan: 42 }
      1-3: { driver: default }
";
const POSTINST: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = configure ] && [ -z \"$DPKG_ROOT\" ]; then
	/usr/bin/virtfn install > /dev/null
fi
";
const PRERM: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -z \"$DPKG_ROOT\" ]; then
	/usr/bin/virtfn uninstall > /dev/null
fi
";
const POSTRM: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ] && [ -z \"$DPKG_ROOT\" ]; then
	systemctl daemon-reload || true
fi
";

fn put(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

/// Whatever the sources' modes and this user's mask are.
fn plain_modes(folder: &Path) -> Result<()> {
    mode(folder, 0o755)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            plain_modes(&path)?;
        } else {
            mode(&path, if path.ends_with("usr/bin/virtfn") { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

fn mode(path: &Path, bits: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(bits))?)
}

/// Seconds since 1970, of the last commit.
fn commit_time() -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root()).args(["log", "-1", "--format=%ct"]);
    Ok(stdout_of(&mut git)?.trim().to_owned())
}

/// Builds the committed sources twice, in two folders, and compares what comes of it.
///
/// # Errors
/// When a build fails, or the two differ.
pub(crate) fn verify() -> Result<()> {
    let work = tempfile::tempdir()?;
    let mut made = Vec::new();
    for name in ["one", "another-folder"] {
        let clone = work.path().join(name);
        let mut git = Command::new("git");
        git.args(["clone", "--quiet"]).arg(workspace::root()).arg(&clone);
        workspace::run(&mut git)?;
        let mut cargo = workspace::cargo();
        cargo.current_dir(&clone).env_remove("CARGO_TARGET_DIR").args(["xtask", "dist"]);
        workspace::run(&mut cargo)?;
        made.push(clone.join("target/dist"));
    }
    let mut names: Vec<_> =
        fs::read_dir(&made[0])?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    names.sort();
    for name in names {
        let same = fs::read(made[0].join(&name))? == fs::read(made[1].join(&name))?;
        ensure!(same, "{}: two builds of one commit differ", name.display());
        println!("{}: the same twice", name.display());
    }
    Ok(())
}

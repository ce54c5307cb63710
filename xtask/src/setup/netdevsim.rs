//! netdevsim for the lab's kernel: Debian ships its source and not the module, so it is built here, as
//! an external module against the kernel's own headers. Nothing is installed, and no root is needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use virtfn_lab::kernel::Kernel;
use virtfn_lab::programs::{need, stdout_of};

use super::{apt, kernels};
use crate::{progress, workspace};

/// The series that it is built for.
const SERIES: &str = "6.12";
/// Where it lies below the kernel's modules.
const PLACE: &str = "extra/netdevsim.ko";
/// The module's folder in the kernel's source.
const SOURCE: &str = "drivers/net/netdevsim";

/// Builds it if the cached kernel has none. Where it cannot be built the reason is told, and what
/// needs it fails.
pub(super) fn build() {
    let Ok(kernel) = Kernel::find(SERIES) else { return };
    if kernel.modules.join(PLACE).is_file() {
        return;
    }
    if let Err(reason) = build_for(&kernel) {
        progress::note(&format!("no netdevsim for {}: {reason:#}", kernel.release));
    }
}

fn build_for(kernel: &Kernel) -> Result<()> {
    let work = tempfile::tempdir_in(virtfn_lab::cache::kernels())?;
    let packages = packages(&kernel.release)?;
    progress::step("Downloading the kernel's headers and source", || {
        let mut command = apt::read_only("apt-get");
        command.current_dir(work.path());
        command.args(["download", "--quiet", "-o", "APT::Sandbox::User=root"]);
        workspace::run(command.args(&packages))
    })?;
    progress::step("Unpacking them", || unpack(work.path()))?;
    progress::step("Building netdevsim", || make(work.path(), &kernel.release))?;
    let target = kernel.modules.join(PLACE);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(work.path().join(SOURCE).join("netdevsim.ko"), &target)
        .with_context(|| target.display().to_string())?;
    let root = kernel.modules.ancestors().nth(3).context("the kernel's folder")?;
    kernels::index_modules(root)
}

/// The packages of exactly this kernel: its headers in two parts, its build programs, its source.
fn packages(release: &str) -> Result<Vec<String>> {
    let base = release.strip_suffix("-amd64").context("not one of Debian's amd64 kernels")?;
    let headers = format!("linux-headers-{release}");
    let table = stdout_of(apt::read_only("apt-cache").args(["madison", &headers]))?;
    let version = table.lines().next().and_then(|line| line.split('|').nth(1)).map(str::trim);
    let Some(version) = version else { bail!("apt offers no {headers}") };
    Ok(vec![
        headers,
        format!("linux-headers-{base}-common"),
        format!("linux-kbuild-{base}"),
        format!("linux-source-{SERIES}={version}"),
    ])
}

fn unpack(work: &Path) -> Result<()> {
    let dpkg = need("dpkg")?;
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".deb") {
            continue;
        }
        if name.starts_with("linux-source-") {
            unpack_source(work, &path)?;
        } else {
            workspace::run(Command::new(&dpkg).arg("-x").arg(&path).arg(work.join("root")))?;
        }
    }
    Ok(())
}

/// A compressed archive within a package: 153 MB, of which one folder is wanted.
fn unpack_source(work: &Path, package: &Path) -> Result<()> {
    let inner = format!("./usr/src/linux-source-{SERIES}.tar.xz");
    let mut files = Command::new(need("dpkg-deb")?)
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()?;
    let packed = files.stdout.take().context("dpkg-deb's output")?;
    let mut archive = Command::new(need("tar")?)
        .args(["-xO", &inner])
        .stdin(packed)
        .stdout(Stdio::piped())
        .spawn()?;
    let archived = archive.stdout.take().context("tar's output")?;
    let wanted = format!("linux-source-{SERIES}/{SOURCE}");
    let mut last = Command::new(need("tar")?);
    last.current_dir(work).args(["-xJ", "--strip-components=1", &wanted]).stdin(archived);
    let done = workspace::run(&mut last);
    archive.wait()?;
    files.wait()?;
    done
}

fn make(work: &Path, release: &str) -> Result<()> {
    let sources = work.join("root/usr/src");
    let headers = sources.join(format!("linux-headers-{release}"));
    // Debian's makefile names the other half of the headers by where they would be installed.
    let makefile = headers.join("Makefile");
    let text = fs::read_to_string(&makefile).with_context(|| makefile.display().to_string())?;
    fs::write(&makefile, text.replace("/usr/src/", &format!("{}/", sources.display())))?;
    let mut make = Command::new(need("make")?);
    make.arg("-s").arg("-C").arg(&headers);
    make.arg(format!("M={}", work.join(SOURCE).display()));
    // Type information for BPF would need pahole, and nothing in the lab reads it.
    make.args(["CC=gcc", "CONFIG_NETDEVSIM=m", "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]);
    workspace::run(&mut make)?;
    let module = work.join(SOURCE).join("netdevsim.ko");
    workspace::run(Command::new(need("strip")?).arg("-g").arg(module))
}

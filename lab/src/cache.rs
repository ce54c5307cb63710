//! Where the lab keeps what is slow to get: kernels and guest images.
//!
//! All of it can be deleted at any time; `cargo xtask setup` brings it back. It lies outside the
//! clone, so that a second clone on a prepared machine downloads nothing.

use std::env;
use std::path::PathBuf;

/// The lab's cache: `$VIRTFN_CACHE`, else `$XDG_CACHE_HOME/virtfn`, else `~/.cache/virtfn`, else
/// `/var/tmp/virtfn` where there is no home.
#[must_use]
pub fn directory() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("VIRTFN_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("virtfn")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/virtfn")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp/virtfn"))
}

/// The unpacked kernels, one directory a series, as `6.12`.
#[must_use]
pub fn kernels() -> PathBuf {
    directory().join("kernels")
}

/// The built guest images, named after what went into them.
#[must_use]
pub fn images() -> PathBuf {
    directory().join("images")
}

//! Which daemon: the connection URIs that make sense here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::VirtError;

/// Sockets of the system's daemons: the modular one of QEMU's driver, then the one for everything.
const SYSTEM_SOCKETS: [&str; 2] = ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"];
/// The same below a user's runtime folder.
const SESSION_SOCKETS: [&str; 2] = ["libvirt/virtqemud-sock", "libvirt/libvirt-sock"];

/// A local connection of libvirt's QEMU driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    scope: Scope,
    socket: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    System,
    Session,
}

impl Uri {
    /// `qemu:///system`.
    #[must_use]
    pub const fn system() -> Self {
        Self { scope: Scope::System, socket: None }
    }

    /// What the daemon is asked to open: the URI without its parameters.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.scope {
            Scope::System => "qemu:///system",
            Scope::Session => "qemu:///session",
        }
    }

    /// The sockets to try, in order. `runtime` is the user's runtime folder.
    #[must_use]
    pub fn sockets(&self, runtime: &Path) -> Vec<PathBuf> {
        match (&self.socket, self.scope) {
            (Some(socket), _) => vec![socket.clone()],
            (None, Scope::System) => SYSTEM_SOCKETS.map(PathBuf::from).to_vec(),
            (None, Scope::Session) => SESSION_SOCKETS.map(|socket| runtime.join(socket)).to_vec(),
        }
    }
}

impl FromStr for Uri {
    type Err = VirtError;

    /// Reads `qemu:///system`, `qemu:///session`, and either with `?socket=PATH`; `qemu+unix` says
    /// the same as `qemu`.
    fn from_str(text: &str) -> Result<Self, VirtError> {
        let bad = |why: String| VirtError::BadUri { uri: text.into(), why };
        let no_scheme = || bad("no scheme; expected qemu:///system or qemu:///session".into());
        let (scheme, rest) = text.split_once("://").ok_or_else(no_scheme)?;
        let (driver, transport) = match scheme.split_once('+') {
            Some((driver, transport)) => (driver, Some(transport)),
            None => (scheme, None),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        if !host.is_empty() || transport.is_some_and(|transport| transport != "unix") {
            return Err(VirtError::RemoteUri { uri: text.into() });
        }
        if driver != "qemu" {
            return Err(bad(format!("driver `{driver}`: only QEMU's hands over devices of VFIO")));
        }
        let scope = match path {
            "/system" => Scope::System,
            "/session" => Scope::Session,
            other => return Err(bad(format!("`{other}`: expected /system or /session"))),
        };
        Ok(Self { scope, socket: socket_of(query).map_err(bad)? })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match &self.socket {
            Some(socket) => write!(f, "?socket={}", socket.display()),
            None => Ok(()),
        }
    }
}

/// The one parameter that there is for a local connection.
fn socket_of(query: &str) -> Result<Option<PathBuf>, String> {
    let mut socket = None;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("socket", path)) => {
                let path = PathBuf::from(decoded(path).ok_or("socket: not percent-encoded UTF-8")?);
                if !path.is_absolute() {
                    return Err("socket: expected an absolute path".into());
                }
                socket = Some(path);
            }
            _ => return Err(format!("parameter `{parameter}`: only socket=PATH is known")),
        }
    }
    Ok(socket)
}

/// Text with its `%41` made letters.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(uri: &str) -> Vec<String> {
        let uri: Uri = uri.parse().unwrap();
        let sockets = uri.sockets(Path::new("/run/user/7"));
        sockets.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn local_uris_name_their_sockets() {
        let system = ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"];
        assert_eq!(sockets("qemu:///system"), system);
        assert_eq!(sockets("qemu+unix:///system"), system);
        assert_eq!(
            sockets("qemu:///session"),
            ["/run/user/7/libvirt/virtqemud-sock", "/run/user/7/libvirt/libvirt-sock"]
        );
        assert_eq!(sockets("qemu+unix:///system?socket=/tmp/a%20b"), ["/tmp/a b"]);
    }

    #[test]
    fn what_reaches_another_host_is_refused_as_such() {
        for uri in [
            "qemu+ssh://root@far/system",
            "qemu+tcp://far/system",
            "qemu://far/system",
            "qemu+tls:///system",
        ] {
            let error = uri.parse::<Uri>().unwrap_err();
            assert!(matches!(error, VirtError::RemoteUri { .. }), "{uri}: {error}");
        }
    }

    #[test]
    fn what_is_no_such_uri_says_what_is_wrong() {
        for (uri, why) in [
            ("system", "no scheme"),
            ("xen:///system", "driver `xen`"),
            ("qemu:///", "expected /system or /session"),
            ("qemu:///system?socket=run", "absolute"),
            ("qemu:///system?socket=/%f", "percent"),
            ("qemu:///system?mode=direct", "`mode=direct`"),
        ] {
            let error = uri.parse::<Uri>().unwrap_err().to_string();
            assert!(error.contains(why), "{uri}: {error}");
        }
    }
}

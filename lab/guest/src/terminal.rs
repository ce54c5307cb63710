//! A process on a pseudo-terminal, for a person at `cargo xtask lab shell`.

use std::fs::File;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use virtfn_lab_protocol::{FromGuest, Terminal};

use crate::jobs::Started;

/// Starts `argv` as the leader of a session whose terminal has this size.
///
/// # Errors
/// When there is no pseudo-terminal, or the program cannot be started.
pub(crate) fn start(argv: &[String], size: &Terminal) -> Result<Started> {
    let host_side = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context("openpt")?;
    grantpt(&host_side).context("grantpt")?;
    unlockpt(&host_side).context("unlockpt")?;
    let winsize = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&host_side, winsize).context("tcsetwinsize")?;
    let name = ptsname(&host_side, Vec::new()).context("ptsname")?;
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let process_side = File::from(rustix::fs::open(&name, flags, Mode::empty())?);
    // setsid -c makes standard input the session's controlling terminal, so that Ctrl-C works.
    let child = Command::new("setsid")
        .arg("-c")
        .args(argv)
        .env("TERM", &size.kind)
        .stdin(process_side.try_clone()?)
        .stdout(process_side.try_clone()?)
        .stderr(process_side)
        .spawn()
        .context("cannot start setsid")?;
    let host_side = File::from(host_side);
    Ok(Started {
        child,
        stdin: Box::new(host_side.try_clone()?),
        outputs: vec![(Box::new(host_side), FromGuest::Stdout)],
    })
}

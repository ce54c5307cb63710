//! Looks at a function as a virtual machine monitor does, and as the host does, side by side.
//!
//! Opens it through VFIO; prints what VFIO shows of its config space, what the host's own `config`
//! file shows, and what `virtfn show --guest` foretells of it. Then, for each line `AT MASK` on
//! standard input (hexadecimal), inverts these bits through VFIO, reads both sides back, and puts
//! them back.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use virtfn_pci::Address;
use virtfn_vfio::{Config, Container, Group};

use crate::hold::group_of;
use crate::sysfs;

/// What to look at.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A function bound to vfio-pci
    address: Address,
}

/// Looks, tries, and prints one JSON document.
///
/// # Errors
/// When VFIO or sysfs refuses.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let address = arguments.address;
    let group = Group::open(group_of(address)?)?;
    let container = Container::open()?;
    group.join(&container)?;
    let device = group.device(address)?;
    let path = sysfs::function(address).join("config");
    let host = File::open(&path).with_context(|| path.display().to_string())?;
    let sides = Sides { vfio: device.config()?, host };
    let foretold = foretold(address)?;
    let [vfio, seen] = sides.read(0, usize::from(sides.vfio.len()))?;
    let tried = io::stdin().lines().map(|line| sides.invert(&line?));
    let tried = tried.collect::<Result<Vec<Value>>>()?;
    println!(
        "{}",
        json!({ "foretold": foretold, "vfio": hex(&vfio), "host": hex(&seen), "tried": tried })
    );
    Ok(())
}

/// One config space, from both sides.
struct Sides<'d> {
    vfio: Config<'d>,
    host: File,
}

impl Sides<'_> {
    /// The same bytes, as VFIO shows them and as the host has them.
    fn read(&self, at: u16, len: usize) -> Result<[Vec<u8>; 2]> {
        let (mut vfio, mut host) = (vec![0; len], vec![0; len]);
        self.vfio.read(at, &mut vfio)?;
        self.host.read_exact_at(&mut host, at.into())?;
        Ok([vfio, host])
    }

    fn invert(&self, line: &str) -> Result<Value> {
        let (at, mask) = line.split_once(' ').with_context(|| format!("{line:?}: not AT MASK"))?;
        let at = u16::from_str_radix(at, 16)?;
        let mask = unhex(mask)?;
        let before = self.read(at, mask.len())?;
        let wrote: Vec<u8> = before[0].iter().zip(&mask).map(|(old, mask)| old ^ mask).collect();
        self.vfio.write(at, &wrote)?;
        let after = self.read(at, mask.len())?;
        self.vfio.write(at, &before[0])?;
        let told = |[vfio, host]: &[Vec<u8>; 2]| json!({ "vfio": hex(vfio), "host": hex(host) });
        Ok(json!({
            "at": at, "wrote": hex(&wrote), "before": told(&before), "after": told(&after),
        }))
    }
}

/// What virtfn says of it, now that it is open.
fn foretold(address: Address) -> Result<Value> {
    let words = ["show", &address.to_string(), "--guest", "--json"];
    let output = Command::new("virtfn").args(words).output().context("virtfn")?;
    if output.stdout.is_empty() {
        bail!("virtfn: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| Ok(u8::from_str_radix(std::str::from_utf8(two)?, 16)?)).collect()
}

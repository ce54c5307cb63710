//! How long it takes to make the given machine from its policy file, what it asks of the kernel, and
//! how many processes it takes: virtfn, one process that makes the same writes and nothing else, a
//! shell script, and systemd's `.link` files, in turn in one guest.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use virtfn_lab::image::Image;
use virtfn_lab::{Boot, Machine, Topology};

use crate::build;

/// Runs of each, in turn; the median counts.
const ROUNDS: usize = 10;
const LIMIT: Duration = Duration::from_secs(120);

/// 14 VFs with settings and drivers.
const POLICY: &str = "version: 1
pfs:
- match: { pci: 0b:00.0 }
  vfs: 7
  defaults: { mac: auto }
  vf: { 0: { mac: '52:54:00:6d:90:02', vlan: 42, driver: vfio-pci }, 4-6: { driver: vfio-pci, vlan: 7 } }
- match: { pci: 0b:00.1 }
  vfs: 7
  defaults: { mac: auto, trust: on }
";

/// The VFs that go to vfio-pci: 0 and 4 to 6 of the first PF.
const TO_VFIO: &str = "0000:0b:10.0 0000:0b:11.0 0000:0b:11.2 0000:0b:11.4";

/// The same as people write it into their boot scripts.
const SCRIPT: &str = r#"set -e
cd /sys/bus/pci/devices
modprobe vfio-pci
for pf in 0000:0b:00.0 0000:0b:00.1; do
  echo 0 > $pf/sriov_drivers_autoprobe
  echo 7 > $pf/sriov_numvfs
done
for n in 0 1 2 3 4 5 6; do
  ip link set eth0 vf $n mac 52:54:00:6d:90:0$n
  ip link set eth1 vf $n mac 52:54:00:6d:91:0$n
  ip link set eth1 vf $n trust on
done
ip link set eth0 vf 0 vlan 42
for n in 4 5 6; do ip link set eth0 vf $n vlan 7; done
for vf in $TO_VFIO; do driverctl --nosave set-override $vf vfio-pci; done
for pf in 0000:0b:00.0 0000:0b:00.1; do
  echo 1 > $pf/sriov_drivers_autoprobe
  for vf in $pf/virtfn*; do
    [ -e $vf/driver ] || basename $(readlink $vf) > /sys/bus/pci/drivers_probe
  done
done
"#;

/// systemd's part in it, as udev has it done for an interface that comes; drivers are not its own.
const SYSTEMD: &str = r"set -e
for netdev in eth0 eth1; do udevadm test-builtin net_setup_link /sys/class/net/$netdev; done
for vf in $TO_VFIO; do driverctl --nosave set-override $vf vfio-pci; done
";

/// Where systemd looks for them, and virtfn too: it does nothing while another program owns a PF.
const LINKS: &str = "/run/systemd/network";
const CLEAN: &str = "rm -rf /run/systemd/network; virtfn destroy 0b:00.0 --force > /dev/null; \
     virtfn destroy 0b:00.1 --force > /dev/null; udevadm settle";

/// Prints the medians, their ratios, and the counts.
///
/// # Errors
/// When the machine does not boot, or one of them does not make the VFs.
pub(super) fn print(program: &Path) -> Result<()> {
    let topology = Topology::find("seed")?;
    let kernel = topology.usual_kernel().to_owned();
    let binaries = build::for_the_lab(Some(program))?;
    let machine = Machine::boot(&Boot { topology, kernel, image: Image::Full, binaries })?;
    prepare(&machine)?;
    let writes = run(&machine, "wc -l < /tmp/writes")?;
    let ways = [
        ("virtfn apply", "virtfn apply -f /tmp/policy.yaml"),
        ("bare writes", "lab-guest bare-writes /tmp/writes"),
        ("shell script", "sh /tmp/script"),
        (".link files", "sh /tmp/systemd"),
    ];
    let mut times = ways.map(|_| Vec::new());
    let mut counts = Vec::new();
    for round in 0..=ROUNDS {
        for ((name, command), times) in ways.iter().zip(&mut times) {
            run(&machine, CLEAN)?;
            if *name == ".link files" {
                run(&machine, &format!("cp -r /tmp/links {LINKS}"))?;
            }
            let way = if round == 0 {
                // The first one, which warms the caches, is the one that is counted.
                format!("strace -f -qq -o /tmp/trace -- {command} > /dev/null 2>&1")
            } else {
                format!("lab-guest timed -- {command}")
            };
            let told = run(&machine, &way)?;
            if round == 0 {
                counts.push(count(&machine)?);
            } else {
                let micros: f64 = told.trim().parse().with_context(|| format!("told {told:?}"))?;
                times.push(micros);
            }
            let vfs = run(&machine, "ls -d /sys/bus/pci/devices/*/virtfn* | wc -l")?;
            ensure!(vfs.trim() == "14", "{name} made {} VFs", vfs.trim());
            let held = run(&machine, "ls -d /sys/bus/pci/drivers/vfio-pci/0000:* | wc -l")?;
            ensure!(held.trim() == "4", "{name} gave {} VFs to vfio-pci", held.trim());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    for (((name, _), median), (calls, processes)) in ways.iter().zip(medians).zip(counts) {
        println!(
            "14 VFs        {name:12} {:7.1} ms, {:5.2} times the bare {} writes; \
             {calls:6} system calls, {processes:4} processes",
            median / 1e3,
            median / medians[1],
            writes.trim()
        );
    }
    Ok(())
}

fn prepare(machine: &Machine) -> Result<()> {
    run(
        machine,
        "until systemctl is-active --quiet multi-user.target; do sleep 0.2; done; udevadm settle",
    )?;
    let script = SCRIPT.replace("$TO_VFIO", TO_VFIO);
    let systemd = SYSTEMD.replace("$TO_VFIO", TO_VFIO);
    for (path, text) in [("policy.yaml", POLICY), ("script", &script), ("systemd", &systemd)] {
        run(machine, &format!("cat > /tmp/{path} <<'END'\n{text}END"))?;
    }
    run(machine, "mkdir /tmp/links")?;
    for (pf, netdev) in ["eth0", "eth1"].into_iter().enumerate() {
        let file = link_file(pf, netdev)?;
        run(machine, &format!("cat > /tmp/links/10-{netdev}.link <<'END'\n{file}END"))?;
    }
    // The module is loaded once, for all of them.
    run(machine, "modprobe vfio-pci && ip link set eth0 up && ip link set eth1 up")?;
    run(machine, "lab-guest note-writes /tmp/writes -- apply -f /tmp/policy.yaml")?;
    Ok(())
}

/// The policy of one PF as systemd.link(5) has it.
fn link_file(pf: usize, netdev: &str) -> Result<String> {
    let mut text = format!("[Match]\nOriginalName={netdev}\n[Link]\nSR-IOVVirtualFunctions=7\n");
    for vf in 0..7 {
        let more = match (pf, vf) {
            (0, 0) => "VLANId=42\n",
            (0, 4..) => "VLANId=7\n",
            (0, _) => "",
            _ => "Trust=yes\n",
        };
        write!(text, "[SR-IOV]\nVirtualFunction={vf}\nMACAddress=52:54:00:6d:9{pf}:0{vf}\n{more}")?;
    }
    Ok(text)
}

/// How many system calls, of how many processes, the trace has: a line each that is no signal's and
/// no end's.
fn count(machine: &Machine) -> Result<(usize, usize)> {
    let number = |line: &str| -> Result<usize> {
        let told = run(machine, line)?;
        told.trim().parse().with_context(|| format!("{line} told {told:?}"))
    };
    let calls = number("grep -c -v 'resumed>\\|--- SIG\\|+++' /tmp/trace")?;
    let processes = number("cut -d ' ' -f 1 /tmp/trace | sort -u | wc -l")?;
    Ok((calls, processes))
}

fn run(machine: &Machine, line: &str) -> Result<String> {
    let finished = machine.run_line(line, LIMIT)?;
    let told = String::from_utf8_lossy(&finished.stderr);
    let status = finished.ending.status();
    ensure!(status == 0, "{line}: status {status}: {told}");
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

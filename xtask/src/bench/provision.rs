//! How long it takes to make the given machine from its policy file: virtfn, one process that makes
//! the same writes and nothing else, and a shell script, in turn in one guest.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use virtfn_lab::image::Image;
use virtfn_lab::{Boot, Machine, Topology};

use crate::build;

/// Runs of each, in turn; the median counts.
const ROUNDS: usize = 10;
const LIMIT: Duration = Duration::from_secs(60);

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
for vf in 0000:0b:10.0 0000:0b:11.0 0000:0b:11.2 0000:0b:11.4; do
  echo vfio-pci > $vf/driver_override
done
for pf in 0000:0b:00.0 0000:0b:00.1; do
  echo 1 > $pf/sriov_drivers_autoprobe
  for vf in $pf/virtfn*; do basename $(readlink $vf) > /sys/bus/pci/drivers_probe; done
done
"#;

const CLEAN: &str =
    "virtfn destroy 0b:00.0 --force > /dev/null; virtfn destroy 0b:00.1 --force > /dev/null";

/// Prints the medians and their ratios.
///
/// # Errors
/// When the machine does not boot, or one of the three does not make the VFs.
pub(super) fn print() -> Result<()> {
    let topology = Topology::find("seed")?;
    let kernel = topology.usual_kernel().to_owned();
    let binaries = build::for_the_lab(None)?;
    let machine = Machine::boot(&Boot { topology, kernel, image: Image::Small, binaries })?;
    run(&machine, &format!("cat > /tmp/policy.yaml <<'END'\n{POLICY}END"))?;
    run(&machine, &format!("cat > /tmp/script <<'END'\n{SCRIPT}END"))?;
    // The module is loaded once, for all of them.
    run(&machine, "modprobe vfio-pci && ip link set eth0 up && ip link set eth1 up")?;
    run(&machine, "lab-guest note-writes /tmp/writes -- apply -f /tmp/policy.yaml")?;
    let writes = run(&machine, "wc -l < /tmp/writes")?;
    let ways = [
        ("virtfn apply", "virtfn apply -f /tmp/policy.yaml"),
        ("bare writes", "lab-guest bare-writes /tmp/writes"),
        ("shell script", "sh /tmp/script"),
    ];
    let mut times = ways.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, command), times) in ways.iter().zip(&mut times) {
            run(&machine, CLEAN)?;
            let told = run(&machine, &format!("lab-guest timed -- {command}"))?;
            let micros: f64 = told.trim().parse().with_context(|| format!("told {told:?}"))?;
            times.push(micros);
            let vfs = run(&machine, "ls -d /sys/bus/pci/devices/*/virtfn* | wc -l")?;
            ensure!(vfs.trim() == "14", "{command} made {} VFs", vfs.trim());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    for ((name, _), median) in ways.iter().zip(medians) {
        println!(
            "14 VFs        {name:12} {:7.1} ms: {:.2} times the bare {} writes",
            median / 1e3,
            median / medians[1],
            writes.trim()
        );
    }
    Ok(())
}

fn run(machine: &Machine, line: &str) -> Result<String> {
    let finished = machine.run_line(line, LIMIT)?;
    let told = String::from_utf8_lossy(&finished.stderr);
    let status = finished.ending.status();
    ensure!(status == 0, "{line}: status {status}: {told}");
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

use super::*;

fn read(line: &str) -> Vec<VfioArg> {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    read_qemu_args(&words)
}

fn given() -> QemuDevice {
    QemuDevice::new("0000:0b:10.0".parse().unwrap())
}

#[test]
fn what_is_written_is_read_back() {
    let named = QemuDevice {
        id: Some("net,0".into()),
        bus: Some("rp0".into()),
        failover_pair: Some("ua-0".into()),
        ..given()
    };
    let args = qemu_args(&[given(), named.clone()]);
    assert_eq!(
        args,
        [
            "-device",
            "vfio-pci,host=0000:0b:10.0",
            "-device",
            "vfio-pci,host=0000:0b:10.0,id=net,,0,bus=rp0,failover_pair_id=ua-0"
        ]
    );
    assert_eq!(read_qemu_args(&args), [VfioArg::Vfio(given()), VfioArg::Vfio(named.clone())]);
    let json = ["-device".to_owned(), named.json().to_string()];
    assert_eq!(read_qemu_args(&json), [VfioArg::Vfio(named)]);
}

#[test]
fn every_way_to_name_a_function_is_read() {
    for line in [
        "qemu-system-x86_64 -m 4G -device vfio-pci,host=0000:0b:10.0 -nographic",
        "--device vfio-pci,host=0b:10.0",
        "-device vfio-pci,host=b:10.0",
        "-device driver=vfio-pci,host=0:0b:10.0",
        "-device host=0b:10.0,driver=vfio-pci",
        "-device vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:0b:10.0/",
        "-device vfio-pci-nohotplug,sysfsdev=/sys/devices/pci0000:00/0000:0b:10.0",
        "-device {\"driver\":\"vfio-pci\",\"host\":\"0000:0b:10.0\"}",
    ] {
        let [VfioArg::Vfio(device)] = &read(line)[..] else { panic!("{line}: {:?}", read(line)) };
        assert_eq!(device.host, given().host, "{line}");
    }
}

#[test]
fn what_gives_no_function_of_the_host_is_left_out() {
    for line in [
        "-device virtio-net-pci,host=0b:10.0",
        "-device vfio-pci,fd=7",
        "-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/0d7f4b1c-0000-4000-8000-000000000001",
        "-device vfio-pci,host=nonsense",
        "-device vfio-pci,host=-1:-1.-1",
        "-device {\"driver\":",
        "-device",
        "-append -device",
        "vfio-pci,host=0b:10.0",
        "",
    ] {
        assert_eq!(read(line), [], "{line}");
    }
}

#[test]
fn what_is_retired_is_known_with_what_to_write() {
    for (line, instead) in [
        ("-device pci-assign,host=0b:10.0", "-device vfio-pci,host=0000:0b:10.0"),
        ("-device kvm-pci-assign,host=0b:10.0,id=n0", "-device vfio-pci,host=0000:0b:10.0,id=n0"),
        ("-pcidevice host=0b:10.0,dma=none,name=n0", "-device vfio-pci,host=0000:0b:10.0,id=n0"),
        ("-device pci-assign", "-device vfio-pci,host=DDDD:BB:DD.F"),
    ] {
        let [VfioArg::Retired(retired)] = &read(line)[..] else { panic!("{line}") };
        assert_eq!((retired.instead.as_str(), retired.written.as_str()), (instead, line));
        assert!(retired.why().contains("Linux 4.12"));
    }
}

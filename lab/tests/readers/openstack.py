"""What nova's and neutron's own code makes of the files that virtfn exports, for lab/tests/readers.rs.

One argument, a JSON document: the texts of both files, the addresses of interfaces, and VFs with
their PFs. One document is printed: what nova knows of each VF, and neutron's mappings.
"""

import json
import sys
import tempfile

import setuptools  # noqa: F401 - it brings the distutils that oslo imports

import nova.conf
from nova.pci import utils, whitelist
from neutron.plugins.ml2.drivers.mech_sriov.agent import sriov_nic_agent

question = json.loads(sys.argv[1])
# The machine is another one: its interfaces are not to be found here. All are PFs.
utils.get_function_by_ifname = lambda name: (question["interfaces"].get(name), True)

files = []
for program in ("nova", "neutron"):
    file = tempfile.NamedTemporaryFile("w", suffix=".conf")
    file.write(question[program])
    file.flush()
    files.append(file)
conf = nova.conf.CONF
conf([], default_config_files=[file.name for file in files])

specs = whitelist.Whitelist(conf.pci.device_spec)
devices = []
for address, parent in question["devices"]:
    device = {"address": address, "parent_addr": parent, "vendor_id": "8086", "product_id": "10ca"}
    devices.append(next((spec.get_tags() for spec in specs.specs if spec.match(device)), {}))

agent = sriov_nic_agent.SriovNicAgentConfigParser()
agent.parse()
print(json.dumps({"devices": devices, "mappings": agent.device_mappings}))

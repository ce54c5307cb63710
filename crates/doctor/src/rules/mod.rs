//! The rules, causes before what follows from them.

pub use vfs_from_module_option::traces as module_option_traces;

use crate::rule::Rule;

mod acs_missing_on_path;
mod ats_past_iommu;
mod autoprobe_left_off;
mod bifurcated_on_vfio;
mod bus_autoprobe_off;
mod cpu_not_prepared;
mod device_lock_held;
mod device_not_translated;
mod device_release_blocked;
mod direct_map_refused;
mod dma_entries_limited;
mod dma_strict;
mod driver_limits_vfs;
mod driver_out_of_tree;
mod eswitch_change_refused;
mod group_not_viable;
mod high_memory_reserved;
mod host_manages_vf;
mod hugepages_none;
mod ib_guid_missing;
mod interrupt_remapping_off;
mod iommu_absent_in_firmware;
mod iommu_faults;
mod iommu_firmware_bug;
mod iommu_off_in_kernel;
mod iommu_table_damaged;
mod iova_width_39_bit;
mod known_bad_kernel;
mod legacy_setting_in_switchdev;
mod libvirt_left_settings;
mod link_file_before_pf_up;
mod link_file_not_effective;
mod link_slower_than_it_could;
mod lockdown;
mod making_vfs_refused;
mod many_vfs_probed;
mod memlock_exceeded;
mod memlock_too_small;
mod migration_driver_missing;
mod mmio_window_too_small;
mod new_id_pollution;
mod no_bus_numbers_for_vfs;
mod no_flr;
mod numa_node_unknown;
mod owner_resets_on_down;
mod pf_cannot_make_vfs;
mod pf_carries_default_route;
mod pf_driver_missing;
mod pf_on_bridge;
mod pf_powered_down;
mod rates_oversubscribed;
mod reserved_region_direct;
mod reset_failed;
mod spoofchk_off;
mod sriov_missing;
mod sriov_section_empty;
mod two_owners;
mod uio_for_vf;
mod unsafe_noiommu;
mod vf_back_from_namespace;
mod vf_driver_missing;
mod vf_driver_override_stale;
mod vf_driver_without_pf;
mod vf_few_vectors;
mod vf_fewer_than_asked;
mod vf_in_two_domains;
mod vf_lag_not_active;
mod vf_link_disabled;
mod vf_list_truncated;
mod vf_mac_duplicate;
mod vf_mac_not_in_use;
mod vf_mac_random;
mod vf_mtu_above_pf;
mod vf_name_not_kept;
mod vf_on_bridge;
mod vf_pf_link_down;
mod vf_refused_by_pf;
mod vf_token_refused;
mod vf_without_driver;
mod vfio_denylisted;
mod vfio_ids_capture_vfs;
mod vfio_missing;
mod vfio_node_not_permitted;
mod vfio_pf_sriov_off;
mod vfio_refused_pf;
mod vfs_from_module_option;
mod vfs_made_late;
mod vfs_not_kept;
mod vlan_tagged_twice;
mod wrong_iommu_flags;
mod x2apic_opt_out;

/// Every rule. A rule stands behind those that it follows.
pub const RULES: &[Rule] = &[
    iommu_absent_in_firmware::RULE,
    iommu_table_damaged::RULE,
    iommu_off_in_kernel::RULE,
    wrong_iommu_flags::RULE,
    interrupt_remapping_off::RULE,
    vfio_missing::RULE,
    sriov_missing::RULE,
    pf_driver_missing::RULE,
    pf_cannot_make_vfs::RULE,
    mmio_window_too_small::RULE,
    no_bus_numbers_for_vfs::RULE,
    driver_limits_vfs::RULE,
    vf_driver_missing::RULE,
    vfs_from_module_option::RULE,
    two_owners::RULE,
    vfs_not_kept::RULE,
    owner_resets_on_down::RULE,
    sriov_section_empty::RULE,
    vfs_made_late::RULE,
    link_file_before_pf_up::RULE,
    link_file_not_effective::RULE,
    making_vfs_refused::RULE,
    device_not_translated::RULE,
    device_lock_held::RULE,
    acs_missing_on_path::RULE,
    group_not_viable::RULE,
    vf_driver_override_stale::RULE,
    vf_in_two_domains::RULE,
    vf_pf_link_down::RULE,
    vf_list_truncated::RULE,
    vf_refused_by_pf::RULE,
    vf_mac_random::RULE,
    vf_mac_duplicate::RULE,
    vf_mac_not_in_use::RULE,
    vf_link_disabled::RULE,
    spoofchk_off::RULE,
    vf_mtu_above_pf::RULE,
    vlan_tagged_twice::RULE,
    rates_oversubscribed::RULE,
    vf_on_bridge::RULE,
    pf_on_bridge::RULE,
    vf_lag_not_active::RULE,
    ib_guid_missing::RULE,
    vf_name_not_kept::RULE,
    vf_back_from_namespace::RULE,
    host_manages_vf::RULE,
    libvirt_left_settings::RULE,
    many_vfs_probed::RULE,
    vf_few_vectors::RULE,
    vf_driver_without_pf::RULE,
    eswitch_change_refused::RULE,
    legacy_setting_in_switchdev::RULE,
    iommu_firmware_bug::RULE,
    x2apic_opt_out::RULE,
    lockdown::RULE,
    known_bad_kernel::RULE,
    bus_autoprobe_off::RULE,
    unsafe_noiommu::RULE,
    iova_width_39_bit::RULE,
    high_memory_reserved::RULE,
    dma_strict::RULE,
    dma_entries_limited::RULE,
    memlock_too_small::RULE,
    memlock_exceeded::RULE,
    direct_map_refused::RULE,
    iommu_faults::RULE,
    reset_failed::RULE,
    device_release_blocked::RULE,
    vf_fewer_than_asked::RULE,
    vfio_refused_pf::RULE,
    vf_token_refused::RULE,
    hugepages_none::RULE,
    cpu_not_prepared::RULE,
    vfio_pf_sriov_off::RULE,
    pf_carries_default_route::RULE,
    pf_powered_down::RULE,
    numa_node_unknown::RULE,
    link_slower_than_it_could::RULE,
    autoprobe_left_off::RULE,
    vfio_ids_capture_vfs::RULE,
    new_id_pollution::RULE,
    driver_out_of_tree::RULE,
    migration_driver_missing::RULE,
    vf_without_driver::RULE,
    uio_for_vf::RULE,
    reserved_region_direct::RULE,
    no_flr::RULE,
    vfio_denylisted::RULE,
    bifurcated_on_vfio::RULE,
    ats_past_iommu::RULE,
    vfio_node_not_permitted::RULE,
];

//! The rules, causes before what follows from them.

pub use vfs_from_module_option::traces as module_option_traces;

use crate::rule::Rule;

mod acs_missing_on_path;
mod device_not_translated;
mod group_not_viable;
mod interrupt_remapping_off;
mod iommu_absent_in_firmware;
mod iommu_off_in_kernel;
mod iommu_table_damaged;
mod link_file_before_pf_up;
mod owner_resets_on_down;
mod pf_driver_missing;
mod spoofchk_off;
mod sriov_missing;
mod sriov_section_empty;
mod two_owners;
mod vf_driver_missing;
mod vf_driver_override_stale;
mod vf_in_two_domains;
mod vf_link_disabled;
mod vf_list_truncated;
mod vf_mac_duplicate;
mod vf_mac_not_in_use;
mod vf_mac_random;
mod vf_mtu_above_pf;
mod vf_pf_link_down;
mod vf_refused_by_pf;
mod vfio_missing;
mod vfs_from_module_option;
mod vfs_made_late;
mod vfs_not_kept;
mod wrong_iommu_flags;

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
    vf_driver_missing::RULE,
    vfs_from_module_option::RULE,
    two_owners::RULE,
    vfs_not_kept::RULE,
    owner_resets_on_down::RULE,
    sriov_section_empty::RULE,
    vfs_made_late::RULE,
    link_file_before_pf_up::RULE,
    device_not_translated::RULE,
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
];

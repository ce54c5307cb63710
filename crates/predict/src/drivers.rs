//! What the drivers of known cards give their VFs, as data.
//!
//! Taken from the drivers in Linux 6.12, below `drivers/net/ethernet/`; each row names its place.

use virtfn_host::Function;

/// What a driver gives its VFs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name below `/sys/bus/pci/drivers`.
    pub driver: &'static str,
    /// VFs a PF has at most by the driver's own word; `None`: as many as card and firmware give.
    pub most_vfs: Option<u16>,
    /// Pairs of queues that a VF has at most, where the driver fixes them.
    pub queues: Option<u16>,
    /// MAC addresses that a VF has.
    pub filters: Filters,
    /// What it is like while the PF's interface is down.
    pub down: Down,
    /// Whether it makes no VFs unless it works with MSI-X.
    pub needs_msix: bool,
    /// Whether it sets a VF's link (`ndo_set_vf_link_state`): the kernel tells a state of every VF,
    /// set or not.
    pub sets_link: bool,
}

/// How many MAC addresses a VF can filter for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// The driver names no number.
    Unnamed,
    /// This many, unless it is trusted.
    Each(u16),
    /// One of its own. The card has this many in all: less those of the PF and one a VF, the rest
    /// is shared among the VFs, first come, first served.
    Shared {
        /// The card's filters.
        card: u16,
        /// Those that are the PF's.
        pf: u16,
    },
}

/// What a driver does while its PF's interface is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Makes VFs, which have no link until it is up.
    VfsWithoutLink,
    /// Takes the order, makes no VF and says so in the log alone.
    MakesNone,
    /// Has no interface, or its VFs do not depend on it.
    DoesNotMatter,
}

const TABLE: &[Known] = &[
    // intel/igb/igb_main.c: igb_probe_vfs and igb_sriov_reinit allow 7 of the 8 pools, one is the
    // PF's; igb_enable_sriov asks for MSI-X; igb_get_max_rss_queues leaves 2 queues a pool on the
    // 82576; E1000_RAR_ENTRIES_82576, IGB_PF_MAC_FILTERS_RESERVED.
    Known {
        driver: "igb",
        most_vfs: Some(7),
        queues: Some(2),
        filters: Filters::Shared { card: 24, pf: 4 },
        down: Down::VfsWithoutLink,
        needs_msix: true,
        sets_link: false,
    },
    // intel/ixgbe/ixgbe_sriov.h: IXGBE_MAX_VFS_DRV_LIMIT (31 and 15 with traffic classes);
    // ixgbe_sriov.c: ixgbe_alloc_vf_macvlans with IXGBE_MAX_PF_MACVLANS and 128 address registers.
    Known {
        driver: "ixgbe",
        most_vfs: Some(63),
        queues: Some(4),
        filters: Filters::Shared { card: 128, pf: 16 },
        down: Down::VfsWithoutLink,
        needs_msix: false,
        sets_link: true,
    },
    // intel/i40e/i40e_virtchnl_pf.c: I40E_VC_MAX_MAC_ADDR_PER_VF; i40e.h: I40E_MAX_VF_QUEUES.
    Known {
        driver: "i40e",
        most_vfs: None,
        queues: Some(16),
        filters: Filters::Each(18),
        down: Down::VfsWithoutLink,
        needs_msix: false,
        sets_link: true,
    },
    // intel/ice/ice_sriov.h: ICE_MAX_VF_COUNT, ICE_MAX_RSS_QS_PER_VF; ice_virtchnl.h:
    // ICE_MAX_MACADDR_PER_VF.
    Known {
        driver: "ice",
        most_vfs: Some(256),
        queues: Some(16),
        filters: Filters::Each(18),
        down: Down::VfsWithoutLink,
        needs_msix: false,
        sets_link: true,
    },
    // mellanox/mlx5/core/sriov.c: mlx5_core_sriov_set_vfs takes the firmware's NUM_OF_VFS.
    Known {
        driver: "mlx5_core",
        most_vfs: None,
        queues: None,
        filters: Filters::Unnamed,
        down: Down::DoesNotMatter,
        needs_msix: false,
        sets_link: true,
    },
    // broadcom/bnxt/bnxt_sriov.c: bnxt_sriov_configure gives 0 while !netif_running.
    Known {
        driver: "bnxt_en",
        most_vfs: None,
        queues: None,
        filters: Filters::Unnamed,
        down: Down::MakesNone,
        needs_msix: false,
        sets_link: true,
    },
];

/// What is known of a function's driver.
#[must_use]
pub fn known(function: &Function) -> Option<&'static Known> {
    let name = function.driver.as_deref()?;
    TABLE.iter().find(|known| known.driver == name)
}

impl Known {
    /// What each of `vfs` VFs has, in words: `2 pairs of queues, 1 MAC address and 13 more shared by
    /// all`. Empty where nothing is known.
    #[must_use]
    pub fn share(&self, vfs: u16) -> String {
        let queues = self.queues.map(|queues| format!("up to {queues} pairs of queues"));
        let filters = match self.filters {
            Filters::Unnamed => None,
            Filters::Each(count) => Some(format!("{count} MAC addresses unless trusted")),
            Filters::Shared { card, pf } => {
                let left = card.saturating_sub(pf).saturating_sub(vfs);
                Some(format!("1 MAC address, {left} more shared by all"))
            }
        };
        queues.into_iter().chain(filters).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_stands_once_in_the_table() {
        for (at, known) in TABLE.iter().enumerate() {
            assert!(TABLE[at + 1..].iter().all(|other| other.driver != known.driver));
        }
    }

    #[test]
    fn the_82576_shares_its_filters() {
        let igb = TABLE.iter().find(|known| known.driver == "igb").unwrap();
        assert_eq!(igb.share(7), "up to 2 pairs of queues, 1 MAC address, 13 more shared by all");
        assert!(igb.share(u16::MAX).contains("0 more"));
    }
}

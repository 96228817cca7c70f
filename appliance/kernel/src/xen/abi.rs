//! Numbers and offsets of Xen's public interface, as its headers name them
//! (`xen/include/public`): hypercalls, the memory operations that a PVH guest
//! needs, shared info, ring pages.

/// Hypercall numbers (`xen.h`).
pub mod hypercall {
    /// `memory_op`: maps Xen's own frames into the guest.
    pub const MEMORY_OP: u32 = 12;
    /// `set_timer_op`: the one-shot timer.
    pub const SET_TIMER_OP: u32 = 15;
    /// `sched_op`: shut down.
    pub const SCHED_OP: u32 = 29;
    /// `event_channel_op`.
    pub const EVENT_CHANNEL_OP: u32 = 32;
    /// `hvm_op`: parameters of an HVM or PVH domain.
    pub const HVM_OP: u32 = 34;
}

/// `CPUID` leaves of the hypervisor (`arch-x86/cpuid.h`).
pub mod cpuid {
    /// The first leaf where a hypervisor may say its name.
    pub const FIRST: u32 = 0x4000_0000;
    /// Leaves are searched in steps of this, up to [`LAST`].
    pub const STEP: u32 = 0x100;
    /// The last leaf where it may be.
    pub const LAST: u32 = 0x4001_0000;
    /// `XenVMMXenVMM` in EBX, ECX and EDX.
    pub const SIGNATURE: [u32; 3] = [0x566e_6558, 0x6558_4d4d, 0x4d4d_566e];
}

/// Suboperations and structures of `memory_op` (`memory.h`).
pub mod memory {
    /// `XENMEM_add_to_physmap`.
    pub const ADD_TO_PHYSMAP: u64 = 7;
    /// `XENMAPSPACE_shared_info`.
    pub const SPACE_SHARED_INFO: u32 = 0;
    /// `XENMAPSPACE_grant_table`.
    pub const SPACE_GRANT_TABLE: u32 = 1;
    /// `DOMID_SELF` (`xen.h`).
    pub const DOMID_SELF: u16 = 0x7ff0;

    /// `struct xen_add_to_physmap`.
    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    pub struct AddToPhysmap {
        /// Whose memory: [`DOMID_SELF`].
        pub domain: u16,
        /// Unused here.
        pub size: u16,
        /// Which of Xen's frames.
        pub space: u32,
        /// The frame's number in that space.
        pub index: u64,
        /// The guest's frame where it shall be.
        pub frame: u64,
    }
}

/// `event_channel_op` (`event_channel.h`).
pub mod event_channel {
    /// `EVTCHNOP_bind_virq`.
    pub const BIND_VIRQ: u64 = 1;
    /// `VIRQ_TIMER` (`xen.h`): the one-shot timer has run out.
    pub const VIRQ_TIMER: u32 = 0;
    /// `EVTCHNOP_close`.
    pub const CLOSE: u64 = 3;
    /// `EVTCHNOP_send`.
    pub const SEND: u64 = 4;
    /// `EVTCHNOP_alloc_unbound`.
    pub const ALLOC_UNBOUND: u64 = 6;

    /// `struct evtchn_alloc_unbound`.
    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    pub struct AllocUnbound {
        /// `DOMID_SELF`.
        pub domain: u16,
        /// Who may bind to it.
        pub remote: u16,
        /// Answer: the new port.
        pub port: u32,
    }

    /// `struct evtchn_bind_virq`.
    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    pub struct BindVirq {
        /// Which event of Xen's own.
        pub virq: u32,
        /// Which processor it is for.
        pub vcpu: u32,
        /// Answer: the new port.
        pub port: u32,
    }
}

/// `hvm_op` (`hvm/hvm_op.h`, `hvm/params.h`).
pub mod hvm {
    /// `HVMOP_set_param`.
    pub const SET_PARAM: u64 = 0;
    /// `HVMOP_get_param`.
    pub const GET_PARAM: u64 = 1;
    /// `HVM_PARAM_CALLBACK_IRQ`: how events interrupt.
    pub const CALLBACK_IRQ: u32 = 0;
    /// Its kind, in the uppermost byte: a vector of the processor's, which is
    /// delivered as it is, past any interrupt controller
    /// (`HVM_PARAM_CALLBACK_TYPE_VECTOR`).
    pub const CALLBACK_VECTOR: u64 = 2 << 56;
    /// `HVM_PARAM_STORE_PFN`.
    pub const STORE_PFN: u32 = 1;
    /// `HVM_PARAM_STORE_EVTCHN`.
    pub const STORE_EVTCHN: u32 = 2;
    /// `HVM_PARAM_CONSOLE_PFN`.
    pub const CONSOLE_PFN: u32 = 17;
    /// `HVM_PARAM_CONSOLE_EVTCHN`.
    pub const CONSOLE_EVTCHN: u32 = 18;

    /// `struct xen_hvm_param`.
    #[repr(C)]
    #[derive(Debug, Clone, Copy)]
    pub struct Param {
        /// `DOMID_SELF`.
        pub domain: u16,
        /// Unused.
        pub pad: u16,
        /// Which one.
        pub index: u32,
        /// Its value: given, or the answer.
        pub value: u64,
    }
}

/// `sched_op` (`sched.h`).
pub mod sched {
    /// `SCHEDOP_shutdown`.
    pub const SHUTDOWN: u64 = 2;
    /// `SHUTDOWN_poweroff`: the tool stack does what `on_poweroff` says.
    pub const POWEROFF: u32 = 0;
    /// `SHUTDOWN_reboot`: what `on_reboot` says.
    pub const REBOOT: u32 = 1;
    /// `SHUTDOWN_crash`: what `on_crash` says.
    pub const CRASH: u32 = 3;
}

/// Byte offsets in `struct shared_info` of a 64-bit guest (`xen.h`,
/// `arch-x86/xen.h`).
pub mod shared_info {
    /// `vcpu_info[0].evtchn_upcall_pending`, one byte.
    pub const UPCALL_PENDING: usize = 0;
    /// `vcpu_info[0].evtchn_pending_sel`, 64 bits.
    pub const PENDING_SEL: usize = 8;
    /// `vcpu_info[0].time`: `struct vcpu_time_info`.
    pub const TIME: usize = 32;
    /// `evtchn_pending[64]`, 64 bits each.
    pub const PENDING: usize = 2048;
    /// Words of it, and of the mask.
    pub const WORDS: usize = 64;
    /// `evtchn_mask[64]`, 64 bits each.
    pub const MASK: usize = 2560;
    /// `wc_version`, `wc_sec`, `wc_nsec`, and `wc_sec_hi`, 32 bits each.
    pub const WALL_CLOCK: usize = 3072;
}

/// `struct xencons_interface` (`io/console.h`).
pub mod console {
    /// `out[2048]`, behind `in[1024]`.
    pub const OUT: usize = 1024;
    /// Bytes of `out`.
    pub const OUT_BYTES: u32 = 2048;
    /// `in_cons`.
    pub const IN_CONS: usize = 3072;
    /// `in_prod`.
    pub const IN_PROD: usize = 3076;
    /// `out_cons`.
    pub const OUT_CONS: usize = 3080;
    /// `out_prod`.
    pub const OUT_PROD: usize = 3084;
}

/// `struct xenstore_domain_interface` and message types (`io/xs_wire.h`).
pub mod store {
    /// `req[1024]`: our messages.
    pub const REQ: usize = 0;
    /// `rsp[1024]`: answers and watch events.
    pub const RSP: usize = 1024;
    /// Bytes of each.
    pub const RING_BYTES: u32 = 1024;
    /// `req_cons`.
    pub const REQ_CONS: usize = 2048;
    /// `req_prod`.
    pub const REQ_PROD: usize = 2052;
    /// `rsp_cons`.
    pub const RSP_CONS: usize = 2056;
    /// `rsp_prod`.
    pub const RSP_PROD: usize = 2060;
    /// `XENSTORE_PAYLOAD_MAX`.
    pub const PAYLOAD_MAX: u32 = 4096;

    /// `XS_DIRECTORY`.
    pub const DIRECTORY: u32 = 1;
    /// `XS_READ`.
    pub const READ: u32 = 2;
    /// `XS_WATCH`.
    pub const WATCH: u32 = 4;
    /// `XS_UNWATCH`.
    pub const UNWATCH: u32 = 5;
    /// `XS_TRANSACTION_START`.
    pub const TRANSACTION_START: u32 = 6;
    /// `XS_TRANSACTION_END`.
    pub const TRANSACTION_END: u32 = 7;
    /// `XS_WRITE`.
    pub const WRITE: u32 = 11;
    /// `XS_WATCH_EVENT`.
    pub const WATCH_EVENT: u32 = 15;
    /// `XS_ERROR`.
    pub const ERROR: u32 = 16;
}

/// States of a device on XenBus (`io/xenbus.h`).
pub mod xenbus {
    /// `XenbusStateInitialising`.
    pub const INITIALISING: u8 = 1;
    /// `XenbusStateInitWait`: the backend waits for the frontend's rings.
    pub const INIT_WAIT: u8 = 2;
    /// `XenbusStateInitialised`.
    pub const INITIALISED: u8 = 3;
    /// `XenbusStateConnected`.
    pub const CONNECTED: u8 = 4;
    /// `XenbusStateClosing`.
    pub const CLOSING: u8 = 5;
    /// `XenbusStateClosed`.
    pub const CLOSED: u8 = 6;
}

/// Grant table entries, version 1 (`grant_table.h`).
pub mod grant {
    /// `GTF_permit_access`.
    pub const PERMIT_ACCESS: u16 = 1;
    /// `GTF_readonly`.
    pub const READONLY: u16 = 1 << 2;
    /// `GTF_reading` and `GTF_writing`: mapped at this moment.
    pub const IN_USE: u16 = 1 << 3 | 1 << 4;
    /// `GNTTAB_NR_RESERVED_ENTRIES`: the tool stack's own.
    pub const RESERVED: u32 = 8;
}

/// Ring pages (`io/ring.h`), byte offsets.
pub mod ring {
    /// `req_prod`.
    pub const REQ_PROD: usize = 0;
    /// `req_event`.
    pub const REQ_EVENT: usize = 4;
    /// `rsp_prod`.
    pub const RSP_PROD: usize = 8;
    /// `rsp_event`.
    pub const RSP_EVENT: usize = 12;
    /// The first entry.
    pub const ENTRIES: usize = 64;
}

/// Network packets (`io/netif.h`).
pub mod netif {
    /// `NETTXF_csum_blank`: the checksum is to be completed.
    pub const TX_CSUM_BLANK: u16 = 1;
    /// `NETTXF_data_validated`: nobody need check it.
    pub const TX_DATA_VALIDATED: u16 = 2;
    /// `NETTXF_more_data`: the next request continues the packet.
    pub const TX_MORE_DATA: u16 = 4;
    /// `NETRXF_data_validated`: the checksum was right.
    pub const RX_DATA_VALIDATED: u16 = 1;
    /// `NETRXF_csum_blank`: the checksum is not there; it never was on a wire.
    pub const RX_CSUM_BLANK: u16 = 2;
    /// `NETRXF_more_data`: the next response continues the packet.
    pub const RX_MORE_DATA: u16 = 4;
    /// `NETRXF_extra_info`: the next response is no data.
    pub const RX_EXTRA_INFO: u16 = 8;
    /// `XEN_NETIF_EXTRA_FLAG_MORE`, in the second byte of an extra response.
    pub const EXTRA_MORE: u8 = 1;
}

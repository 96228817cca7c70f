//! From PVH's 32-bit entry to Rust: page tables, long mode, SSE, a stack.
//!
//! A monitor enters at the address in the ELF note of owner `Xen` and type 18
//! (`XEN_ELFNOTE_PHYS32_ENTRY`): 32-bit protected mode, paging off, interrupts
//! off, `ebx` holding the address of the start info
//! (<https://xenbits.xen.org/docs/unstable/misc/pvh.html>). That is the unpacker's
//! in most images ([`super::unpack`]), which then goes on here.
//!
//! The page tables that are made here map the first 4 GiB to themselves in
//! pages of 2 MB, writable, and executable in the first of them only; 1 GiB
//! would miss the local APIC. [`super::paging`] then refines them.

use core::arch::global_asm;

/// The stack's bytes. The deepest path, a request under TCP, needs a fraction.
pub const STACK_BYTES: usize = 64 * 1024;

global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long pvh_start

    .section .bss.stack, "aw", @nobits
    .balign 4096
    .skip {stack_bytes}
stack_top:

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl page_directories, page_directory_pointers, page_map
page_map:
    .skip 4096
page_directory_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096

    .section .rodata.boot, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
boot_gdt_pointer:
    .short 3 * 8 - 1
    .long boot_gdt

    .section .text.boot, "ax", @progbits
    .code32
    .globl pvh_start, unpacked_start
pvh_start:
    cli
    cld
    # What the machine had counted when it came to us.
    rdtsc
    mov esi, eax
    mov ebp, edx
    # A kernel that was packed comes to itself here.
unpacked_start:

    # Page directories: entry i maps 2 MB at i × 2 MB: present, writable, large;
    # no execution but in the first.
    mov edi, offset page_directories
    mov eax, 0x83
2:  mov [edi], eax
    mov dword ptr [edi + 4], 0x80000000
    add edi, 8
    add eax, 0x200000
    jnc 2b
    mov dword ptr [page_directories + 4], 0

    mov eax, offset page_directories + 3
    mov edi, offset page_directory_pointers
    mov ecx, 4
3:  mov [edi], eax
    add edi, 8
    add eax, 4096
    dec ecx
    jnz 3b
    mov dword ptr [page_map], offset page_directory_pointers + 3

    # CR4: PAE, and SSE with its exceptions (OSFXSR, OSXMMEXCPT).
    mov eax, cr4
    or eax, 0x620
    mov cr4, eax
    mov eax, offset page_map
    mov cr3, eax
    # EFER: long mode, and pages that are not executable.
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x900
    wrmsr
    # CR0: paging, write protection also for the kernel, MP, NE; no EM, no TS.
    mov eax, cr0
    and eax, 0xfffffff3
    or eax, 0x80010022
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    mov esp, offset stack_top
    push 8
    mov eax, offset long_mode
    push eax
    retf

    .code64
long_mode:
    mov ecx, 16
    mov ds, ecx
    mov es, ecx
    mov ss, ecx
    xor ecx, ecx
    mov fs, ecx
    mov gs, ecx
    lldt cx
    mov esp, offset stack_top
    fninit
    push 0x1f80
    ldmxcsr [rsp]
    pop rcx

    mov edi, ebx
    shl rbp, 32
    or rsi, rbp
    xor ebp, ebp
    call {start}
    ud2
    "#,
    stack_bytes = const STACK_BYTES,
    start = sym crate::start::start,
);

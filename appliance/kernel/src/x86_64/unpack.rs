//! How a packed kernel gets to where it runs.
//!
//! `applgen build` puts kernels into images packed, as Linux's `bzImage` does: the
//! image has the headers at the kernel's address, with all of the kernel's memory
//! theirs, and this unpacker with the packed kernel behind it, in the memory that
//! will be the stack and the rest of `.bss`. A monitor enters the unpacker as it
//! enters a kernel, and so does the unpacker enter the kernel that it has unpacked,
//! at the ELF header's entry: `ebx` holding the start info, and the time stamp
//! counter of the very first instruction in `ebp` and `esi`, its upper half first.
//! By then the packed kernel is gone, and its memory holds zeros again.
//!
//! What is packed is the kernel's memory from the start of its text to the end of
//! its data: calls in the text made alike (`unpack_calls` in `unpack.s` has the
//! rule), then all of it as a DEFLATE stream (RFC 1951).
//!
//! A kernel that is not packed has the unpacker too, and never comes by it.

/// Where the steps have what, in what they work in: bytes from its start.
mod at {
    pub const OUT: usize = 0;
    pub const END: usize = 4;
    pub const KEPT: usize = 8;
    pub const LITERALS: usize = 12;
    pub const DISTANCES: usize = 16;
    pub const LAST: usize = 20;
    pub const SAVED: usize = 24;
    pub const TAKEN: usize = 36;
    pub const PLACE: usize = 40;
    pub const KIND: usize = 44;
    pub const OFFSETS: usize = 64;
    pub const LENGTHS: usize = OFFSETS + 16 * 4;
    pub const LITERAL_TABLE: usize = LENGTHS + 288 + 32;
    pub const DISTANCE_TABLE: usize = LITERAL_TABLE + SORTED + 288 * 2;
    pub const WORK_BYTES: usize = DISTANCE_TABLE + SORTED + 32 * 2;

    /// In a table: the entries, of 4 bytes each, then the symbols, of 2.
    pub const FAST: usize = 16 * 4;
    pub const SORTED: usize = FAST + 4 * (FAST_MASK + 1);

    /// Longer codes are read bit by bit.
    pub const FAST_BITS: usize = 10;
    pub const FAST_MASK: usize = (1 << FAST_BITS) - 1;
}

/// Assembles the steps, with something before and something behind.
macro_rules! assemble {
    ($before:literal, $after:literal $(, $operand:ident = $kind:ident $value:path)*) => {
        core::arch::global_asm!(
            $before,
            include_str!("unpack.s"),
            $after,
            OUT = const at::OUT,
            END = const at::END,
            KEPT = const at::KEPT,
            LITERALS = const at::LITERALS,
            DISTANCES = const at::DISTANCES,
            LAST = const at::LAST,
            SAVED = const at::SAVED,
            TAKEN = const at::TAKEN,
            PLACE = const at::PLACE,
            KIND = const at::KIND,
            OFFSETS = const at::OFFSETS,
            LENGTHS = const at::LENGTHS,
            LITERAL_TABLE = const at::LITERAL_TABLE,
            DISTANCE_TABLE = const at::DISTANCE_TABLE,
            FAST = const at::FAST,
            SORTED = const at::SORTED,
            FAST_BITS = const at::FAST_BITS,
            FAST_MASK = const at::FAST_MASK,
            $($operand = $kind $value,)*
        );
    };
}

#[cfg(feature = "machine")]
assemble!(
    r#"
    .section .bss.unpack, "aw", @nobits
    .balign 4
unpack_work:
    .skip {WORK_BYTES}
    .skip 64
unpack_stack:
unpack_kept:
    .skip 12

    .section .unpack, "ax", @progbits
    .code32
    .globl unpack
unpack:
    cli
    cld
    # What the machine had counted when it came to us.
    rdtsc
    mov [unpack_kept], ebx
    mov [unpack_kept + 4], eax
    mov [unpack_kept + 8], edx
    mov esp, offset unpack_stack
    mov esi, offset unpack_stream
    mov edi, offset __text_start
    mov ebx, offset unpack_work
    call unpack_inflate
    # Zeros where the stream lay, in words, the last begun one too.
    mov edi, esi
    mov ecx, ebp
    shr ecx, 5
    inc ecx
    xor eax, eax
    rep stosd
    mov edi, offset __text_start
    mov ecx, offset __text_end
    sub ecx, edi
    call unpack_calls
    mov ebx, [unpack_kept]
    mov esi, [unpack_kept + 4]
    mov ebp, [unpack_kept + 8]
    mov eax, offset unpacked_start
    jmp eax
    "#,
    ".code64",
    WORK_BYTES = const at::WORK_BYTES
);

#[cfg(test)]
assemble!(
    ".text",
    "
    # (stream, order first; out; work) -> end of out
    .globl unpack_order, applgen_test_inflate
applgen_test_inflate:
    push rbx
    push rbp
    lea rsi, [rdi + 19]
    mov rdi, r8
    mov ebx, edx
    cld
    call unpack_inflate
    mov rax, rdi
    pop rbp
    pop rbx
    ret

    # (text, bytes)
    .globl applgen_test_calls
applgen_test_calls:
    push rbx
    push rbp
    mov ecx, esi
    cld
    call unpack_calls
    pop rbp
    pop rbx
    ret
    "
);

#[cfg(test)]
mod tests;

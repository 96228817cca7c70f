//! `memcpy` and its kin, which compilers call and nobody else defines here.
//!
//! In assembler, because a compiler makes a call to `memcpy` of a loop that
//! copies. Short ones matter most: heads of frames and of answers. From 16 bytes
//! on, whole vectors and a last one that overlaps: as fast as the string
//! instructions on processors, and faster in emulators.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .text.memmove, "ax", @progbits
    .globl memcpy, memmove
memmove:
    # Forwards unless the destination lies inside of the source.
    mov rax, rdi
    mov rcx, rdi
    sub rcx, rsi
    cmp rcx, rdx
    jb 7f
memcpy:
    mov rax, rdi
    cmp rdx, 16
    jb 3f
    movups xmm1, [rsi + rdx - 16]
    lea r8, [rdi + rdx - 16]
2:  movups xmm0, [rsi]
    movups [rdi], xmm0
    add rsi, 16
    add rdi, 16
    cmp rdi, r8
    jb 2b
    movups [r8], xmm1
    ret
    # Under 16 bytes: everything is read before anything is written, so that it
    # does not matter which way the two overlap.
3:  cmp rdx, 8
    jb 4f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
4:  cmp rdx, 4
    jb 5f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
5:  test rdx, rdx
    jz 6f
    mov rcx, rdx
    shr rcx
    movzx r8d, byte ptr [rsi]
    movzx r9d, byte ptr [rsi + rcx]
    movzx r10d, byte ptr [rsi + rdx - 1]
    mov [rdi], r8b
    mov [rdi + rcx], r9b
    mov [rdi + rdx - 1], r10b
6:  ret
    # Backwards.
7:  cmp rdx, 16
    jb 3b
    movups xmm1, [rsi]
8:  movups xmm0, [rsi + rdx - 16]
    movups [rdi + rdx - 16], xmm0
    sub rdx, 16
    cmp rdx, 16
    ja 8b
    movups [rdi], xmm1
    ret

    .section .text.memset, "ax", @progbits
    .globl memset
memset:
    mov r8, rdi
    mov rcx, rdx
    movzx eax, sil
    cmp rcx, 16
    jb 3f
    movd xmm0, eax
    punpcklbw xmm0, xmm0
    pshuflw xmm0, xmm0, 0
    punpcklqdq xmm0, xmm0
    lea r9, [rdi + rcx - 16]
2:  movups [rdi], xmm0
    add rdi, 16
    cmp rdi, r9
    jb 2b
    movups [r9], xmm0
    mov rax, r8
    ret
3:  rep stosb
    mov rax, r8
    ret

    .section .text.memcmp, "ax", @progbits
    .globl memcmp, bcmp
memcmp:
bcmp:
    xor ecx, ecx
    xor eax, eax
2:  cmp rcx, rdx
    je 3f
    movzx eax, byte ptr [rdi + rcx]
    movzx r8d, byte ptr [rsi + rcx]
    inc rcx
    sub eax, r8d
    jz 2b
3:  ret
    "#
);

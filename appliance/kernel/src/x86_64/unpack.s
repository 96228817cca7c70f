# The unpacker's two steps, in registers of 32 bits: the kernel assembles them for
# protected mode before there is paging, the tests for their own process. So
# nothing is pushed but by `call`, and nothing is at an address of its own.

# DEFLATE (RFC 1951).
#
# esi: the stream, `unpack_order` in the 19 bytes before it; edi: where its content
# goes; ebx: WORK_BYTES to work in. Changes all registers; edi ends behind the
# content. The stream is ours, and believed.
#
# ebp is how many bits have been read. A table has the number of codes of each
# length, the entries of all codes of up to FAST_BITS by the bits that they begin
# with, and the symbols in the order of their codes. In an entry are, from bit 0 up:
# 8 bits: the code's length; 0 in an entry that is not there;
# 8 bits: the literal, or how many more bits the value has;
# 8 bits: what the value begins with; of lengths it is 3 less, of distances 1;
# bit 31: no literal; with bit 30: the end of the block.
unpack_inflate:
    xor ebp, ebp
unpack_block:
    mov cl, 3
    call unpack_bits
    shr edx, 1
    sbb eax, eax
    mov [ebx + {LAST}], eax
    dec edx
    js unpack_stored
    mov [ebx + {OUT}], edi
    lea edi, [ebx + {LENGTHS}]
    jz unpack_fixed

    mov cl, 5
    call unpack_bits
    add edx, 257
    mov [ebx + {LITERALS}], edx
    mov cl, 5
    call unpack_bits
    inc edx
    mov [ebx + {DISTANCES}], edx
    mov cl, 4
    call unpack_bits
    add edx, 4
    mov [ebx + {KEPT}], edx
    xor eax, eax
    mov ecx, 19
    rep stosb
    xor edi, edi
2:  mov cl, 3
    call unpack_bits
    movzx ecx, byte ptr [esi + edi - 19]
    mov [ebx + ecx + {LENGTHS}], dl
    inc edi
    cmp edi, [ebx + {KEPT}]
    jb 2b
    mov ecx, 19
    call unpack_literals

    lea edi, [ebx + {LENGTHS}]
    mov eax, [ebx + {LITERALS}]
    add eax, [ebx + {DISTANCES}]
    add eax, edi
    mov [ebx + {END}], eax
3:  lea edx, [ebx + {LITERAL_TABLE}]
    call unpack_symbol
    cmp edx, 16
    jae 4f
    mov eax, edx
    stosb
    jmp 7f
    # 16: the last one again, 17 and 18: zeros.
4:  mov [ebx + {KEPT}], edx
    lea ecx, [edx - 14]
    cmp ecx, 4
    jne 5f
    mov cl, 7
5:  call unpack_bits
    lea ecx, [edx + 3]
    mov eax, [ebx + {KEPT}]
    xor edx, edx
    cmp eax, 17
    je 6f
    mov dl, [edi - 1]
    jb 6f
    xor edx, edx
    add ecx, 8
6:  mov eax, edx
    rep stosb
7:  cmp edi, [ebx + {END}]
    jb 3b

unpack_tables:
    mov ecx, [ebx + {LITERALS}]
    call unpack_literals
    mov eax, [ebx + {LITERALS}]
    lea eax, [ebx + eax + {LENGTHS}]
    mov ecx, [ebx + {DISTANCES}]
    lea edx, [ebx + {DISTANCE_TABLE}]
    mov byte ptr [ebx + {KIND}], 1
    call unpack_table
    mov edi, [ebx + {OUT}]
    jmp 2f

    # Bits for two symbols, if the first is a literal by the table.
7:  mov [edi], dh
    inc edi
2:  mov ecx, ebp
    mov eax, ebp
    shr eax, 3
    mov eax, [esi + eax]
    and ecx, 7
    shr eax, cl
    mov edx, eax
    and edx, {FAST_MASK}
    mov edx, [ebx + edx * 4 + {LITERAL_TABLE} + {FAST}]
    movzx ecx, dl
    add ebp, ecx
    test edx, edx
    jg 8f
    jnz 3f
6:  mov byte ptr [ebx + {KIND}], 2
    lea edx, [ebx + {LITERAL_TABLE}]
    call unpack_entry_of_next
    test edx, edx
    jns 7b
    jmp 3f

8:  mov [edi], dh
    inc edi
    shr eax, cl
    mov edx, eax
    and edx, {FAST_MASK}
    mov edx, [ebx + edx * 4 + {LITERAL_TABLE} + {FAST}]
    movzx ecx, dl
    add ebp, ecx
    test edx, edx
    jg 7b
    jz 6b
3:  shr eax, cl
    cmp edx, 0xc0000000
    jae 5f
    movzx ecx, dh
    shr edx, 16
    movzx edx, dl
    add ebp, ecx
    ror eax, cl
    shld edx, eax, cl
    add edx, 3
    mov [ebx + {KEPT}], edx

    mov ecx, ebp
    mov eax, ebp
    shr eax, 3
    mov eax, [esi + eax]
    and ecx, 7
    shr eax, cl
    mov edx, eax
    and edx, {FAST_MASK}
    mov edx, [ebx + edx * 4 + {DISTANCE_TABLE} + {FAST}]
    movzx ecx, dl
    add ebp, ecx
    test edx, edx
    jnz 4f
    mov byte ptr [ebx + {KIND}], 1
    lea edx, [ebx + {DISTANCE_TABLE}]
    call unpack_entry_of_next
4:  shr eax, cl
    movzx ecx, dh
    shr edx, 16
    add ebp, ecx
    ror eax, cl
    shld edx, eax, cl
    not edx
    mov ecx, [ebx + {KEPT}]
    mov eax, esi
    lea esi, [edi + edx]
    rep movsb
    mov esi, eax
    jmp 2b

5:  cmp dword ptr [ebx + {LAST}], 0
    je unpack_block
    ret

unpack_stored:
    add ebp, 7
    and ebp, -8
    mov cl, 16
    call unpack_bits
    add ebp, 16
    mov eax, ebp
    shr eax, 3
    lea ebp, [ebp + edx * 8]
    mov ecx, edx
    mov edx, esi
    add esi, eax
    rep movsb
    mov esi, edx
    jmp 5b

unpack_fixed:
    mov eax, 8
    mov ecx, 144
    rep stosb
    inc eax
    mov ecx, 112
    rep stosb
    mov al, 7
    mov ecx, 24
    rep stosb
    inc eax
    mov ecx, 8
    rep stosb
    mov al, 5
    mov ecx, 30
    mov [ebx + {DISTANCES}], ecx
    rep stosb
    mov dword ptr [ebx + {LITERALS}], 288
    jmp unpack_tables

# The next bits, 25 at least, in eax. Changes ecx.
unpack_peek:
    mov ecx, ebp
    mov eax, ebp
    shr eax, 3
    mov eax, [esi + eax]
    and ecx, 7
    shr eax, cl
    ret

# Reads cl bits, 16 at most, into edx. Changes eax, ecx.
unpack_bits:
    movzx edx, cl
    call unpack_peek
    mov ecx, edx
    xor edx, edx
    add ebp, ecx
    ror eax, cl
    shld edx, eax, cl
    ret

# Reads a symbol into edx by the table in edx, bit by bit. Changes eax, ecx.
unpack_symbol:
    mov [ebx + {SAVED}], edi
    mov [ebx + {SAVED} + 4], ebp
    call unpack_peek
    xor ecx, ecx
    xor edi, edi
    xor ebp, ebp
2:  shr eax, 1
    adc ecx, ecx
    inc ebp
    add edi, [edx + ebp * 4]
    sub ecx, [edx + ebp * 4]
    jns 2b
    add ecx, edi
    movzx edx, word ptr [edx + ecx * 2 + {SORTED}]
    add ebp, [ebx + {SAVED} + 4]
    mov edi, [ebx + {SAVED}]
    ret

# As before, but its entry, the code's length left out; in eax the next bits, in ecx 0.
unpack_entry_of_next:
    call unpack_symbol
    call unpack_entry
    call unpack_peek
    xor ecx, ecx
    ret

# Makes an entry in edx of the symbol in edx. Changes eax, ecx.
unpack_entry:
    movzx ecx, byte ptr [ebx + {KIND}]
    cmp cl, 1
    je 3f
    cmp edx, 256
    jae 2f
    shl edx, 8
    ret
2:  mov eax, 0xc0000000
    je 4f
    mov eax, 0x80ff0000
    sub edx, 257
    cmp edx, 28
    je 4f
    call 3f
    or edx, 0x80000000
    ret
    # The first symbols are values; then come 1 << ecx for each number of bits.
3:  mov eax, edx
    shr eax, cl
    dec eax
    jle 5f
    shl eax, cl
    sub edx, eax
    shr eax, cl
    shl edx, 8
    or edx, eax
    shl edx, 8
    ret
4:  mov edx, eax
    ret
5:  shl edx, 16
    ret

# Makes a table in edx of ecx codes' lengths at eax. Changes eax, ecx, edx.
unpack_literals:
    lea eax, [ebx + {LENGTHS}]
    lea edx, [ebx + {LITERAL_TABLE}]
    mov byte ptr [ebx + {KIND}], 2
unpack_table:
    mov [ebx + {SAVED}], edi
    mov [ebx + {SAVED} + 4], ebp
    mov [ebx + {SAVED} + 8], esi
    mov [ebx + {TAKEN}], eax
    mov esi, eax
    mov ebp, ecx
    mov edi, edx
    xor eax, eax
    mov ecx, {SORTED} / 4
    rep stosd
2:  movzx eax, byte ptr [esi + ecx]
    inc dword ptr [edx + eax * 4]
    inc ecx
    cmp ecx, ebp
    jb 2b
    xor eax, eax
    xor ecx, ecx
    mov [edx], eax
2:  mov [ebx + ecx * 4 + {OFFSETS}], eax
    add eax, [edx + ecx * 4]
    inc ecx
    cmp ecx, 16
    jb 2b
    xor ecx, ecx
3:  movzx edi, byte ptr [esi + ecx]
    test edi, edi
    jz 4f
    mov eax, [ebx + edi * 4 + {OFFSETS}]
    inc dword ptr [ebx + edi * 4 + {OFFSETS}]
    mov [edx + eax * 2 + {SORTED}], cx
4:  inc ecx
    cmp ecx, ebp
    jb 3b
    # ebp: the code, its first bit lowest; eax: its place among all.
    xor ebp, ebp
    xor eax, eax
5:  cmp eax, [ebx + {OFFSETS} + 15 * 4]
    jae 9f
    mov [ebx + {PLACE}], eax
    movzx eax, word ptr [edx + eax * 2 + {SORTED}]
    mov esi, [ebx + {TAKEN}]
    movzx esi, byte ptr [esi + eax]
    cmp esi, {FAST_BITS}
    ja 9f
    mov edi, edx
    mov edx, eax
    call unpack_entry
    xchg edx, edi
    mov ecx, esi
    or edi, ecx
    xor esi, esi
    bts esi, ecx
    mov eax, ebp
6:  mov [edx + eax * 4 + {FAST}], edi
    add eax, esi
    cmp eax, {FAST_MASK}
    jbe 6b
    # The next code, counted from its last bit.
7:  shr esi, 1
    jz 8f
    xor ebp, esi
    test ebp, esi
    jz 7b
8:  mov eax, [ebx + {PLACE}]
    inc eax
    jmp 5b
9:  mov edi, [ebx + {SAVED}]
    mov ebp, [ebx + {SAVED} + 4]
    mov esi, [ebx + {SAVED} + 8]
    ret

# Calls told by where they lead become calls told by how far. Those to one place
# are alike then, so they pack better; as in LZX (MS-PATCH), but for all of the text.
# In n bytes of text a call whose next instruction is at p leads d bytes on from
# there. Told is, with the highest byte first:
#   d + p  if that lies in the text, from 0 to n;
#   d - n  for those n - p <= d < n that would else be told alike;
#   d      for what is no call, or one out of the text.
#
# edi: the text; ecx: its bytes. Changes all registers but esi.
unpack_calls:
    mov ebx, ecx
    mov al, 0xe8
2:  repne scasb
    jne 5f
    cmp ecx, 4
    jb 5f
    mov ebp, ebx
    sub ebp, ecx
    mov edx, [edi]
    bswap edx
    add ebp, 4
    cmp edx, ebx
    jb 3f
    add ebp, edx
    jnc 4f
    lea edx, [edx + ebx]
    jmp 4f
3:  sub edx, ebp
4:  mov [edi], edx
    add edi, 4
    sub ecx, 4
    jmp 2b
5:  ret

# The lengths of codes for codes' lengths come in this order.
    .balign 4
    .byte 0
unpack_order:
    .byte 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15
unpack_stream:

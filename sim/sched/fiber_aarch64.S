/* SPDX-License-Identifier: MIT */
/*
 * The switch on aarch64: void wrg_fiber_jump(void **save_sp, void *load_sp).
 *
 * x19..x30 and the low halves of v8..v15 are what a callee keeps. It ends in br and not in ret,
 * because the return predictor knows only the stack that was left.
 */
#if defined(__aarch64__) && !defined(WRG_FIBER_UCONTEXT)
    .text
    .globl wrg_fiber_jump
    .hidden wrg_fiber_jump
    .type wrg_fiber_jump, %function
    .balign 16
wrg_fiber_jump:
    .cfi_startproc
    sub sp, sp, #160
    .cfi_adjust_cfa_offset 160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    .cfi_adjust_cfa_offset -160
    .cfi_restore x29
    .cfi_restore x30
    mov x16, x30
    br x16
    .cfi_endproc
    .size wrg_fiber_jump, . - wrg_fiber_jump

/* The first switch to a fiber lands here; its address waits in x19. Unwinders stop here. */
    .globl wrg_fiber_trampoline
    .hidden wrg_fiber_trampoline
    .type wrg_fiber_trampoline, %function
    .balign 16
wrg_fiber_trampoline:
    .cfi_startproc
    .cfi_undefined x30
    mov x0, x19
    bl wrg_fiber_main
    brk #1
    .cfi_endproc
    .size wrg_fiber_trampoline, . - wrg_fiber_trampoline
#endif

    .section .note.GNU-stack, "", %progbits

/* SPDX-License-Identifier: MIT */
/*
 * The switch on x86-64: void wrg_fiber_jump(void **save_sp, void *load_sp).
 *
 * What the callee must keep goes on the stack, then the stack pointer changes. It ends in an
 * indirect jump and not in ret: the return address belongs to another stack, so the processor's
 * return predictor would be wrong every time, at three times the price.
 */
#if defined(__x86_64__) && !defined(WRG_FIBER_UCONTEXT)
    .text
    .globl wrg_fiber_jump
    .hidden wrg_fiber_jump
    .type wrg_fiber_jump, @function
    .balign 16
wrg_fiber_jump:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmpq *%rcx
    .cfi_endproc
    .size wrg_fiber_jump, . - wrg_fiber_jump

/* The first switch to a fiber lands here; its address waits in r12. Unwinders stop here. */
    .globl wrg_fiber_trampoline
    .hidden wrg_fiber_trampoline
    .type wrg_fiber_trampoline, @function
    .balign 16
wrg_fiber_trampoline:
    .cfi_startproc
    .cfi_undefined %rip
    movq %r12, %rdi
    call wrg_fiber_main
    ud2
    .cfi_endproc
    .size wrg_fiber_trampoline, . - wrg_fiber_trampoline
#endif

    .section .note.GNU-stack, "", %progbits

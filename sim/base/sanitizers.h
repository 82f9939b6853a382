/* SPDX-License-Identifier: MIT */
/*
 * What this program is built with, as 0 or 1. Layer: base.
 *
 * Left out: UBSan of gcc, which does not tell a program that it is there.
 */
#ifndef WRG_BASE_SANITIZERS_H
#define WRG_BASE_SANITIZERS_H

#if defined(__has_feature) /* clang */
#define WRG_HAS_ASAN  __has_feature(address_sanitizer)
#define WRG_HAS_TSAN  __has_feature(thread_sanitizer)
#define WRG_HAS_UBSAN __has_feature(undefined_behavior_sanitizer)
#else
#ifdef __SANITIZE_ADDRESS__
#define WRG_HAS_ASAN 1
#else
#define WRG_HAS_ASAN 0
#endif
#ifdef __SANITIZE_THREAD__
#define WRG_HAS_TSAN 1
#else
#define WRG_HAS_TSAN 0
#endif
#define WRG_HAS_UBSAN 0
#endif

#endif

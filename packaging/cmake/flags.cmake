# SPDX-License-Identifier: GPL-3.0-or-later
# Compiler and linker flags that every target of the tree shares.

include(CheckPIESupported)
check_pie_supported(OUTPUT_VARIABLE pie_why LANGUAGES C)
if(NOT CMAKE_C_LINK_PIE_SUPPORTED)
	message(FATAL_ERROR "the compiler cannot link position independent executables: ${pie_why}")
endif()

add_compile_options(
	-Wall -Wextra -Wpedantic -Werror
	-Wconversion -Wshadow -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
	-fno-strict-aliasing -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE)

if(MARGRAVE_HARDEN)
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
		-fstack-clash-protection $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection=full>)
	add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# The parser is many small scanners that make one loop when they are inlined into each other; gcc's ordinary budget
# stops half way, which costs a tenth of its speed (docs/decisions/0007-release-flags.md).
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL GNU)
	set(inlining --param=inline-unit-growth=200 --param=max-inline-insns-auto=400
		--param=large-function-growth=1000 --param=early-inlining-insns=200)
	# Objects hold plain code beside: the tests, which are many, are linked from that (rooms.cmake).
	add_compile_options(${inlining} -ffat-lto-objects)
	add_link_options(${inlining})
endif()

if(MARGRAVE_SANITIZE)
	add_compile_options(-fsanitize=${MARGRAVE_SANITIZE} -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${MARGRAVE_SANITIZE})
endif()

# The code under test needs libFuzzer's coverage counters; its main comes with the fuzz targets alone (mg_fuzz).
if(MARGRAVE_FUZZ)
	if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
		message(FATAL_ERROR "MARGRAVE_FUZZ needs clang: libFuzzer is part of it")
	endif()
	add_compile_options(-fsanitize=fuzzer-no-link)
	add_link_options(-fsanitize=fuzzer-no-link)
endif()

if(MARGRAVE_COVERAGE)
	add_compile_options(--coverage -fprofile-update=atomic)
	add_link_options(--coverage)
endif()

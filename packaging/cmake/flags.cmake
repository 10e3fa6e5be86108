# SPDX-License-Identifier: GPL-3.0-or-later
# Compiler flags that every target of the tree shares.

add_compile_options(
	-Wall -Wextra -Wpedantic -Werror
	-Wconversion -Wshadow -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
	-fno-strict-aliasing -fno-omit-frame-pointer)
add_compile_definitions(_GNU_SOURCE)

if(MARGRAVE_HARDEN)
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
		-fstack-clash-protection $<$<STREQUAL:${CMAKE_SYSTEM_PROCESSOR},x86_64>:-fcf-protection=full>)
	add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
	set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
endif()

if(MARGRAVE_SANITIZE)
	add_compile_options(-fsanitize=${MARGRAVE_SANITIZE} -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${MARGRAVE_SANITIZE})
endif()

if(MARGRAVE_COVERAGE)
	add_compile_options(--coverage -fprofile-update=atomic)
	add_link_options(--coverage)
endif()

# SPDX-License-Identifier: GPL-3.0-or-later
# A room is one folder and one static library; its tests link the room and nothing more, so a call into a
# room that is not allowed fails to link.

# mg_room(NAME SOURCES file... USES target...)
function(mg_room name)
	cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
	add_library(${name} STATIC ${ROOM_SOURCES})
	target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/core)
	target_link_libraries(${name} PUBLIC ${ROOM_USES})
	# Rooms end up in executables only, and -fPIE lets the compiler inline across a file's global functions
	# where the -fPIC of a shared library would have to expect another definition at run time.
	set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
	target_compile_options(${name} PRIVATE -fPIE)
endfunction()

# mg_plain_link(TARGET): without link-time optimisation, which takes longer than most tests run.
function(mg_plain_link target)
	if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL GNU)
		target_link_options(${target} PRIVATE -fno-lto)
	endif()
endfunction()

# mg_test(ROOM name...): name_test.c beside the subject becomes bin/<room>_<name>_test and a CTest of that name,
# labelled with the room. A test that cannot run here prints "SKIP: why" and returns 77.
function(mg_test room)
	foreach(name ${ARGN})
		set(exe ${room}_${name}_test)
		add_executable(${exe} ${name}_test.c)
		target_link_libraries(${exe} PRIVATE ${room} cmocka)
		mg_plain_link(${exe})
		add_test(NAME ${exe} COMMAND ${exe})
		set_tests_properties(${exe} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS ${room})
	endforeach()
endfunction()

# mg_fuzz(ROOM target): tests/fuzz/<target>_fuzz.c becomes bin/fuzz_<target>. The fuzz preset links it with
# libFuzzer; every other preset with a driver that replays files. In all of them the CTest fuzz_<target>_seeds
# runs the seeds in tests/fuzz/corpus/<target>, so that each seed is a regression test.
function(mg_fuzz room target)
	set(exe fuzz_${target})
	set(dir ${PROJECT_SOURCE_DIR}/tests/fuzz)
	add_executable(${exe} ${dir}/${target}_fuzz.c)
	target_include_directories(${exe} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
	target_link_libraries(${exe} PRIVATE ${room})
	mg_plain_link(${exe})
	if(MARGRAVE_FUZZ)
		target_link_options(${exe} PRIVATE -fsanitize=fuzzer)
		add_test(NAME ${exe}_seeds COMMAND ${exe} -runs=0 -timeout=5 ${dir}/corpus/${target})
	else()
		target_sources(${exe} PRIVATE ${dir}/replay.c)
		add_test(NAME ${exe}_seeds COMMAND ${exe} ${dir}/corpus/${target})
	endif()
	set_tests_properties(${exe}_seeds PROPERTIES TIMEOUT 300 LABELS fuzz)
	if(NOT TARGET fuzzers)
		add_custom_target(fuzzers COMMENT "all fuzz targets")
	endif()
	add_dependencies(fuzzers ${exe})
endfunction()

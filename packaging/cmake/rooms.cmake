# SPDX-License-Identifier: GPL-3.0-or-later
# A room is one folder and one static library; its tests link the room and nothing more, so a call into a
# room that is not allowed fails to link.

# mg_room(NAME SOURCES file... USES target...)
function(mg_room name)
	cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
	add_library(${name} STATIC ${ROOM_SOURCES})
	target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/core)
	target_link_libraries(${name} PUBLIC ${ROOM_USES})
endfunction()

# mg_test(ROOM name...): name_test.c beside the subject becomes bin/<room>_<name>_test and a CTest of that name
function(mg_test room)
	foreach(name ${ARGN})
		set(exe ${room}_${name}_test)
		add_executable(${exe} ${name}_test.c)
		target_link_libraries(${exe} PRIVATE ${room} cmocka)
		add_test(NAME ${exe} COMMAND ${exe})
		set_tests_properties(${exe} PROPERTIES TIMEOUT 300)
	endforeach()
endfunction()

# SPDX-License-Identifier: Apache-2.0
# Writes the file LINES for ctest, with one entry for each test suite of
# PROGRAM, which runs in FOLDER and has PROPERTIES.
execute_process(
  COMMAND ${PROGRAM} --gtest_list_tests
  OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
# The output has a line "Suite." or "Instance/Suite." for each suite, followed
# by its tests, which are indented by two spaces.
string(REGEX MATCHALL "\n[^ \n]+\\.\n" suites "\n${listed}")
if(NOT suites)
  message(FATAL_ERROR "${PROGRAM} lists no tests")
endif()
set(script "")
foreach(suite ${suites})
  string(STRIP "${suite}" suite)
  string(REGEX REPLACE "\\.$" "" suite "${suite}")
  string(
    APPEND script
    "add_test(\"${suite}\" \"${PROGRAM}\" \"--gtest_filter=${suite}.*\")\n"
    "set_tests_properties(\"${suite}\" PROPERTIES "
    "WORKING_DIRECTORY \"${FOLDER}\" ${PROPERTIES})\n")
endforeach()
file(WRITE ${LINES} "${script}")

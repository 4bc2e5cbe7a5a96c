# Debian's GCC and newlib for a Cortex-M named by CORE, with newlib's semihosting.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CORE)
set(CMAKE_C_FLAGS_INIT "-mcpu=${CORE} -mthumb -mfpu=auto -mfloat-abi=hard -O2")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--specs=rdimon.specs -T ${CMAKE_CURRENT_LIST_DIR}/memory.ld")

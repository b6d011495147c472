// What is used of wasmtime's C interface, version 50: names, layouts and numbers, declared here so that nothing of it is needed to build.
// The functions are looked up in its library when a WebAssembly plugin is loaded: wasm.c.
#ifndef PATCHBAY_WASMTIME_H
#define PATCHBAY_WASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config wasm_config;
typedef struct wasm_engine wasm_engine;
typedef struct wasm_trap wasm_trap;
typedef struct wasm_valtype wasm_valtype;
typedef struct wasm_functype wasm_functype;
typedef struct wasm_externtype wasm_externtype;
typedef struct wasm_importtype wasm_importtype;
typedef struct wasm_exporttype wasm_exporttype;
typedef struct wasmtime_error wasmtime_error;
typedef struct wasmtime_module wasmtime_module;
typedef struct wasmtime_linker wasmtime_linker;
typedef struct wasmtime_pre wasmtime_pre;
typedef struct wasmtime_store wasmtime_store;
typedef struct wasmtime_context wasmtime_context;
typedef struct wasmtime_caller wasmtime_caller;

typedef struct {
    size_t size;
    char *data;
} wasm_bytes;

typedef struct {
    size_t size;
    wasm_valtype **data;
} wasm_valtypes;

typedef struct {
    size_t size;
    wasm_importtype **data;
} wasm_importtypes;

typedef struct {
    size_t size;
    wasm_exporttype **data;
} wasm_exporttypes;

typedef struct {
    uint64_t store;
    void *place;
} wasmtime_func;

typedef struct {
    struct {
        uint64_t store;
        uint32_t place;
    } owner;
    uint32_t number;
} wasmtime_memory;

typedef struct {
    uint64_t store;
    size_t place;
} wasmtime_instance;

typedef struct {
    uint8_t kind;
    union {
        wasmtime_func func;
        wasmtime_memory memory;
        uint64_t largest[3];
    } of;
} wasmtime_extern;

typedef union {
    int32_t i32;
    int64_t i64;
    uint8_t largest[16];
} wasmtime_value;

enum { WASM_I32 = 0, WASM_I64 = 1 };
enum { WASM_EXTERN_FUNC = 0, WASM_EXTERN_MEMORY = 3 };
enum { WASMTIME_OPTIMISE_SPEED = 1 };

typedef wasm_trap *wasmtime_callback(void *, wasmtime_caller *, wasmtime_value *, size_t);

_Static_assert(sizeof(wasmtime_func) == 16 && sizeof(wasmtime_memory) == 24, "the layout is wasmtime's");
_Static_assert(sizeof(wasmtime_extern) == 32 && sizeof(wasmtime_value) == 16, "the layout is wasmtime's");

/// Each function that is used: F(result, name, parameters).
#define WASMTIME_FUNCTIONS(F) \
    F(wasm_config *, wasm_config_new, (void)) \
    F(void, wasmtime_config_epoch_interruption_set, (wasm_config *, bool)) \
    F(void, wasmtime_config_signals_based_traps_set, (wasm_config *, bool)) \
    F(void, wasmtime_config_max_wasm_stack_set, (wasm_config *, size_t)) \
    F(void, wasmtime_config_memory_reservation_set, (wasm_config *, uint64_t)) \
    F(void, wasmtime_config_memory_guard_size_set, (wasm_config *, uint64_t)) \
    F(void, wasmtime_config_memory_reservation_for_growth_set, (wasm_config *, uint64_t)) \
    F(void, wasmtime_config_native_unwind_info_set, (wasm_config *, bool)) \
    F(void, wasmtime_config_cranelift_opt_level_set, (wasm_config *, uint8_t)) \
    F(void, wasmtime_config_wasm_threads_set, (wasm_config *, bool)) \
    F(void, wasmtime_config_wasm_memory64_set, (wasm_config *, bool)) \
    F(void, wasmtime_config_wasm_multi_memory_set, (wasm_config *, bool)) \
    F(wasm_engine *, wasm_engine_new_with_config, (wasm_config *)) \
    F(void, wasm_engine_delete, (wasm_engine *)) \
    F(void, wasmtime_engine_increment_epoch, (wasm_engine *)) \
    F(void, wasm_byte_vec_delete, (wasm_bytes *)) \
    F(wasm_valtype *, wasm_valtype_new, (uint8_t)) \
    F(uint8_t, wasm_valtype_kind, (const wasm_valtype *)) \
    F(void, wasm_valtype_vec_new, (wasm_valtypes *, size_t, wasm_valtype *const[])) \
    F(wasm_functype *, wasm_functype_new, (wasm_valtypes *, wasm_valtypes *)) \
    F(void, wasm_functype_delete, (wasm_functype *)) \
    F(const wasm_valtypes *, wasm_functype_params, (const wasm_functype *)) \
    F(const wasm_valtypes *, wasm_functype_results, (const wasm_functype *)) \
    F(uint8_t, wasm_externtype_kind, (const wasm_externtype *)) \
    F(const wasm_functype *, wasm_externtype_as_functype_const, (const wasm_externtype *)) \
    F(const wasm_bytes *, wasm_importtype_module, (const wasm_importtype *)) \
    F(const wasm_bytes *, wasm_importtype_name, (const wasm_importtype *)) \
    F(const wasm_externtype *, wasm_importtype_type, (const wasm_importtype *)) \
    F(void, wasm_importtype_vec_delete, (wasm_importtypes *)) \
    F(const wasm_bytes *, wasm_exporttype_name, (const wasm_exporttype *)) \
    F(const wasm_externtype *, wasm_exporttype_type, (const wasm_exporttype *)) \
    F(void, wasm_exporttype_vec_delete, (wasm_exporttypes *)) \
    F(void, wasm_trap_message, (const wasm_trap *, wasm_bytes *)) \
    F(void, wasm_trap_delete, (wasm_trap *)) \
    F(wasm_trap *, wasmtime_trap_new, (const char *, size_t)) \
    F(bool, wasmtime_trap_code, (const wasm_trap *, uint8_t *)) \
    F(void, wasmtime_error_message, (const wasmtime_error *, wasm_bytes *)) \
    F(void, wasmtime_error_delete, (wasmtime_error *)) \
    F(wasmtime_error *, wasmtime_module_new, (wasm_engine *, const uint8_t *, size_t, wasmtime_module **)) \
    F(void, wasmtime_module_delete, (wasmtime_module *)) \
    F(void, wasmtime_module_imports, (const wasmtime_module *, wasm_importtypes *)) \
    F(void, wasmtime_module_exports, (const wasmtime_module *, wasm_exporttypes *)) \
    F(wasmtime_linker *, wasmtime_linker_new, (wasm_engine *)) \
    F(void, wasmtime_linker_delete, (wasmtime_linker *)) \
    F(wasmtime_error *, wasmtime_linker_define_func_unchecked, (wasmtime_linker *, const char *, size_t, const char *, size_t, \
        const wasm_functype *, wasmtime_callback *, void *, void (*)(void *))) \
    F(wasmtime_error *, wasmtime_linker_instantiate_pre, (const wasmtime_linker *, const wasmtime_module *, wasmtime_pre **)) \
    F(wasmtime_error *, wasmtime_instance_pre_instantiate, (const wasmtime_pre *, wasmtime_context *, wasmtime_instance *, wasm_trap **)) \
    F(void, wasmtime_instance_pre_delete, (wasmtime_pre *)) \
    F(wasmtime_store *, wasmtime_store_new, (wasm_engine *, void *, void (*)(void *))) \
    F(void, wasmtime_store_delete, (wasmtime_store *)) \
    F(wasmtime_context *, wasmtime_store_context, (wasmtime_store *)) \
    F(void, wasmtime_store_limiter, (wasmtime_store *, int64_t, int64_t, int64_t, int64_t, int64_t)) \
    F(void *, wasmtime_context_get_data, (const wasmtime_context *)) \
    F(void, wasmtime_context_set_epoch_deadline, (wasmtime_context *, uint64_t)) \
    F(wasmtime_context *, wasmtime_caller_context, (wasmtime_caller *)) \
    F(bool, wasmtime_instance_export_get, (wasmtime_context *, const wasmtime_instance *, const char *, size_t, wasmtime_extern *)) \
    F(wasmtime_error *, wasmtime_func_call_unchecked, (wasmtime_context *, const wasmtime_func *, wasmtime_value *, size_t, wasm_trap **)) \
    F(uint8_t *, wasmtime_memory_data, (const wasmtime_context *, const wasmtime_memory *)) \
    F(size_t, wasmtime_memory_data_size, (const wasmtime_context *, const wasmtime_memory *))

#endif

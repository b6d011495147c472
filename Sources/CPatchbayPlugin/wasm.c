#define _GNU_SOURCE

#include "plugin_wasm.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin_helper.h"
#include "wasmtime.h"

// ---- The library -----------------------------------------------------------------------------------------------------------

/// Its functions, by their names.
static struct {
#define MEMBER(result, name, parameters) result(*name) parameters;
    WASMTIME_FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

static wasm_engine *engine;

/// Bytes that an instance's memory grows to without being moved: addresses, not memory.
#define RESERVED ((uint64_t)64 << 20)

static plugin_wasm_problem problem_of(uint32_t kind, const char *text) {
    plugin_wasm_problem problem = {.kind = kind};
    snprintf(problem.text, sizeof problem.text, "%s", text);
    return problem;
}

static void copy_text(char *to, size_t size, const wasm_bytes *text) {
    size_t count = text->size < size ? text->size : size - 1;
    if (count) memcpy(to, text->data, count);
    to[count] = 0;
}

/// Takes the error.
static plugin_wasm_problem problem_with(uint32_t kind, wasmtime_error *error) {
    plugin_wasm_problem problem = {.kind = kind};
    wasm_bytes text;
    lib.wasmtime_error_message(error, &text);
    copy_text(problem.text, sizeof problem.text, &text);
    lib.wasm_byte_vec_delete(&text);
    lib.wasmtime_error_delete(error);
    return problem;
}

static plugin_wasm_problem look_up(void *handle) {
#define LOOK_UP(result, name, parameters)                                     \
    {                                                                         \
        void *address = dlsym(handle, #name);                                 \
        if (!address) return problem_of(PLUGIN_WASM_OTHER_LIBRARY, #name);    \
        memcpy(&lib.name, &address, sizeof address);                          \
    }
    WASMTIME_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
    return (plugin_wasm_problem){.kind = PLUGIN_WASM_FINE};
}

static wasm_engine *make_engine(void) {
    wasm_config *config = lib.wasm_config_new();
    lib.wasmtime_config_epoch_interruption_set(config, true);
    // The router's signal handlers are its own.
    lib.wasmtime_config_signals_based_traps_set(config, false);
    lib.wasmtime_config_native_unwind_info_set(config, false);
    lib.wasmtime_config_max_wasm_stack_set(config, 256 << 10);
    lib.wasmtime_config_memory_reservation_set(config, RESERVED);
    lib.wasmtime_config_memory_guard_size_set(config, 0);
    lib.wasmtime_config_memory_reservation_for_growth_set(config, 16 << 20);
    lib.wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPTIMISE_SPEED);
    // Addresses of 4 bytes, one memory, and nobody else writes to it.
    lib.wasmtime_config_wasm_threads_set(config, false);
    lib.wasmtime_config_wasm_memory64_set(config, false);
    lib.wasmtime_config_wasm_multi_memory_set(config, false);
    return lib.wasm_engine_new_with_config(config);
}

// ---- Time ------------------------------------------------------------------------------------------------------------------
//
// Compiled code looks at the engine's epoch now and then. One thread adds to it while calls are under way, and sleeps when there
// have been none for a while.

#define TICK_NS 10000000

static atomic_ullong calls_begun, calls_ended;
static atomic_int is_parked;
static pthread_mutex_t parking = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t parked = PTHREAD_COND_INITIALIZER;

static void *tick(void *unused) {
    (void)unused;
    unsigned long long seen = 0;
    for (int idle = 0;;) {
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
        lib.wasmtime_engine_increment_epoch(engine);
        unsigned long long begun = atomic_load(&calls_begun);
        idle = begun == seen && atomic_load(&calls_ended) == begun ? idle + 1 : 0;
        seen = begun;
        if (idle < 50) continue;
        pthread_mutex_lock(&parking);
        // Said first and looked at afterwards, as a call does the other way round: one of the two sees the other.
        atomic_store(&is_parked, 1);
        if (atomic_load(&calls_begun) != seen) atomic_store(&is_parked, 0);
        while (atomic_load(&is_parked)) pthread_cond_wait(&parked, &parking);
        pthread_mutex_unlock(&parking);
        idle = 0;
    }
    return NULL;
}

static void begin_time(void) {
    atomic_fetch_add(&calls_begun, 1);
    if (!atomic_load(&is_parked)) return;
    pthread_mutex_lock(&parking);
    atomic_store(&is_parked, 0);
    pthread_cond_signal(&parked);
    pthread_mutex_unlock(&parking);
}

static void end_time(void) { atomic_fetch_add(&calls_ended, 1); }

static uint64_t ticks(int64_t nanoseconds) { return (uint64_t)(nanoseconds / TICK_NS) + 2; }

static int start_ticking(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, tick, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        pthread_setname_np(thread, "wasm-time");
        pthread_detach(thread);
    }
    return error;
}

// ---- Modules ---------------------------------------------------------------------------------------------------------------

struct plugin_wasm_module {
    wasmtime_module *code;
    wasmtime_pre *pre;
    int has_tick, has_initialize;
};

/// Parameters and results of a function: i and I for numbers of 4 and 8 bytes.
static int is_of_type(const wasm_externtype *type, const char *signature) {
    if (lib.wasm_externtype_kind(type) != WASM_EXTERN_FUNC) return 0;
    const wasm_functype *function = lib.wasm_externtype_as_functype_const(type);
    const wasm_valtypes *lists[] = {lib.wasm_functype_params(function), lib.wasm_functype_results(function)};
    for (int list = 0; list < 2; list++, signature += *signature == '>') {
        for (size_t i = 0; i < lists[list]->size; i++, signature++) {
            uint8_t kind = lib.wasm_valtype_kind(lists[list]->data[i]);
            if ((*signature != 'i' || kind != WASM_I32) && (*signature != 'I' || kind != WASM_I64)) return 0;
        }
        if (list == 0 && *signature != '>') return 0;
    }
    return *signature == 0;
}

static int is_name(const wasm_bytes *name, const char *text) {
    return name->size == strlen(text) && memcmp(name->data, text, name->size) == 0;
}

static wasm_trap *on_emit(void *, wasmtime_caller *, wasmtime_value *, size_t);
static wasm_trap *on_reject(void *, wasmtime_caller *, wasmtime_value *, size_t);
static wasm_trap *on_filter(void *, wasmtime_caller *, wasmtime_value *, size_t);
static wasm_trap *on_log(void *, wasmtime_caller *, wasmtime_value *, size_t);

static const struct {
    const char *name, *signature;
    wasmtime_callback *callback;
} callbacks[] = {
    {"emit", "iiii>", on_emit}, {"reject", "iiiiiiii>", on_reject}, {"filter", "iiii>", on_filter}, {"log", "iiii>", on_log}};

enum { ABI, DESCRIBE, ALLOCATE, CREATE, PROCESS, NEEDED, TICK = NEEDED, INITIALIZE, FUNCTIONS };

static const struct {
    const char *name, *signature;
} functions[FUNCTIONS] = {
    [ABI] = {"patchbay_abi", ">i"},           [DESCRIBE] = {"patchbay_describe", ">i"}, [ALLOCATE] = {"patchbay_allocate", "i>i"},
    [CREATE] = {"patchbay_create", "iii>i"},  [PROCESS] = {"patchbay_process", "iii>i"}, [TICK] = {"patchbay_tick", "iIi>i"},
    [INITIALIZE] = {"_initialize", ">"}};

static plugin_wasm_problem check_imports(const wasmtime_module *code) {
    plugin_wasm_problem problem = {.kind = PLUGIN_WASM_FINE};
    wasm_importtypes imports;
    lib.wasmtime_module_imports(code, &imports);
    for (size_t i = 0; i < imports.size && problem.kind == PLUGIN_WASM_FINE; i++) {
        const wasm_bytes *module = lib.wasm_importtype_module(imports.data[i]), *name = lib.wasm_importtype_name(imports.data[i]);
        problem.kind = PLUGIN_WASM_UNKNOWN_IMPORT;
        for (size_t n = 0; is_name(module, "patchbay") && n < sizeof callbacks / sizeof *callbacks; n++) {
            if (!is_name(name, callbacks[n].name)) continue;
            int is_right = is_of_type(lib.wasm_importtype_type(imports.data[i]), callbacks[n].signature);
            problem.kind = is_right ? PLUGIN_WASM_FINE : PLUGIN_WASM_OTHER_IMPORT;
        }
        snprintf(problem.text, sizeof problem.text, "%.*s.%.*s", (int)(module->size < 200 ? module->size : 200), module->data,
            (int)(name->size < 200 ? name->size : 200), name->data);
    }
    lib.wasm_importtype_vec_delete(&imports);
    return problem;
}

static plugin_wasm_problem check_exports(plugin_wasm_module *module) {
    plugin_wasm_problem problem = {.kind = PLUGIN_WASM_FINE};
    int found[FUNCTIONS] = {0}, has_memory = 0;
    wasm_exporttypes exports;
    lib.wasmtime_module_exports(module->code, &exports);
    for (size_t i = 0; i < exports.size && problem.kind == PLUGIN_WASM_FINE; i++) {
        const wasm_bytes *name = lib.wasm_exporttype_name(exports.data[i]);
        const wasm_externtype *type = lib.wasm_exporttype_type(exports.data[i]);
        if (is_name(name, "memory")) {
            has_memory = lib.wasm_externtype_kind(type) == WASM_EXTERN_MEMORY;
            if (!has_memory) problem = problem_of(PLUGIN_WASM_OTHER_EXPORT, "memory");
        }
        for (int n = 0; n < FUNCTIONS; n++) {
            if (!is_name(name, functions[n].name)) continue;
            found[n] = is_of_type(type, functions[n].signature);
            if (!found[n]) problem = problem_of(PLUGIN_WASM_OTHER_EXPORT, functions[n].name);
        }
    }
    lib.wasm_exporttype_vec_delete(&exports);
    if (problem.kind != PLUGIN_WASM_FINE) return problem;
    for (int n = 0; n < NEEDED; n++)
        if (!found[n]) return problem_of(PLUGIN_WASM_NOT_EXPORTED, functions[n].name);
    if (!has_memory) return problem_of(PLUGIN_WASM_NOT_EXPORTED, "memory");
    module->has_tick = found[TICK];
    module->has_initialize = found[INITIALIZE];
    return problem;
}

static wasm_functype *function_type(const char *signature) {
    wasm_valtype *types[8];
    size_t count = strcspn(signature, ">");
    for (size_t i = 0; i < count; i++) types[i] = lib.wasm_valtype_new(WASM_I32);
    wasm_valtypes parameters, results;
    lib.wasm_valtype_vec_new(&parameters, count, types);
    lib.wasm_valtype_vec_new(&results, 0, NULL);
    return lib.wasm_functype_new(&parameters, &results);
}

static plugin_wasm_problem link_module(plugin_wasm_module *module) {
    wasmtime_linker *linker = lib.wasmtime_linker_new(engine);
    wasmtime_error *error = NULL;
    for (size_t n = 0; n < sizeof callbacks / sizeof *callbacks && !error; n++) {
        wasm_functype *type = function_type(callbacks[n].signature);
        error = lib.wasmtime_linker_define_func_unchecked(
            linker, "patchbay", 8, callbacks[n].name, strlen(callbacks[n].name), type, callbacks[n].callback, NULL, NULL);
        lib.wasm_functype_delete(type);
    }
    if (!error) error = lib.wasmtime_linker_instantiate_pre(linker, module->code, &module->pre);
    lib.wasmtime_linker_delete(linker);
    return error ? problem_with(PLUGIN_WASM_NOT_INSTANTIATED, error) : (plugin_wasm_problem){.kind = PLUGIN_WASM_FINE};
}

plugin_wasm_module *plugin_wasm_compile(const void *bytes, size_t count, plugin_wasm_problem *problem) {
    plugin_wasm_module *module = calloc(1, sizeof *module);
    if (!module) {
        *problem = problem_of(PLUGIN_WASM_NOT_COMPILED, "there is no memory");
        return NULL;
    }
    wasmtime_error *error = lib.wasmtime_module_new(engine, bytes, count, &module->code);
    *problem = error ? problem_with(PLUGIN_WASM_NOT_COMPILED, error) : check_imports(module->code);
    if (problem->kind == PLUGIN_WASM_FINE) *problem = check_exports(module);
    if (problem->kind == PLUGIN_WASM_FINE) *problem = link_module(module);
    if (problem->kind == PLUGIN_WASM_FINE) return module;
    plugin_wasm_module_end(module);
    return NULL;
}

void plugin_wasm_module_end(plugin_wasm_module *module) {
    if (module->pre) lib.wasmtime_instance_pre_delete(module->pre);
    if (module->code) lib.wasmtime_module_delete(module->code);
    free(module);
}

int plugin_wasm_has_tick(const plugin_wasm_module *module) { return module->has_tick; }

// ---- Instances -------------------------------------------------------------------------------------------------------------

struct plugin_wasm_instance {
    wasmtime_store *store;
    wasmtime_context *context;
    wasmtime_memory memory;
    wasmtime_func functions[FUNCTIONS];
    plugin_wasm_limits limits;
    /// What patchbay_create gave.
    uint32_t handle;
    /// Where batches are put, in its memory.
    uint32_t place;
    uint64_t capacity;

    // What it says in a call.
    uint8_t *said;
    size_t said_count, said_capacity;
    uint32_t entries;

    // How a call ended.
    uint32_t stopped;
    int trap;
    int32_t returned;
    char text[256];
};

/// Bytes for what was said that are kept from call to call.
#define KEPT ((size_t)1 << 20)

static void clear(plugin_wasm_instance *instance) {
    if (instance->said_capacity > KEPT) {
        free(instance->said);
        instance->said = NULL;
        instance->said_capacity = 0;
    }
    instance->said_count = 0;
    instance->entries = 0;
    instance->stopped = PLUGIN_WASM_DONE;
    instance->trap = -1;
    instance->text[0] = 0;
}

/// Takes the trap or the error; one of the two is there.
static uint32_t ended(plugin_wasm_instance *instance, wasmtime_error *error, wasm_trap *trap) {
    wasm_bytes text;
    uint8_t code = 0;
    if (error) {
        // A callback that stops a call is an error here.
        plugin_wasm_problem problem = problem_with(PLUGIN_WASM_FINE, error);
        if (instance->stopped == PLUGIN_WASM_DONE)
            snprintf(instance->text, sizeof instance->text, "%.*s", (int)sizeof instance->text - 1, problem.text);
    } else if (instance->stopped == PLUGIN_WASM_DONE) {
        if (lib.wasmtime_trap_code(trap, &code)) instance->trap = code;
        lib.wasm_trap_message(trap, &text);
        // The trace of calls that follows is for compilers' authors.
        text.size = text.size ? strcspn(text.data, "\n") : 0;
        copy_text(instance->text, sizeof instance->text, &text);
        lib.wasm_byte_vec_delete(&text);
    }
    if (trap) lib.wasm_trap_delete(trap);
    if (instance->stopped != PLUGIN_WASM_DONE) return instance->stopped;
    if (error) return PLUGIN_WASM_BROKEN;
    return instance->trap == 10 ? PLUGIN_WASM_LATE : PLUGIN_WASM_TRAPPED;
}

/// Calls a function with that many values, of which the first becomes the result.
static uint32_t call(plugin_wasm_instance *instance, int function, wasmtime_value *values, size_t count) {
    wasm_trap *trap = NULL;
    wasmtime_error *error =
        lib.wasmtime_func_call_unchecked(instance->context, &instance->functions[function], values, count, &trap);
    return error || trap ? ended(instance, error, trap) : PLUGIN_WASM_DONE;
}

static uint32_t call_in_time(plugin_wasm_instance *instance, int64_t deadline, int function, wasmtime_value *values, size_t count) {
    begin_time();
    lib.wasmtime_context_set_epoch_deadline(instance->context, ticks(deadline));
    uint32_t outcome = call(instance, function, values, count);
    end_time();
    return outcome;
}

/// The bytes there; NULL when not all of them lie in its memory.
static uint8_t *bytes_at(const plugin_wasm_instance *instance, uint32_t place, uint64_t count) {
    size_t size = lib.wasmtime_memory_data_size(instance->context, &instance->memory);
    if ((uint64_t)place + count > size) return NULL;
    return lib.wasmtime_memory_data(instance->context, &instance->memory) + place;
}

static uint32_t outside(plugin_wasm_instance *instance, const char *what) {
    snprintf(instance->text, sizeof instance->text, "%s", what);
    return instance->stopped = PLUGIN_WASM_OUTSIDE;
}

/// Sees to it that there is a place for that many bytes.
static uint32_t make_room(plugin_wasm_instance *instance, uint64_t size) {
    if (size <= instance->capacity) return PLUGIN_WASM_DONE;
    // Twice as much as before, so that places that a plugin never takes back add up to no more than the last one.
    uint64_t wanted = size > instance->capacity * 2 ? size : instance->capacity * 2;
    instance->capacity = 0;
    for (;; wanted = size) {
        if (wanted > UINT32_MAX - 8) return PLUGIN_WASM_NO_ROOM;
        wasmtime_value value = {.i32 = (int32_t)(uint32_t)(wanted + 8)};
        uint32_t outcome = call(instance, ALLOCATE, &value, 1);
        if (outcome != PLUGIN_WASM_DONE) return outcome;
        uint32_t place = (uint32_t)value.i32;
        if (place == 0 && wanted > size) continue;
        if (place == 0) return PLUGIN_WASM_NO_ROOM;
        if (!bytes_at(instance, place, wanted + 8)) return outside(instance, "the place for a batch");
        instance->place = (place + 7) & ~7u;
        instance->capacity = wanted;
        return PLUGIN_WASM_DONE;
    }
}

// What stands at the beginning of the place: pb_output, then pb_batch, then records.
#define BATCH 8u
#define RECORDS (BATCH + (uint32_t)sizeof(pb_batch))

plugin_wasm_instance *plugin_wasm_begin(const plugin_wasm_module *module, plugin_wasm_limits limits, plugin_wasm_problem *problem) {
    plugin_wasm_instance *instance = calloc(1, sizeof *instance);
    if (!instance) {
        *problem = problem_of(PLUGIN_WASM_NOT_INSTANTIATED, "there is no memory");
        return NULL;
    }
    instance->limits = limits;
    clear(instance);
    instance->store = lib.wasmtime_store_new(engine, instance, NULL);
    instance->context = lib.wasmtime_store_context(instance->store);
    lib.wasmtime_store_limiter(instance->store, (int64_t)limits.memory, 100000, 1, 16, 1);

    wasmtime_instance made;
    wasm_trap *trap = NULL;
    begin_time();
    lib.wasmtime_context_set_epoch_deadline(instance->context, ticks(limits.start_deadline_ns));
    wasmtime_error *error = lib.wasmtime_instance_pre_instantiate(module->pre, instance->context, &made, &trap);
    uint32_t outcome = error || trap ? ended(instance, error, trap) : PLUGIN_WASM_DONE;
    wasmtime_extern found;
    for (int n = 0; n < FUNCTIONS && outcome == PLUGIN_WASM_DONE; n++) {
        if ((n == TICK && !module->has_tick) || (n == INITIALIZE && !module->has_initialize)) continue;
        const char *name = functions[n].name;
        if (!lib.wasmtime_instance_export_get(instance->context, &made, name, strlen(name), &found) || found.kind != WASM_EXTERN_FUNC)
            outcome = PLUGIN_WASM_BROKEN;
        instance->functions[n] = found.of.func;
    }
    if (outcome == PLUGIN_WASM_DONE) {
        if (!lib.wasmtime_instance_export_get(instance->context, &made, "memory", 6, &found) || found.kind != WASM_EXTERN_MEMORY)
            outcome = PLUGIN_WASM_BROKEN;
        instance->memory = found.of.memory;
    }
    if (outcome == PLUGIN_WASM_DONE && module->has_initialize) {
        wasmtime_value value = {0};
        outcome = call(instance, INITIALIZE, &value, 1);
    }
    end_time();
    if (outcome == PLUGIN_WASM_DONE) return instance;
    *problem = problem_of(
        PLUGIN_WASM_NOT_INSTANTIATED, outcome == PLUGIN_WASM_LATE ? "it doesn't come to an end" : instance->text);
    plugin_wasm_end(instance);
    return NULL;
}

void plugin_wasm_end(plugin_wasm_instance *instance) {
    if (instance->store) lib.wasmtime_store_delete(instance->store);
    free(instance->said);
    free(instance);
}

uint32_t plugin_wasm_abi(plugin_wasm_instance *instance, uint32_t *version) {
    clear(instance);
    wasmtime_value value = {0};
    uint32_t outcome = call_in_time(instance, instance->limits.start_deadline_ns, ABI, &value, 1);
    *version = (uint32_t)value.i32;
    return outcome;
}

uint32_t plugin_wasm_describe(plugin_wasm_instance *instance, const uint8_t **start, uint32_t *length) {
    clear(instance);
    *start = NULL;
    *length = 0;
    wasmtime_value value = {0};
    uint32_t outcome = call_in_time(instance, instance->limits.start_deadline_ns, DESCRIBE, &value, 1);
    if (outcome != PLUGIN_WASM_DONE || value.i32 == 0) return outcome;
    const uint8_t *at = bytes_at(instance, (uint32_t)value.i32, sizeof(pb_bytes));
    if (!at) return outside(instance, "its description");
    pb_bytes text;
    memcpy(&text, at, sizeof text);
    // The upper half of an address may be anything: the module's own pointers have 4 bytes.
    const uint8_t *content = bytes_at(instance, (uint32_t)text.data.bits, text.length);
    if (!content) return outside(instance, "its description");
    if (!text.present) return PLUGIN_WASM_DONE;
    *start = content;
    *length = text.length;
    return PLUGIN_WASM_DONE;
}

static uint32_t returned(plugin_wasm_instance *instance, int32_t result) {
    instance->returned = result;
    return result ? PLUGIN_WASM_FAILED : PLUGIN_WASM_DONE;
}

static uint32_t create(plugin_wasm_instance *instance, uint32_t transformer, const void *options, uint32_t count) {
    uint32_t outcome = make_room(instance, (uint64_t)BATCH + sizeof(pb_bytes) + count);
    if (outcome != PLUGIN_WASM_DONE) return outcome;
    uint8_t *at = bytes_at(instance, instance->place, instance->capacity);
    if (!at) return outside(instance, "the place for its options");
    memset(at, 0, BATCH);
    pb_bytes text = {.data.bits = (uint64_t)instance->place + BATCH + sizeof text, .length = count, .present = 1};
    memcpy(at + BATCH, &text, sizeof text);
    if (count) memcpy(at + BATCH + sizeof text, options, count);
    wasmtime_value values[3] = {
        {.i32 = (int32_t)transformer}, {.i32 = (int32_t)(instance->place + BATCH)}, {.i32 = (int32_t)instance->place}};
    outcome = call(instance, CREATE, values, 3);
    instance->handle = (uint32_t)values[0].i32;
    return outcome != PLUGIN_WASM_DONE ? outcome : instance->handle ? PLUGIN_WASM_DONE : PLUGIN_WASM_REFUSED;
}

uint32_t plugin_wasm_create(plugin_wasm_instance *instance, uint32_t transformer, const void *options, uint32_t count) {
    clear(instance);
    begin_time();
    lib.wasmtime_context_set_epoch_deadline(instance->context, ticks(instance->limits.start_deadline_ns));
    uint32_t outcome = create(instance, transformer, options, count);
    end_time();
    return outcome;
}

static uint32_t process(plugin_wasm_instance *instance, const pb_batch *batch, uint32_t first, plugin_pack_part part) {
    uint32_t outcome = make_room(instance, RECORDS + part.size);
    if (outcome != PLUGIN_WASM_DONE) return outcome;
    uint8_t *at = bytes_at(instance, instance->place, instance->capacity);
    if (!at) return outside(instance, "the place for a batch");
    memset(at, 0, BATCH);
    uint64_t shift = (uint64_t)instance->place - (uint64_t)(uintptr_t)at;
    pb_batch own = plugin_pack(batch, first, part, at + RECORDS, shift);
    memcpy(at + BATCH, &own, sizeof own);
    wasmtime_value values[3] = {
        {.i32 = (int32_t)instance->handle}, {.i32 = (int32_t)(instance->place + BATCH)}, {.i32 = (int32_t)instance->place}};
    outcome = call(instance, PROCESS, values, 3);
    return outcome != PLUGIN_WASM_DONE ? outcome : returned(instance, values[0].i32);
}

uint32_t plugin_wasm_process(plugin_wasm_instance *instance, const pb_batch *batch, uint32_t first, uint32_t *taken) {
    clear(instance);
    plugin_pack_part part = plugin_pack_measure(batch, first, instance->limits.input);
    *taken = part.count;
    if (part.count == 0 && first < batch->count) return PLUGIN_WASM_TOO_LARGE;
    begin_time();
    lib.wasmtime_context_set_epoch_deadline(instance->context, ticks(instance->limits.deadline_ns));
    uint32_t outcome = process(instance, batch, first, part);
    end_time();
    return outcome;
}

uint32_t plugin_wasm_tick(plugin_wasm_instance *instance, int64_t now_ms) {
    clear(instance);
    wasmtime_value values[3] = {{.i32 = (int32_t)instance->handle}, {.i64 = now_ms}, {.i32 = (int32_t)instance->place}};
    uint32_t outcome = call_in_time(instance, instance->limits.deadline_ns, TICK, values, 3);
    return outcome != PLUGIN_WASM_DONE ? outcome : returned(instance, values[0].i32);
}

const uint8_t *plugin_wasm_said(const plugin_wasm_instance *instance, size_t *count) {
    *count = instance->said_count;
    return instance->said;
}

plugin_wasm_ending plugin_wasm_how(const plugin_wasm_instance *instance) {
    return (plugin_wasm_ending){.trap = instance->trap, .returned = instance->returned, .text = instance->text};
}

uint64_t plugin_wasm_memory(const plugin_wasm_instance *instance) {
    return lib.wasmtime_memory_data_size(instance->context, &instance->memory);
}

// ---- What a plugin says ----------------------------------------------------------------------------------------------------

static wasm_trap *stop(plugin_wasm_instance *instance, uint32_t outcome) {
    instance->stopped = outcome;
    return lib.wasmtime_trap_new("stopped", 7);
}

/// A text in the module's memory.
typedef struct {
    const uint8_t *at;
    uint32_t length;
} text_t;

/// - longest: bytes that are of use; more are left out.
static int take_text(const plugin_wasm_instance *instance, const wasmtime_value *values, uint32_t longest, text_t *text) {
    uint32_t place = (uint32_t)values[0].i32, length = (uint32_t)values[1].i32;
    *text = (text_t){0};
    if (place == 0) return 1;
    text->at = bytes_at(instance, place, length);
    text->length = length < longest ? length : longest;
    return text->at != NULL;
}

/// Remembers it until the call is over, since a module that breaks halfway has said half of it.
static wasm_trap *add(plugin_wasm_instance *instance, uint32_t kind, uint32_t record, text_t code, text_t field, text_t text) {
    size_t size = sizeof(plugin_helper_entry) + (size_t)code.length + field.length + text.length;
    size_t padded = (size + 7) & ~(size_t)7;
    size_t end = instance->said_count + padded;
    if (end > instance->limits.output || instance->entries == instance->limits.entries) return stop(instance, PLUGIN_WASM_FULL);
    if (end > instance->said_capacity) {
        size_t capacity = end * 2 > 4096 ? end * 2 : 4096;
        uint8_t *more = realloc(instance->said, capacity);
        if (!more) return stop(instance, PLUGIN_WASM_FULL);
        instance->said = more;
        instance->said_capacity = capacity;
    }
    uint8_t *at = instance->said + instance->said_count;
    plugin_helper_entry entry = {
        .kind = kind, .record = record, .code_length = code.length, .field_length = field.length, .text_length = text.length};
    memcpy(at, &entry, sizeof entry);
    at += sizeof entry;
    if (code.length) memcpy(at, code.at, code.length);
    if (field.length) memcpy(at + code.length, field.at, field.length);
    if (text.length) memcpy(at + code.length + field.length, text.at, text.length);
    instance->said_count = end;
    instance->entries += 1;
    return NULL;
}

static plugin_wasm_instance *instance_of(wasmtime_caller *caller) {
    return lib.wasmtime_context_get_data(lib.wasmtime_caller_context(caller));
}

#define NOTHING ((text_t){0})
/// Of a code, of a field's name and of a sentence: more than is shown of any.
#define LONGEST_TEXT 1024u

static wasm_trap *on_emit(void *unused, wasmtime_caller *caller, wasmtime_value *values, size_t count) {
    (void)unused, (void)count;
    plugin_wasm_instance *instance = instance_of(caller);
    text_t data;
    uint32_t record = (uint32_t)values[1].i32;
    if (values[2].i32 == 0) return add(instance, PLUGIN_HELPER_EMIT_OWN, record, NOTHING, NOTHING, NOTHING);
    if (!take_text(instance, values + 2, UINT32_MAX, &data)) return stop(instance, outside(instance, "data"));
    return add(instance, PLUGIN_HELPER_EMIT, record, NOTHING, NOTHING, data);
}

static wasm_trap *on_reject(void *unused, wasmtime_caller *caller, wasmtime_value *values, size_t count) {
    (void)unused, (void)count;
    plugin_wasm_instance *instance = instance_of(caller);
    text_t code, field, text;
    if (!take_text(instance, values + 2, LONGEST_TEXT, &code) || !take_text(instance, values + 4, LONGEST_TEXT, &field)
        || !take_text(instance, values + 6, LONGEST_TEXT, &text))
        return stop(instance, outside(instance, "a reason"));
    return add(instance, PLUGIN_HELPER_REJECT, (uint32_t)values[1].i32, code, field, text);
}

static wasm_trap *on_filter(void *unused, wasmtime_caller *caller, wasmtime_value *values, size_t count) {
    (void)unused, (void)count;
    plugin_wasm_instance *instance = instance_of(caller);
    text_t text;
    if (!take_text(instance, values + 2, LONGEST_TEXT, &text)) return stop(instance, outside(instance, "a reason"));
    return add(instance, PLUGIN_HELPER_FILTER, (uint32_t)values[1].i32, NOTHING, NOTHING, text);
}

static wasm_trap *on_log(void *unused, wasmtime_caller *caller, wasmtime_value *values, size_t count) {
    (void)unused, (void)count;
    plugin_wasm_instance *instance = instance_of(caller);
    text_t text;
    if (!take_text(instance, values + 2, LONGEST_TEXT, &text)) return stop(instance, outside(instance, "a line of the log"));
    return add(instance, PLUGIN_HELPER_LOG, (uint32_t)values[1].i32, NOTHING, NOTHING, text);
}

// ---- Loading the library ---------------------------------------------------------------------------------------------------

// A plugin whose patchbay_create says "wasmtime" and gives what `memory.grow` of 1024 pages gives; for transformer 1 it traps, for 2
// it goes on for ever:
//
//   (module
//     (import "patchbay" "log" (func $log (param i32 i32 i32 i32)))
//     (memory (export "memory") 1)
//     (data (i32.const 16) "wasmtime")
//     (func (export "patchbay_abi") (result i32) i32.const 1)
//     (func (export "patchbay_describe") (result i32) i32.const 0)
//     (func (export "patchbay_allocate") (param i32) (result i32) i32.const 1024)
//     (func (export "patchbay_create") (param i32 i32 i32) (result i32)
//       (if (i32.eq (local.get 0) (i32.const 1)) (then unreachable))
//       (if (i32.eq (local.get 0) (i32.const 2)) (then (loop (br 0))))
//       (call $log (local.get 2) (i32.const 2) (i32.const 16) (i32.const 8))
//       (memory.grow (i32.const 1024)))
//     (func (export "patchbay_process") (param i32 i32 i32) (result i32) i32.const 0))
static const uint8_t trial[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x18, 0x04, 0x60, 0x04, 0x7f, 0x7f, 0x7f, 0x7f, 0x00, 0x60, 0x00, 0x01, 0x7f, 0x60,
    0x01, 0x7f, 0x01, 0x7f, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x01, 0x7f, 0x02, 0x10, 0x01, 0x08, 'p', 'a', 't', 'c', 'h', 'b', 'a', 'y', 0x03,
    'l', 'o', 'g', 0x00, 0x00, 0x03, 0x06, 0x05, 0x01, 0x01, 0x02, 0x03, 0x03, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x66, 0x06, 0x06, 'm',
    'e', 'm', 'o', 'r', 'y', 0x02, 0x00, 0x0c, 'p', 'a', 't', 'c', 'h', 'b', 'a', 'y', '_', 'a', 'b', 'i', 0x00, 0x01, 0x11, 'p', 'a', 't',
    'c', 'h', 'b', 'a', 'y', '_', 'd', 'e', 's', 'c', 'r', 'i', 'b', 'e', 0x00, 0x02, 0x11, 'p', 'a', 't', 'c', 'h', 'b', 'a', 'y', '_',
    'a', 'l', 'l', 'o', 'c', 'a', 't', 'e', 0x00, 0x03, 0x0f, 'p', 'a', 't', 'c', 'h', 'b', 'a', 'y', '_', 'c', 'r', 'e', 'a', 't', 'e',
    0x00, 0x04, 0x10, 'p', 'a', 't', 'c', 'h', 'b', 'a', 'y', '_', 'p', 'r', 'o', 'c', 'e', 's', 's', 0x00, 0x05, 0x0a, 0x3e, 0x05, 0x04,
    0x00, 0x41, 0x01, 0x0b, 0x04, 0x00, 0x41, 0x00, 0x0b, 0x05, 0x00, 0x41, 0x80, 0x08, 0x0b, 0x27, 0x00, 0x20, 0x00, 0x41, 0x01, 0x46,
    0x04, 0x40, 0x00, 0x0b, 0x20, 0x00, 0x41, 0x02, 0x46, 0x04, 0x40, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x0b, 0x20, 0x02, 0x41, 0x02, 0x41,
    0x10, 0x41, 0x08, 0x10, 0x00, 0x41, 0x80, 0x08, 0x40, 0x00, 0x0b, 0x04, 0x00, 0x41, 0x00, 0x0b, 0x0b, 0x0e, 0x01, 0x00, 0x41, 0x10,
    0x0b, 0x08, 'w', 'a', 's', 'm', 't', 'i', 'm', 'e'};

/// Whether the library does what it is relied on for: what goes in and comes out, limits, traps, deadlines.
static plugin_wasm_problem try_out(void) {
    plugin_wasm_problem problem;
    plugin_wasm_module *module = plugin_wasm_compile(trial, sizeof trial, &problem);
    if (!module) return problem;
    const plugin_wasm_limits limits = {
        .memory = 1 << 20, .deadline_ns = TICK_NS, .start_deadline_ns = TICK_NS, .input = 4096, .output = 4096, .entries = 16};
    static const uint32_t expected[] = {PLUGIN_WASM_DONE, PLUGIN_WASM_TRAPPED, PLUGIN_WASM_LATE};
    for (uint32_t number = 0; number < 3 && problem.kind == PLUGIN_WASM_FINE; number++) {
        plugin_wasm_instance *instance = plugin_wasm_begin(module, limits, &problem);
        if (!instance) break;
        uint32_t outcome = plugin_wasm_create(instance, number, "{}", 2);
        const size_t text = sizeof(plugin_helper_entry);
        int is_right = outcome == expected[number]
            && (number > 0 || (instance->handle == UINT32_MAX && instance->said_count == text + 8
                    && memcmp(instance->said + text, "wasmtime", 8) == 0));
        if (!is_right) problem = problem_of(PLUGIN_WASM_OTHER_LIBRARY, number == 0 ? "a call" : number == 1 ? "a trap" : "a deadline");
        plugin_wasm_end(instance);
    }
    plugin_wasm_module_end(module);
    return problem;
}

plugin_wasm_problem plugin_wasm_load(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        return problem_of(PLUGIN_WASM_NOT_LOADED, reason ? reason : "no reason is given");
    }
    plugin_wasm_problem problem = look_up(handle);
    if (problem.kind != PLUGIN_WASM_FINE) {
        dlclose(handle);
        return problem;
    }
    if (!engine) {
        engine = make_engine();
        if (!engine) return problem_of(PLUGIN_WASM_OTHER_LIBRARY, "an engine");
        int error = start_ticking();
        if (error) {
            lib.wasm_engine_delete(engine);
            engine = NULL;
            return problem_of(PLUGIN_WASM_NOT_LOADED, strerror(error));
        }
    }
    return try_out();
}

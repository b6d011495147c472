#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "jq_bounds.h"

#include <dlfcn.h>
#include <jq.h>
#include <malloc.h>
#include <stdlib.h>

// jv_alloc.h, which defines these, isn't installed.
void *jv_mem_alloc(size_t size);
void *jv_mem_alloc_unguarded(size_t size);
void *jv_mem_calloc(size_t count, size_t size);
void *jv_mem_calloc_unguarded(size_t count, size_t size);
char *jv_mem_strdup(const char *text);
char *jv_mem_strdup_unguarded(const char *text);
void *jv_mem_realloc(void *memory, size_t size);
void jv_mem_free(void *memory);

// Levels of a value that jq's own functions walk by calling themselves: records have 64.
enum { most_levels = 1000 };
// What is parsed between two looks at the bounds.
enum { piece = 64 * 1024 };

// What this thread's run has left.
struct run {
    struct jq_state *state;
    int64_t bytes;
    int64_t steps;
    bool is_active;
    jq_excess excess;
    // Calls of `jv_free` and of comparisons inside one another.
    int free_levels;
    int compare_levels;
    // Values to be freed once the stack is short again.
    jv *waiting;
    size_t waiting_count;
    size_t waiting_room;
};

static __thread struct run run;

// libjq's own, found once before the program begins.
static struct {
    __typeof__(&jv_mem_alloc) alloc;
    __typeof__(&jv_mem_alloc_unguarded) alloc_unguarded;
    __typeof__(&jv_mem_calloc) calloc;
    __typeof__(&jv_mem_calloc_unguarded) calloc_unguarded;
    __typeof__(&jv_mem_strdup) strdup;
    __typeof__(&jv_mem_strdup_unguarded) strdup_unguarded;
    __typeof__(&jv_mem_realloc) realloc;
    __typeof__(&jv_mem_free) release;
    __typeof__(&jv_free) free;
    __typeof__(&jv_cmp) compare;
    __typeof__(&jv_equal) equal;
    __typeof__(&jv_contains) contains;
    __typeof__(&jv_getpath) getpath;
    __typeof__(&jv_dump_string) dump_string;
    __typeof__(&jv_string_explode) explode;
    __typeof__(&jv_string_split) split;
    __typeof__(&jv_string_indexes) indexes;
    __typeof__(&jv_parse_sized) parse_sized;
} own;

__attribute__((constructor)) static void find_own(void) {
    own.alloc = (__typeof__(own.alloc))dlsym(RTLD_NEXT, "jv_mem_alloc");
    own.alloc_unguarded = (__typeof__(own.alloc_unguarded))dlsym(RTLD_NEXT, "jv_mem_alloc_unguarded");
    own.calloc = (__typeof__(own.calloc))dlsym(RTLD_NEXT, "jv_mem_calloc");
    own.calloc_unguarded = (__typeof__(own.calloc_unguarded))dlsym(RTLD_NEXT, "jv_mem_calloc_unguarded");
    own.strdup = (__typeof__(own.strdup))dlsym(RTLD_NEXT, "jv_mem_strdup");
    own.strdup_unguarded = (__typeof__(own.strdup_unguarded))dlsym(RTLD_NEXT, "jv_mem_strdup_unguarded");
    own.realloc = (__typeof__(own.realloc))dlsym(RTLD_NEXT, "jv_mem_realloc");
    own.release = (__typeof__(own.release))dlsym(RTLD_NEXT, "jv_mem_free");
    own.free = (__typeof__(own.free))dlsym(RTLD_NEXT, "jv_free");
    own.compare = (__typeof__(own.compare))dlsym(RTLD_NEXT, "jv_cmp");
    own.equal = (__typeof__(own.equal))dlsym(RTLD_NEXT, "jv_equal");
    own.contains = (__typeof__(own.contains))dlsym(RTLD_NEXT, "jv_contains");
    own.getpath = (__typeof__(own.getpath))dlsym(RTLD_NEXT, "jv_getpath");
    own.dump_string = (__typeof__(own.dump_string))dlsym(RTLD_NEXT, "jv_dump_string");
    own.explode = (__typeof__(own.explode))dlsym(RTLD_NEXT, "jv_string_explode");
    own.split = (__typeof__(own.split))dlsym(RTLD_NEXT, "jv_string_split");
    own.indexes = (__typeof__(own.indexes))dlsym(RTLD_NEXT, "jv_string_indexes");
    own.parse_sized = (__typeof__(own.parse_sized))dlsym(RTLD_NEXT, "jv_parse_sized");
}

static void stop(jq_excess excess) {
    if (run.excess != JQ_WITHIN_BOUNDS) { return; }
    run.excess = excess;
    if (run.state != NULL) { jq_halt(run.state, jv_invalid(), jv_invalid()); }
}

static void step(void) {
    if (run.is_active && --run.steps < 0) { stop(JQ_TOO_MANY_STEPS); }
}

static void *counted(void *memory) {
    if (run.is_active) {
        run.bytes -= (int64_t)malloc_usable_size(memory);
        if (run.bytes < 0) { stop(JQ_TOO_MUCH_MEMORY); }
    }
    return memory;
}

static void uncount(void *memory) {
    if (run.is_active) { run.bytes += (int64_t)malloc_usable_size(memory); }
}

// Whether there is room for what a text becomes, which jq makes at one go.
static bool has_room(jv text, int64_t factor) {
    if (!run.is_active || jv_get_kind(text) != JV_KIND_STRING) { return true; }
    if (jv_string_length_bytes(jv_copy(text)) * factor <= run.bytes) { return true; }
    stop(JQ_TOO_MUCH_MEMORY);
    return false;
}

bool jq_bounds_hold(void) {
    const int64_t bytes = 1 << 20;
    jq_bounds_begin(bytes, bytes);
    jv text = jv_string("patchbay");
    const bool holds = run.bytes < bytes;
    jv_free(text);
    jq_bounds_end();
    return holds;
}

void jq_bounds_begin(int64_t bytes, int64_t steps) {
    run.state = NULL;
    run.bytes = bytes;
    run.steps = steps;
    run.excess = JQ_WITHIN_BOUNDS;
    run.is_active = true;
}

jq_excess jq_bounds_excess(void) { return run.excess; }

void jq_bounds_attach(struct jq_state *state) { run.state = state; }

jq_excess jq_bounds_end(void) {
    run.is_active = false;
    run.state = NULL;
    return run.excess;
}

// MARK: In place of libjq's own

void *jv_mem_alloc(size_t size) { return counted(own.alloc(size)); }
void *jv_mem_alloc_unguarded(size_t size) { return counted(own.alloc_unguarded(size)); }
void *jv_mem_calloc(size_t count, size_t size) { return counted(own.calloc(count, size)); }
void *jv_mem_calloc_unguarded(size_t count, size_t size) { return counted(own.calloc_unguarded(count, size)); }
char *jv_mem_strdup(const char *text) { return counted(own.strdup(text)); }
char *jv_mem_strdup_unguarded(const char *text) { return counted(own.strdup_unguarded(text)); }

void *jv_mem_realloc(void *memory, size_t size) {
    uncount(memory);
    return counted(own.realloc(memory, size));
}

void jv_mem_free(void *memory) {
    uncount(memory);
    own.release(memory);
}

// Keeps a value for later; false when there is no memory for that.
static bool wait_with(jv value) {
    if (run.waiting_count == run.waiting_room) {
        const size_t room = run.waiting_room == 0 ? 64 : 2 * run.waiting_room;
        jv *grown = realloc(run.waiting, room * sizeof(jv));
        if (grown == NULL) { return false; }
        run.waiting = grown;
        run.waiting_room = room;
    }
    run.waiting[run.waiting_count++] = value;
    return true;
}

// libjq frees what is inside a value by calling this: the stack would not do for a million levels.
void jv_free(jv value) {
    step();
    if (run.free_levels >= most_levels && wait_with(value)) { return; }
    run.free_levels++;
    own.free(value);
    run.free_levels--;
    if (run.free_levels > 0 || run.waiting_count == 0) { return; }
    while (run.waiting_count > 0) {
        jv next = run.waiting[--run.waiting_count];
        run.free_levels++;
        own.free(next);
        run.free_levels--;
    }
    free(run.waiting);
    run.waiting = NULL;
    run.waiting_room = 0;
}

// Whether two values may be compared, or whatever else walks down both; takes them over when not.
static bool may_enter(jv left, jv right) {
    step();
    if (run.excess == JQ_WITHIN_BOUNDS || !run.is_active) {
        if (run.compare_levels < most_levels) { return true; }
        if (!run.is_active) { return true; }
        stop(JQ_TOO_DEEP);
    }
    jv_free(left);
    jv_free(right);
    return false;
}

// libjq's own functions for arrays and objects call themselves without coming by here. The order is jq's: a value may be in another one
// many times, so that 60 levels take longer to compare than anybody waits.
static int order_of_arrays(jv left, jv right) {
    const int left_count = jv_array_length(jv_copy(left));
    const int right_count = jv_array_length(jv_copy(right));
    int order = 0;
    for (int index = 0; order == 0 && run.excess == JQ_WITHIN_BOUNDS; index++) {
        if (index >= left_count || index >= right_count) {
            order = (index >= right_count) - (index >= left_count);
            break;
        }
        order = jv_cmp(jv_array_get(jv_copy(left), index), jv_array_get(jv_copy(right), index));
    }
    return order;
}

static int order_of_objects(jv left, jv right) {
    jv names = jv_keys(jv_copy(left));
    int order = jv_cmp(jv_copy(names), jv_keys(jv_copy(right)));
    const int count = jv_array_length(jv_copy(names));
    for (int index = 0; index < count && order == 0 && run.excess == JQ_WITHIN_BOUNDS; index++) {
        jv name = jv_array_get(jv_copy(names), index);
        order = jv_cmp(jv_object_get(jv_copy(left), jv_copy(name)), jv_object_get(jv_copy(right), jv_copy(name)));
        jv_free(name);
    }
    jv_free(names);
    return order;
}

int jv_cmp(jv left, jv right) {
    const jv_kind kind = jv_get_kind(left);
    const bool is_deep = (kind == JV_KIND_ARRAY || kind == JV_KIND_OBJECT) && kind == jv_get_kind(right);
    if (!run.is_active || !is_deep) {
        step();
        return own.compare(left, right);
    }
    if (!may_enter(left, right)) { return 0; }
    run.compare_levels++;
    const int order = kind == JV_KIND_ARRAY ? order_of_arrays(left, right) : order_of_objects(left, right);
    run.compare_levels--;
    jv_free(left);
    jv_free(right);
    return order;
}

static bool are_equal_arrays(jv left, jv right) {
    const int count = jv_array_length(jv_copy(left));
    if (count != jv_array_length(jv_copy(right))) { return false; }
    if (jv_identical(jv_copy(left), jv_copy(right))) { return true; }
    bool are_equal = true;
    for (int index = 0; index < count && are_equal && run.excess == JQ_WITHIN_BOUNDS; index++) {
        are_equal = jv_equal(jv_array_get(jv_copy(left), index), jv_array_get(jv_copy(right), index));
    }
    return are_equal;
}

static bool are_equal_objects(jv left, jv right) {
    if (jv_object_length(jv_copy(left)) != jv_object_length(jv_copy(right))) { return false; }
    bool are_equal = true;
    int place = jv_object_iter(left);
    while (jv_object_iter_valid(left, place) && are_equal && run.excess == JQ_WITHIN_BOUNDS) {
        jv other = jv_object_get(jv_copy(right), jv_object_iter_key(left, place));
        if (jv_get_kind(other) == JV_KIND_INVALID) {
            jv_free(other);
            return false;
        }
        are_equal = jv_equal(jv_object_iter_value(left, place), other);
        place = jv_object_iter_next(left, place);
    }
    return are_equal;
}

int jv_equal(jv left, jv right) {
    const jv_kind kind = jv_get_kind(left);
    const bool is_deep = (kind == JV_KIND_ARRAY || kind == JV_KIND_OBJECT) && kind == jv_get_kind(right);
    if (!run.is_active || !is_deep) {
        step();
        return own.equal(left, right);
    }
    if (!may_enter(left, right)) { return 1; }
    run.compare_levels++;
    const bool are_equal = kind == JV_KIND_ARRAY ? are_equal_arrays(left, right) : are_equal_objects(left, right);
    run.compare_levels--;
    jv_free(left);
    jv_free(right);
    return are_equal;
}

int jv_contains(jv left, jv right) {
    if (!may_enter(left, right)) { return 1; }
    run.compare_levels++;
    const int contains = own.contains(left, right);
    run.compare_levels--;
    return contains;
}

jv jv_getpath(jv value, jv path) {
    if (!may_enter(value, path)) { return jv_null(); }
    run.compare_levels++;
    jv found = own.getpath(value, path);
    run.compare_levels--;
    return found;
}

// Whether a value has few enough levels, and its text is no longer than there is room. A value may be in another one many times.
static bool is_writable(jv value, int64_t *room, int level) {
    step();
    switch (jv_get_kind(value)) {
        case JV_KIND_STRING: *room -= 2 * (int64_t)jv_string_length_bytes(jv_copy(value)) + 2; break;
        case JV_KIND_ARRAY: {
            if (level > most_levels) { stop(JQ_TOO_DEEP); }
            *room -= 2;
            const int count = jv_array_length(jv_copy(value));
            for (int index = 0; index < count && run.excess == JQ_WITHIN_BOUNDS && *room >= 0; index++) {
                jv element = jv_array_get(jv_copy(value), index);
                is_writable(element, room, level + 1);
                jv_free(element);
            }
            break;
        }
        case JV_KIND_OBJECT: {
            if (level > most_levels) { stop(JQ_TOO_DEEP); }
            *room -= 2;
            int place = jv_object_iter(value);
            while (jv_object_iter_valid(value, place) && run.excess == JQ_WITHIN_BOUNDS && *room >= 0) {
                jv name = jv_object_iter_key(value, place);
                is_writable(name, room, level + 1);
                jv_free(name);
                jv member = jv_object_iter_value(value, place);
                is_writable(member, room, level + 1);
                jv_free(member);
                place = jv_object_iter_next(value, place);
            }
            break;
        }
        default: *room -= 25; break;
    }
    if (*room < 0) { stop(JQ_TOO_MUCH_MEMORY); }
    return run.excess == JQ_WITHIN_BOUNDS;
}

jv jv_dump_string(jv value, int flags) {
    int64_t room = run.bytes;
    if (run.is_active && (run.excess != JQ_WITHIN_BOUNDS || !is_writable(value, &room, 1))) {
        jv_free(value);
        return jv_string("");
    }
    return own.dump_string(value, flags);
}

jv jv_string_explode(jv text) {
    if (has_room(text, 16)) { return own.explode(text); }
    jv_free(text);
    return jv_array();
}

jv jv_string_split(jv text, jv separator) {
    if (has_room(text, 48)) { return own.split(text, separator); }
    jv_free(text);
    jv_free(separator);
    return jv_array();
}

jv jv_string_indexes(jv text, jv wanted) {
    if (has_room(text, 16)) { return own.indexes(text, wanted); }
    jv_free(text);
    jv_free(wanted);
    return jv_array();
}

// Of `[],[],[]` each byte takes a hundred: long texts are parsed in pieces.
jv jv_parse_sized(const char *text, int count) {
    if (!run.is_active || count <= piece) { return own.parse_sized(text, count); }
    struct jv_parser *parser = jv_parser_new(0);
    jv value = jv_invalid();
    bool is_whole = true;
    for (int start = 0; start < count && is_whole && run.excess == JQ_WITHIN_BOUNDS;) {
        const int size = count - start < piece ? count - start : piece;
        jv_parser_set_buf(parser, text + start, size, start + size < count);
        start += size;
        for (;;) {
            jv next = jv_parser_next(parser);
            if (jv_get_kind(next) == JV_KIND_INVALID) {
                is_whole = !jv_invalid_has_msg(next);
                break;
            }
            if (jv_get_kind(value) != JV_KIND_INVALID) {
                // There is a second one.
                jv_free(next);
                is_whole = false;
                break;
            }
            value = next;
        }
    }
    jv_parser_free(parser);
    if (run.excess != JQ_WITHIN_BOUNDS) {
        jv_free(value);
        return jv_invalid_with_msg(jv_string("the bounds are exceeded"));
    }
    if (is_whole && jv_get_kind(value) != JV_KIND_INVALID) { return value; }
    // It says best what is wrong.
    jv_free(value);
    return own.parse_sized(text, count);
}

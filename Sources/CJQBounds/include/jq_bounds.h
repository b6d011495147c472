// Bounds on what one run of a program of jq takes: memory, steps, levels of a value. jq itself has none.
//
// The functions of libjq by which values are made, freed and compared are defined here once more: they count, and call libjq's own. The
// linker has libjq call those of the program in place of its own, unless libjq was built to call itself directly.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct jq_state;

typedef enum { JQ_WITHIN_BOUNDS = 0, JQ_TOO_MUCH_MEMORY, JQ_TOO_MANY_STEPS, JQ_TOO_DEEP } jq_excess;

/// Whether libjq calls the functions here. Otherwise nothing is counted, and no bound holds.
bool jq_bounds_hold(void);

/// Counts what this thread does with jq from here on.
///
/// - bytes: of memory, beyond what there was.
/// - steps: values that are freed or compared, which is what nearly every instruction of a program does.
void jq_bounds_begin(int64_t bytes, int64_t steps);

/// What has been exceeded so far.
jq_excess jq_bounds_excess(void);

/// From here on `state` is halted when a bound is exceeded: it ends at its next instruction.
void jq_bounds_attach(struct jq_state *state);

/// Ends the counting; says what was exceeded first.
jq_excess jq_bounds_end(void);

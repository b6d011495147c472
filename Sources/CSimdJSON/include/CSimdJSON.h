// JSON for Swift through libsimdjson: validate whole documents, index them, check them against a shape.
//
// Strictness: simdjson's DOM parser is the judge. It validates the grammar of RFC 8259, UTF-8, string escapes and numbers over
// the whole document. Two limits of its own are lifted here, since the text is what is passed on: a number that is well
// formed but fits neither int64, uint64 nor double is accepted, and so are, unless the parser was told otherwise, escapes
// for half a surrogate pair, which the grammar allows. They stand for no Unicode text, so their strings have U+FFFD there.
//
// Memory: a parser owns its buffers and reuses them; they grow with the largest document it has seen, up to its limit,
// and are never shrunk. No function allocates once they have grown, except for a document that is one lone number.
// No C++ exception leaves this library; running out of memory is a status.
//
// Threads: a parser belongs to one thread at a time. A shape is immutable once built and may be shared by any number.
#ifndef PATCHBAY_CSIMDJSON_H
#define PATCHBAY_CSIMDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SJ_NOEXCEPT noexcept
extern "C" {
#else
#define SJ_NOEXCEPT
#endif

#pragma clang assume_nonnull begin

typedef struct sj_parser sj_parser;
typedef struct sj_shape sj_shape;

/// What became of a document.
typedef enum sj_status {
    SJ_OK = 0,
    /// Not one JSON value in UTF-8; `sj_failure.message` says why.
    SJ_INVALID_JSON,
    /// More levels of arrays and objects than the parser allows.
    SJ_TOO_DEEP,
    /// More bytes than the parser allows.
    SJ_TOO_LARGE,
    SJ_OUT_OF_MEMORY,
    /// The document is valid, but not an object.
    SJ_NOT_AN_OBJECT,
    SJ_MISSING_FIELD,
    SJ_WRONG_TYPE,
    /// The right JSON type, but not what the field's kind demands.
    SJ_INVALID_VALUE,
    /// A known field occurs twice, in one spelling or in both.
    SJ_DUPLICATE_FIELD,
} sj_status;

typedef enum sj_type {
    SJ_NULL = 0,
    SJ_BOOL,
    SJ_NUMBER,
    SJ_STRING,
    SJ_ARRAY,
    SJ_OBJECT,
} sj_type;

/// What a field's value must be.
typedef enum sj_kind {
    /// Any JSON value, null included.
    SJ_KIND_ANY = 0,
    /// A string, possibly empty.
    SJ_KIND_STRING,
    /// A string of at least one byte.
    SJ_KIND_TEXT,
    /// A string `digits` or `digits.digits`: an exact, non-negative amount. No sign, no exponent, no spaces.
    SJ_KIND_DECIMAL,
    /// The same with an optional leading `-`.
    SJ_KIND_SIGNED_DECIMAL,
    /// A string `YYYY-MM-DDThh:mm:ss[.digits](Z|+hh:mm|-hh:mm)`: the profile of ISO 8601 that RFC 3339 names, in
    /// capitals, with a day that exists in the Gregorian calendar and seconds from 00 to 59 (no leap second, as
    /// neither JavaScript nor Go reads one).
    SJ_KIND_TIMESTAMP,
    SJ_KIND_BOOL,
    /// A number written as an integer without sign, fraction or exponent.
    SJ_KIND_COUNT,
    SJ_KIND_NUMBER,
    /// A string equal to one of the field's words.
    SJ_KIND_CHOICE,
    /// An object of the nested shape.
    SJ_KIND_OBJECT,
    /// An array, possibly empty, of objects of the nested shape.
    SJ_KIND_OBJECTS,
} sj_kind;

enum {
    /// Most fields of one shape: they are counted in the bits of 64.
    SJ_MAXIMUM_FIELDS = 64,
    /// Most shapes inside one another, the outermost included.
    SJ_MAXIMUM_NESTING = 4,
};

/// `sj_node.field` of a member that the shape doesn't know.
#define SJ_UNKNOWN_FIELD ((int16_t)-1)
/// "No such node."
#define SJ_NO_NODE ((uint32_t)0xffffffff)

/// One value of a document. All nodes stand in document order, a container before its content.
/// Offsets and lengths are in bytes of the original text.
typedef struct sj_node {
    /// The value as written: strings with their quotes, containers with their brackets.
    uint32_t offset;
    uint32_t length;
    /// The name as written, without its quotes; only for members of objects.
    uint32_t name_offset;
    uint32_t name_length;
    /// The node behind this value and everything in it.
    uint32_t next;
    /// Where simdjson keeps the value; for the functions below.
    uint32_t tape;
    /// The field of the shape that this member is, set by `sj_check`; else SJ_UNKNOWN_FIELD.
    int16_t field;
    uint8_t type; // sj_type
    bool is_member;
    bool has_escaped_name;
    bool has_escaped_value;
} sj_node;

/// The document parsed last. Valid until the parser's next call, and as long as the caller keeps the text.
typedef struct sj_document {
    const uint8_t *_Nullable text;
    const sj_node *_Nullable nodes;
    uint32_t node_count;
    /// Whether a number of the document is outside what simdjson can represent.
    bool has_huge_number;
    /// Whether a string of the document holds an escape for half a surrogate pair.
    bool has_lone_surrogate;
    const sj_parser *parser;
} sj_document;

/// One step from a shape to the place of a failure.
typedef struct sj_step {
    /// Index in the shape's fields.
    int32_t field;
    /// Index in the array, for `SJ_KIND_OBJECTS`; -1 when the step ends at the field.
    int32_t element;
} sj_step;

/// Where and why a document was refused.
typedef struct sj_failure {
    sj_step path[SJ_MAXIMUM_NESTING];
    /// Number of valid steps in `path`; 0 when the whole document is at fault.
    int32_t path_length;
    /// The offending value; SJ_NO_NODE when there is none.
    uint32_t node;
    /// For SJ_INVALID_JSON, a static sentence; else NULL.
    const char *_Nullable message;
    /// The byte at fault, from 0; -1 when it isn't known.
    int64_t byte_offset;
} sj_failure;

/// A run of bytes, not terminated.
typedef struct sj_bytes {
    const uint8_t *_Nullable start;
    size_t count;
} sj_bytes;

/// NULL when memory is exhausted.
/// - maximum_bytes: at most 1 GiB; more is taken as that.
/// - maximum_depth: levels of arrays and objects, at least 1; `[[1]]` has two.
/// - rejects_lone_surrogates: whether escapes for half a surrogate pair make a text invalid.
sj_parser *_Nullable sj_parser_create(
    size_t maximum_bytes, size_t maximum_depth, bool rejects_lone_surrogates
) SJ_NOEXCEPT;
void sj_parser_destroy(sj_parser *_Nullable parser) SJ_NOEXCEPT;

/// Whether `text` is one valid JSON value. Leaves no document behind.
sj_status sj_validate(sj_parser *parser, const uint8_t *_Nullable text, size_t count, sj_failure *failure) SJ_NOEXCEPT;

/// Validates and indexes. Every `field` is SJ_UNKNOWN_FIELD.
sj_status sj_read(sj_parser *parser, const uint8_t *_Nullable text, size_t count, sj_failure *failure) SJ_NOEXCEPT;

/// Validates, indexes, and checks the document against `shape`. Members that the shape doesn't know are allowed.
/// An optional field may be null. The first fault in the order of the text is reported, missing fields last.
sj_status sj_check(
    sj_parser *parser, const sj_shape *shape, const uint8_t *_Nullable text, size_t count, sj_failure *failure
) SJ_NOEXCEPT;

/// What `sj_read` or `sj_check` left; its `node_count` is 0 when they failed before indexing.
const sj_document *sj_parser_document(const sj_parser *parser) SJ_NOEXCEPT;

/// A string's text without escapes, in UTF-8. `node` must be a string of the document.
sj_bytes sj_string(const sj_document *document, const sj_node *node) SJ_NOEXCEPT;
/// A member's name without escapes, in UTF-8.
sj_bytes sj_name(const sj_document *document, const sj_node *node) SJ_NOEXCEPT;
/// The first escape for half a surrogate pair in a valid JSON text, from 0; `count` when there is none.
size_t sj_lone_surrogate(const uint8_t *_Nullable text, size_t count) SJ_NOEXCEPT;
/// Writes escapes for U+FFFD in their places.
void sj_replace_lone_surrogates(uint8_t *_Nullable text, size_t count) SJ_NOEXCEPT;
/// The nearest double; false when the number is too large for one.
bool sj_number_double(const sj_document *document, const sj_node *node, double *value) SJ_NOEXCEPT;

/// NULL when memory is exhausted.
sj_shape *_Nullable sj_shape_create(void) SJ_NOEXCEPT;
void sj_shape_destroy(sj_shape *_Nullable shape) SJ_NOEXCEPT;

/// Appends a field; its index is the number of fields before it. The bytes are copied. `nested` is not: it must live
/// as long as `shape`. False when memory is exhausted, a name is empty or taken, there are too many fields, the nesting
/// is too deep, or `nested` doesn't go with `kind`; the shape must then be destroyed.
bool sj_shape_add_field(
    sj_shape *shape, sj_bytes name, sj_bytes other_name, sj_kind kind, bool is_required, const sj_shape *_Nullable nested
) SJ_NOEXCEPT;

/// Appends a word to the choice of the field added last. False when memory is exhausted or that field has no choice.
bool sj_shape_add_word(sj_shape *shape, sj_bytes word) SJ_NOEXCEPT;

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif

#endif
